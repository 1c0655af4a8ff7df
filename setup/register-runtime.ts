// Adds the runtime "labwright" to dockerd's configuration file and keeps everything else in it as it was.
import { chmodSync, chownSync, closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Why a configuration was left alone; `whatToDo` is for the person who runs set-up. */
export class RegisterRuntimeError extends Error {
  readonly code: 'config-not-json' | 'config-not-object';
  readonly whatToDo: string;
  readonly retryable = false;
  constructor(given: { code: 'config-not-json' | 'config-not-object'; message: string; whatToDo: string; cause?: unknown }) {
    super(given.message, { cause: given.cause });
    this.name = 'RegisterRuntimeError';
    this.code = given.code;
    this.whatToDo = given.whatToDo;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parse = (text: string): unknown => {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RegisterRuntimeError({
      code: 'config-not-json',
      message: `the engine's configuration is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      whatToDo: 'Repair the file (dockerd itself would refuse it at its next start), then run set-up again.',
      cause,
    });
  }
};

const indentOf = (text: string): string => /^\{\s*\n([ \t]+)"/u.exec(text)?.[1] ?? '  ';

/**
 * The text of the configuration with our runtime in it, or undefined when it is there already.
 * Other keys and other runtimes keep their values and their order.
 * @throws {RegisterRuntimeError} `config-not-json`, `config-not-object`
 */
export const withRuntime = (text: string, runtimePath: string): string | undefined => {
  const config = parse(text);
  const runtimes = isObject(config) ? (config['runtimes'] ?? {}) : undefined;
  if (!isObject(config) || !isObject(runtimes)) {
    throw new RegisterRuntimeError({
      code: 'config-not-object',
      message: "the engine's configuration, or its key runtimes, is not a JSON object",
      whatToDo: 'Make it an object as the documentation of dockerd shows, then run set-up again.',
    });
  }
  const ours = runtimes['labwright'];
  if (isObject(ours) && ours['path'] === runtimePath && Object.keys(ours).length === 1) return undefined;
  const merged = { ...config, runtimes: { ...runtimes, labwright: { path: runtimePath } } };
  return `${JSON.stringify(merged, null, indentOf(text))}\n`;
};

const writeInPlaceOf = (path: string, text: string): void => {
  const next = `${path}.labwright-new`;
  const file = openSync(next, 'w', 0o644);
  writeSync(file, text);
  fsyncSync(file);
  closeSync(file);
  if (existsSync(path)) {
    const { mode, uid, gid } = statSync(path);
    chmodSync(next, mode & 0o7777);
    chownSync(next, uid, gid);
  }
  renameSync(next, path);
};

/**
 * Registers the runtime in the file; the first change leaves a copy beside it (`.before-labwright`), owner and mode stay.
 * @returns whether the file was changed
 * @throws {RegisterRuntimeError} see withRuntime; the file is untouched then
 */
export const registerRuntime = (configPath: string, runtimePath: string): boolean => {
  const exists = existsSync(configPath);
  const path = exists ? realpathSync(configPath) : configPath;
  const text = withRuntime(exists ? readFileSync(path, 'utf8') : '', runtimePath);
  if (text === undefined) return false;
  mkdirSync(dirname(path), { recursive: true });
  const backup = `${path}.before-labwright`;
  if (exists && !existsSync(backup)) copyFileSync(path, backup);
  writeInPlaceOf(path, text);
  return true;
};

if (import.meta.main) {
  const [configPath, runtimePath] = process.argv.slice(2);
  if (configPath === undefined || runtimePath === undefined) throw new Error('usage: register-runtime.ts CONFIG-FILE RUNTIME-PATH');
  try {
    console.log(registerRuntime(configPath, runtimePath) ? 'changed' : 'unchanged');
  } catch (error) {
    if (!(error instanceof RegisterRuntimeError)) throw error;
    console.log(`refused|${configPath}: ${error.message}|${error.whatToDo}`);
    process.exitCode = 3;
  }
}
