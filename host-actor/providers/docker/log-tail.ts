// Last words of a node: the end of its log, running or dead.
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { LogTail, VerbOptions } from '../provider.ts';
import { requireOurs } from './container-life.ts';
import type { EngineClient } from './engine-client.ts';
import type { OutputStream } from './stream-frames.ts';
import { FrameReader } from './stream-frames.ts';

const defaultMaxBytes = 64 * 1024;

/** The last lines, oldest first, both streams in order; of a terminal without carriage returns.
 *  @throws {ProviderError} `container-absent` and those of the client. */
export async function readLogTail(engine: EngineClient, runtimeId: string, options: VerbOptions & { lines: number; maxBytes?: number }): Promise<LogTail> {
  const node = await requireOurs(engine, runtimeId, options);
  const answer = await engine.call({ what: `reading the log of container ${node.name}`, ...options, lane: 'read' }, (docker, abortSignal) =>
    // One line more than wanted tells whether lines were left out.
    readRawLog(docker, runtimeId, options.lines + 1, abortSignal),
  );
  const all = splitLines(answer, node.tty);
  const kept = withinBytes(all.slice(-options.lines), options.maxBytes ?? defaultMaxBytes);
  return { lines: kept, truncated: kept.length < all.length };
}

/** As a stream: the client's own call parses a log that happens to be JSON (a number is enough) and gives that instead. */
async function readRawLog(docker: Docker, runtimeId: string, tail: number, abortSignal: AbortSignal): Promise<Buffer> {
  const statusCodes = { 200: true, 404: 'no such container', 500: 'server error' };
  const request = { path: `/containers/${runtimeId}/logs?`, method: 'GET', isStream: true, statusCodes, options: { stdout: true, stderr: true, tail }, abortSignal };
  const stream = await new Promise<unknown>((resolve, reject) => {
    docker.modem.dial(request, (error: unknown, answer: unknown) => (error === null ? resolve(answer) : reject(error)));
  });
  const chunks: Buffer[] = [];
  if (stream instanceof Readable) for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

interface Line {
  readonly stream: OutputStream;
  readonly text: string;
}

function splitLines(answer: Buffer, tty: boolean): readonly Line[] {
  const frames = tty ? [{ stream: 'stdout' as const, content: answer }] : new FrameReader().read(answer);
  return frames.flatMap(({ stream, content }) => {
    const lines = content.toString('utf8').split(/\r*\n/);
    if (lines.at(-1) === '') lines.pop();
    return lines.map((text) => ({ stream, text }));
  });
}

/** Drops the oldest lines until the rest fits; a single line that is too long keeps its end. */
function withinBytes(lines: readonly Line[], maxBytes: number): readonly Line[] {
  let room = maxBytes;
  const kept: Line[] = [];
  for (const line of lines.toReversed()) {
    const bytes = Buffer.byteLength(line.text) + 1;
    if (bytes > room && kept.length > 0) break;
    kept.unshift(bytes > room ? { ...line, text: Buffer.from(line.text).subarray(-room).toString('utf8') } : line);
    room -= bytes;
  }
  return kept;
}
