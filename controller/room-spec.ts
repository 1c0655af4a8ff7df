// The supervisor and the host-actor as processes to keep: this Node, their main file, their role's credentials file.
import { extname, join } from 'node:path';
import type { Role } from '../nats/roles.ts';
import { ControllerError } from './controller-error.ts';
import { findCredentials, readEndpoint } from './endpoint.ts';
import { processSpec } from './process-spec.ts';
import type { ProcessSpec } from './process-spec.ts';
import type { StateDir } from './state-dir.ts';

export type RoomOptions = {
  readonly dir: StateDir;
  readonly room: 'supervisor' | 'host-actor';
  readonly role: Role;
  readonly version: string;
  /** File to run instead of the room's own main. */
  readonly main?: string;
};

/** The spec. The process finds in its environment LABWRIGHT_HOME, LABWRIGHT_NATS_URL, LABWRIGHT_NATS_CREDS (path of
 *  its credentials file) and LABWRIGHT_HOST_ID: no secret is in its arguments or environment. */
export const roomSpec = (options: RoomOptions): ProcessSpec =>
  processSpec(options.dir, options.room, {
    version: options.version,
    prepare: async () => {
      const endpoint = await readEndpoint(options.dir);
      if (endpoint === undefined) throw new ControllerError('not-ready', `${options.room}: the address of NATS is not known yet`, { retryable: true });
      return {
        file: process.execPath,
        args: [options.main ?? mainOf(options.room)],
        version: options.version,
        env: {
          LABWRIGHT_HOME: options.dir.home,
          LABWRIGHT_NATS_URL: endpoint.url,
          LABWRIGHT_NATS_CREDS: await findCredentials(endpoint, options.role),
          LABWRIGHT_HOST_ID: endpoint.hostId,
          ...(endpoint.kind === 'embedded' ? { LABWRIGHT_NATS_CONFIG: options.dir.natsConfig } : {}),
          // Half of a start is compiling; a process that died leaves its compiled code to the next one.
          NODE_COMPILE_CACHE: options.dir.compiledCode,
        },
      };
    },
  });

// In the package the rooms are plain JavaScript, in the repository TypeScript: as this file is.
const mainOf = (room: string): string => join(import.meta.dirname, '..', room, `main${extname(import.meta.filename)}`);
