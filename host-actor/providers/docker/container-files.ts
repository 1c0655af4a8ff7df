// Single files of a container, read and written by the engine: it may run or not, and need not have run yet.
import { ProviderError } from '../provider-error.ts';
import type { ContainerFile, VerbOptions } from '../provider.ts';
import { requireOurs } from './container-life.ts';
import type { EngineClient } from './engine-client.ts';
import { engineStatus } from './engine-client.ts';
import { firstFile, packFiles } from './tar.ts';

/** Far more than a configuration has. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Undefined where there is no plain file of that path. @throws {ProviderError} `container-absent`, `file-too-large`, and those of the client. */
export async function readContainerFile(engine: EngineClient, runtimeId: string, path: string, options: VerbOptions = {}): Promise<ContainerFile | undefined> {
  const { name } = await requireOurs(engine, runtimeId, options);
  try {
    const archive = await engine.call({ what: `reading ${path} of ${name}`, ...options, lane: 'read' }, async (docker, abortSignal) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      for await (const piece of await docker.getContainer(runtimeId).getArchive({ path, abortSignal })) {
        const part = Buffer.from(piece);
        pieces.push(part);
        bytes += part.length;
        if (bytes > MOST_BYTES) throw new ProviderError('file-too-large', `${path} of ${name} has more than ${MOST_BYTES} bytes`);
      }
      return Buffer.concat(pieces);
    });
    const file = firstFile(archive);
    return file && { ...file, path };
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}

/** Puts files into a container, over what is there. @throws {ProviderError} `container-absent`, and those of the client. */
export async function putContainerFiles(engine: EngineClient, runtimeId: string, files: readonly ContainerFile[], options: VerbOptions = {}): Promise<void> {
  const { name } = await requireOurs(engine, runtimeId, options);
  await engine.call({ what: `putting ${files.map(({ path }) => path).join(', ')} into ${name}`, ...options }, (docker, abortSignal) =>
    docker.getContainer(runtimeId).putArchive(packFiles(files), { path: '/', abortSignal }),
  );
}
