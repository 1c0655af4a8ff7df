// The name of a host as an argument.
import { HostId } from '../../../machines/vocabulary/ids.ts';
import { CliError, EXIT } from '../../exit-code.ts';

/** @throws {CliError} usage `bad-host`. */
export function parseHostName(text: string): HostId {
  const parsed = HostId.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new CliError(EXIT.usage, 'bad-host', `${JSON.stringify(text)} is no name of a host: see \`labwright host ls\``);
}
