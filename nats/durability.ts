// What a NATS server keeps of what it acknowledged, in one plain sentence: from its configuration where it is ours, honest where it is not.
import { readFile } from 'node:fs/promises';

/** Source: nats-server, jetstream.sync_interval. */
const SERVER_DEFAULT = '2m';

/** @param server.configPath - of a server that we configure; a server without one is somebody else's and does not tell its settings */
export async function readDurability(server: { readonly configPath: string | undefined; readonly version: string | undefined }): Promise<string> {
  const version = server.version === undefined ? '' : `version ${server.version}, `;
  if (server.configPath === undefined) {
    return `${version}sync_interval unknown: an external server does not tell it. With its default (${SERVER_DEFAULT}) a power loss may cost the last two minutes of what was acknowledged; a crash of processes costs nothing`;
  }
  const config = await readFile(server.configPath, 'utf8').catch(() => undefined);
  if (config === undefined) return `${version}sync_interval unknown: ${server.configPath} cannot be read`;
  const interval = syncIntervalOf(config);
  if (interval === 'always') return `${version}sync_interval always: every acknowledged entry is on disk, a power loss loses nothing that was acknowledged`;
  return `${version}sync_interval ${interval ?? `${SERVER_DEFAULT} (the server's default)`}: a power loss may cost the last ${interval ?? SERVER_DEFAULT} of what was acknowledged; a crash of processes costs nothing`;
}

/** The setting in the text of a configuration; undefined = the server's default. */
export function syncIntervalOf(config: string): string | undefined {
  const settings = config.split('\n').map((line) => line.replace(/(^|\s)(#|\/\/).*$/, '')).join('\n');
  return /\bsync(?:_interval)?\s*[:=\s]\s*"?([A-Za-z0-9.]+)"?/.exec(settings)?.[1];
}
