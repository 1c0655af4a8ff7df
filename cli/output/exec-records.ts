// The outcome of commands run in nodes: log records for people, an object of arrays for programs.
import type { ExecResult } from '../../machines/vocabulary/observation.ts';
import type { Fields, Level } from '../terminal.ts';

export type ExecRecord = { readonly level: Level; readonly message: string; readonly fields: Fields };

/** @param node - container name for the verb, node name for the lines of a lab file. */
export function execRecord(node: string, result: ExecResult): ExecRecord {
  const said: Fields = { ...(result.stdout === '' ? {} : { stdout: asBlock(result.stdout) }), ...(result.stderr === '' ? {} : { stderr: asBlock(result.stderr) }) };
  if (result.exitCode === 0) return { level: 'INFO', message: 'Executed command', fields: { node, command: result.command, ...said } };
  return { level: 'ERRO', message: 'Failed to execute command', fields: { node, command: result.command, rc: result.exitCode, ...said } };
}

/** Output is always set below its record, also when it is one line without an end. */
const asBlock = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

export type ExecJson = { cmd: string[]; 'return-code': number; stdout: unknown; stderr: string };

/** What a command printed is parsed where it is JSON. */
export function execJson(result: ExecResult, argv: readonly string[]): ExecJson {
  return { cmd: [...argv], 'return-code': result.exitCode, stdout: parsedOrText(result.stdout), stderr: result.stderr };
}

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
