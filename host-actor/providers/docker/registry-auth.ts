// Credentials of the user's own Docker configuration for the registry of an image.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

const dockerConfig = z.object({ auths: z.record(z.string(), z.object({ auth: z.string().optional() })).optional() });

/** Registry a reference names; Docker Hub where it names none. Source: distribution reference grammar. */
export function registryOf(image: string): string {
  const first = image.split('/')[0] ?? '';
  const isHost = image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost ? first : 'https://index.docker.io/v1/';
}

/** What `docker login` left for that registry; undefined where there is nothing (credential helpers are not asked). */
export async function readRegistryAuth(image: string, configDir: string = process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker')): Promise<RegistryAuth | undefined> {
  const registry = registryOf(image);
  let text: string;
  try {
    text = await readFile(join(configDir, 'config.json'), 'utf8');
  } catch {
    return undefined;
  }
  const auth = parseConfig(text)?.auths?.[registry]?.auth;
  if (auth === undefined) return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const at = decoded.indexOf(':');
  return at === -1 ? undefined : { username: decoded.slice(0, at), password: decoded.slice(at + 1), serveraddress: registry };
}

function parseConfig(text: string): z.infer<typeof dockerConfig> | undefined {
  try {
    return dockerConfig.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
