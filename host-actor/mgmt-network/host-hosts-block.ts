// A lab's block in the host's own /etc/hosts: names of its containers, between two marker lines, gone without a trace.
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MgmtNetworkError } from './mgmt-network-error.ts';

/** One container; `id` = its engine id, of which the first 12 characters are written. Addresses with or without prefix length. */
export interface HostsBlockEntry { readonly name: string; readonly id: string | undefined; readonly kind: string; readonly ipv4: string | undefined; readonly ipv6: string | undefined }

const LOCK_PATIENCE_MS = 5_000;

/** Puts the lab's block at the end of the file, in the place of an older one. Lines as the peer writes them. */
export async function writeHostHostsBlock(lab: string, entries: readonly HostsBlockEntry[], path = '/etc/hosts'): Promise<void> {
  await edit(path, (text) => {
    const rest = withoutBlock(text, lab, path);
    return `${rest}${rest === '' || rest.endsWith('\n') ? '' : '\n'}${renderHostsBlock(lab, entries)}`;
  });
}

/** Takes the lab's block away, byte by byte as it was before. A file without one stays untouched. */
export async function removeHostHostsBlock(lab: string, path = '/etc/hosts'): Promise<void> {
  await edit(path, (text) => withoutBlock(text, lab, path));
}

/** The block's text: IPv4 lines, then IPv6 lines, sorted by name. */
export function renderHostsBlock(lab: string, entries: readonly HostsBlockEntry[]): string {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  const lines = (pick: (entry: HostsBlockEntry) => string | undefined) => sorted.flatMap((entry) => {
    const address = pick(entry)?.split('/')[0];
    return address === undefined || address === '' ? [] : [`${address}\t${entry.name}\t${entry.id?.slice(0, 12) ?? ''}\t# Kind: ${entry.kind}`];
  });
  return [startOf(lab), ...lines((entry) => entry.ipv4), ...lines((entry) => entry.ipv6), endOf(lab), ''].join('\n');
}

function startOf(lab: string): string {
  return `###### CLAB-${lab}-START ######`;
}

function endOf(lab: string): string {
  return `###### CLAB-${lab}-END ######`;
}

function withoutBlock(text: string, lab: string, path: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.trim() === startOf(lab));
  if (start < 0) return text;
  const end = lines.findIndex((line, index) => index > start && line.trim() === endOf(lab));
  if (end < 0) {
    throw new MgmtNetworkError({ code: 'hosts-file-broken', retryable: false, message: `${path} has the line "${startOf(lab)}" without its end; remove that block by hand` });
  }
  return withoutBlock([...lines.slice(0, start), ...lines.slice(end + 1)].join('\n'), lab, path);
}

/** In place, since containers and other programs hold the inode; under a lock file that other processes of ours heed. */
async function edit(path: string, change: (text: string) => string): Promise<void> {
  const lock = await takeLock(`${path}.labwright.lock`);
  try {
    const before = await readFile(path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    const after = change(before);
    if (after !== before) await writeFile(path, after);
  } finally {
    await lock.close();
    await rm(`${path}.labwright.lock`, { force: true });
  }
}

async function takeLock(path: string): Promise<FileHandle> {
  await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
  const giveUpAt = Date.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const lock = await open(path, 'wx').catch(() => undefined);
    if (lock) return lock;
    // A holder that was killed leaves the file behind; no edit takes this long.
    const held = await stat(path).catch(() => undefined);
    if (Date.now() > giveUpAt || (held !== undefined && Date.now() - held.mtimeMs > LOCK_PATIENCE_MS)) await rm(path, { force: true });
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}
