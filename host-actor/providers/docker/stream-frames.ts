// Reads the engine's answer streams: frames of stdout and stderr, plain terminal output, lines of JSON.

export type OutputStream = 'stdout' | 'stderr';

/** Takes the engine's multiplexed stream apart, whatever its chunks. Frame: 1 byte stream, 3 unused, 4 length, content.
 *  Source: Docker Engine API, "Stream format" of attach. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Complete frames that have arrived with this chunk. */
  read(chunk: Buffer): readonly { stream: OutputStream; content: Buffer }[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: { stream: OutputStream; content: Buffer }[] = [];
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const end = 8 + rest.readUInt32BE(4);
      frames.push({ stream: rest[0] === 2 ? 'stderr' : 'stdout', content: rest.subarray(8, end) });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return frames;
  }
}

/** Bytes of both streams, at most so many of each; what comes later is counted as cut. */
export async function readOutput(source: AsyncIterable<Buffer | string>, options: { tty: boolean; maxBytes: number }): Promise<{ stdout: string; stderr: string; truncated: boolean }> {
  const kept: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
  const size: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  let truncated = false;
  const reader = new FrameReader();
  for await (const piece of source) {
    const chunk = Buffer.from(piece);
    for (const { stream, content } of options.tty ? [{ stream: 'stdout' as const, content: chunk }] : reader.read(chunk)) {
      const room = options.maxBytes - size[stream];
      if (content.length > room) truncated = true;
      kept[stream].push(content.subarray(0, Math.max(room, 0)));
      size[stream] += Math.min(content.length, Math.max(room, 0));
    }
  }
  return { stdout: Buffer.concat(kept.stdout).toString('utf8'), stderr: Buffer.concat(kept.stderr).toString('utf8'), truncated };
}

/** Each line as text, without its end; a last line without end is given too. */
export async function* readLines(source: AsyncIterable<Buffer | string>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of source) {
    rest = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, Buffer.from(piece)]);
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = rest.toString('utf8', 0, end).replace(/\r$/, '');
      rest = rest.subarray(end + 1);
      if (line !== '') yield line;
    }
  }
  if (rest.length > 0) yield rest.toString('utf8');
}
