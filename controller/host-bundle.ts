// What a new host needs to join, as one file or one line of text: where NATS is, who the host is, its secret, what the controller speaks.
import { z } from 'zod';
import { HostId } from '../machines/vocabulary/ids.ts';
import { ControllerError } from './controller-error.ts';

export const HostBundle = z.object({
  v: z.literal(1),
  hostId: HostId,
  url: z.string().min(1),
  /** Text of the credentials file: a secret. */
  credentials: z.string().min(1),
  protocol: z.number().int(),
  version: z.string(),
});
export type HostBundle = z.infer<typeof HostBundle>;

const TOKEN_HEAD = 'lwhost1.';

/** The bundle as one line. It holds a secret: it belongs into files of mode 0600 and pipes, not into arguments. */
export const encodeToken = (bundle: HostBundle): string => `${TOKEN_HEAD}${Buffer.from(JSON.stringify(bundle)).toString('base64url')}`;

/** Reads a token or a bundle file. The message never holds what was read. @throws {ControllerError} `bad-bundle`. */
export const decodeBundle = (text: string, where: string): HostBundle => {
  const trimmed = text.trim();
  const json = trimmed.startsWith(TOKEN_HEAD) ? Buffer.from(trimmed.slice(TOKEN_HEAD.length), 'base64url').toString('utf8') : trimmed;
  const parsed = HostBundle.safeParse(parseJson(json));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(all of it)'}: ${issue.code}`).join(', ');
  throw new ControllerError('bad-bundle', `${where} holds no invitation of a host (${faults}). \`labwright host token\` on the controller makes one: a line that begins with ${TOKEN_HEAD}`);
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
