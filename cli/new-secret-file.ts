// A secret on its way into a new file of mode 0600.
import { open, rm } from 'node:fs/promises';
import { CliError, EXIT } from './exit-code.ts';

/** Makes a secret and writes it, when the file is there to take it: nothing is made, and nothing voided, for a file that cannot be written.
 *  @throws {CliError} usage `file-exists`. */
export async function intoNewFile<T>(path: string, made: { make: () => Promise<T>; textOf: (secret: T) => string }): Promise<T> {
  const file = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EEXIST') throw new CliError(EXIT.usage, 'file-exists', `${path} is there already, and is not overwritten: name another file, or remove it`, { cause });
    throw cause;
  });
  try {
    const secret = await made.make();
    await file.writeFile(`${made.textOf(secret)}\n`);
    return secret;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
