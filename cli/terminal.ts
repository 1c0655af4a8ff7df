// Where the command writes: data to standard output, log records to standard error, colours only on a terminal.
import { styleText } from 'node:util';

export type Level = 'DEBU' | 'INFO' | 'WARN' | 'ERRO';
type Style = Parameters<typeof styleText>[0];

export type Terminal = {
  readonly isInteractive: boolean;
  /** Columns of the error stream; 100 when it is no terminal. */
  readonly columns: number;
  /** Text for programs and tables; a newline is added. */
  out(text: string): void;
  /** One log record: level, message, key=value fields. */
  log(level: Level, message: string, fields?: Record<string, string | number | boolean>): void;
  /** Raw text to the error stream, for live progress. */
  err(text: string): void;
  paint(style: Style, text: string): string;
};

const STYLES: Record<Level, Style> = { DEBU: 'gray', INFO: 'green', WARN: 'yellow', ERRO: 'red' };

/** @param options.debug - prints DEBU records too. */
export function createTerminal(options: { debug: boolean; env: NodeJS.ProcessEnv }): Terminal {
  const coloured = (stream: NodeJS.WriteStream) => stream.isTTY === true && !options.env['NO_COLOR'];
  const paintOn = (stream: NodeJS.WriteStream, style: Style, text: string) => (coloured(stream) ? styleText(style, text, { validateStream: false }) : text);
  return {
    isInteractive: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 100,
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(text),
    log(level, message, fields = {}) {
      if (level === 'DEBU' && !options.debug) return;
      const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${quoted(String(value))}`).join('');
      process.stderr.write(`${paintOn(process.stderr, STYLES[level], level)} ${message}${rest}\n`);
    },
    paint: (style, text) => paintOn(process.stdout, style, text),
  };
}

const quoted = (value: string): string => (/[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value);
