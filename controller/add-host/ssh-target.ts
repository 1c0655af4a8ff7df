// Where `host add` goes: user, name and port as people write them for ssh.
import { userInfo } from 'node:os';
import { ControllerError } from '../controller-error.ts';

export type SshTarget = { readonly user: string; readonly host: string; readonly port: number };

/** `[user@]host[:port]`, an IPv6 address in brackets when a port follows. @throws {ControllerError} `bad-ssh-target`. */
export const parseSshTarget = (text: string): SshTarget => {
  const [, user, bracketed, plain, port] = /^(?:([^@\s]+)@)?(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s@[\]:]+?))(?::(\d{1,5}))?$/.exec(withBrackets(text)) ?? [];
  const host = bracketed ?? plain;
  // A name that begins with a dash would be taken for an option by whoever passes it on.
  if (host === undefined || host.startsWith('-') || Number(port ?? 22) > 65_535) throw new ControllerError('bad-ssh-target', `${JSON.stringify(text)} is no server: write e.g. root@rack2, admin@10.0.0.2:2222 or root@[fd00::2]:22`);
  return { user: user ?? userInfo().username, host, port: Number(port ?? 22) };
};

const withBrackets = (text: string): string => {
  const [, user = '', rest = ''] = /^([^@]*@)?(.*)$/.exec(text) ?? [];
  return rest.split(':').length > 2 && !rest.includes('[') ? `${user}[${rest}]` : text;
};
