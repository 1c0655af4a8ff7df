// Where the command writes: data to standard output, log records to standard error, colours only on a terminal.
import { styleText } from 'node:util';

export type Level = 'DEBU' | 'INFO' | 'WARN' | 'ERRO';
type Style = Parameters<typeof styleText>[0];
export type Fields = Readonly<Record<string, string | number | boolean>>;

export type Terminal = {
  /** Progress may be redrawn: the error stream is a terminal. */
  readonly isInteractive: boolean;
  /** Columns of the error stream; 100 when it is no terminal. */
  readonly columns: number;
  /** Text for programs and tables; a newline is added. */
  out(text: string): void;
  /** One log record: level, message, key=value fields; a value of several lines is set below, each line behind a bar. */
  log(level: Level, message: string, fields?: Fields): void;
  /** Raw text to the error stream, for live progress. */
  err(text: string): void;
  paint(style: Style, text: string): string;
};

const STYLES: Record<Level, Style> = { DEBU: 'gray', INFO: 'green', WARN: 'yellow', ERRO: 'red' };
const LEVELS: readonly Level[] = ['DEBU', 'INFO', 'WARN', 'ERRO'];

/** @param options.level - the least level that is printed. */
export function createTerminal(options: { level: Level; env: NodeJS.ProcessEnv }): Terminal {
  const coloured = (stream: NodeJS.WriteStream) => stream.isTTY === true && !options.env['NO_COLOR'];
  const paintOn = (stream: NodeJS.WriteStream, style: Style, text: string) => (coloured(stream) ? styleText(style, text, { validateStream: false }) : text);
  return {
    isInteractive: process.stderr.isTTY === true,
    // A terminal that knows no width says 0.
    columns: process.stderr.columns || 100,
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(text),
    log(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(options.level)) return;
      process.stderr.write(`${renderRecord(paintOn(process.stderr, STYLES[level], level), message, fields)}\n`);
    },
    paint: (style, text) => paintOn(process.stdout, style, text),
  };
}

/** One log record as text, without the last newline. */
export function renderRecord(level: string, message: string, fields: Fields): string {
  const parts = Object.entries(fields).map(([key, value]) => renderField(key, String(value)));
  return `${level} ${message.replaceAll('\t', ' ')}${parts.join('')}`;
}

function renderField(key: string, value: string): string {
  if (!value.includes('\n')) return ` ${key}=${quoted(value.replaceAll('\t', ' '))}`;
  const lines = value.replace(/\n+$/, '').split('\n');
  return `\n  ${key}=\n${lines.map((line) => `  │ ${line}`).join('\n')}`;
}

const quoted = (value: string): string => (/[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value);

/** The least level that `--debug` and `--log-level` ask for. */
export function leastLevel(options: { debug: boolean; logLevel?: string | undefined }): Level {
  if (options.debug) return 'DEBU';
  return LEVEL_NAMES[options.logLevel ?? 'info'] ?? 'INFO';
}

const LEVEL_NAMES: Readonly<Record<string, Level>> = { trace: 'DEBU', debug: 'DEBU', info: 'INFO', warn: 'WARN', error: 'ERRO', fatal: 'ERRO' };
