// Ends the life of this machine as a host of a controller elsewhere; its identity stays on its disk.
import { rm } from 'node:fs/promises';
import { HostId } from '../machines/vocabulary/ids.ts';
import { ControllerError } from './controller-error.ts';
import { stopController } from './down.ts';
import { findCredentials, readEndpoint } from './endpoint.ts';
import { helloOf } from './host-hello.ts';
import { stateDir } from './state-dir.ts';
import { removeUnit } from './systemd-unit.ts';

export type LeaveOptions = { readonly home: string; readonly force: boolean; readonly deadlineMs?: number };

/** Stops the host-actor for good. Refused while labs have nodes here or nobody can say so, unless forced: what runs then goes on without supervision.
 *  @throws {ControllerError} `is-controller`, `host-in-use`, `host-not-ready` (retryable). */
export const leaveHost = async ({ home, force, deadlineMs }: LeaveOptions): Promise<{ readonly hostId: string | undefined }> => {
  const dir = stateDir(home);
  const endpoint = await readEndpoint(dir);
  if (endpoint === undefined) return { hostId: undefined };
  if (endpoint.kind !== 'host') throw new ControllerError('is-controller', `${home} is the state directory of a controller, not of a host that joined one. \`labwright down\` stops it.`);
  if (!force) await refuseInUse(endpoint);
  await stopController({ home, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
  await removeUnit();
  await rm(await findCredentials(endpoint, { role: 'host', hostId: HostId.parse(endpoint.hostId) }), { force: true });
  await rm(dir.endpoint, { force: true });
  return { hostId: endpoint.hostId };
};

const refuseInUse = async (endpoint: Parameters<typeof helloOf>[0]): Promise<void> => {
  const answer = await helloOf(endpoint, 3_000).catch(() => undefined);
  if (answer === undefined) throw new ControllerError('host-not-ready', `The controller at ${endpoint.url} does not say what this host carries. \`labwright host leave --force\` leaves all the same: what runs here goes on without supervision.`, { retryable: true });
  if (answer.nodes === 0) return;
  throw new ControllerError('host-in-use', `Labs have ${answer.nodes} nodes on this host. Move them away first, on the controller: labwright host drain ${endpoint.hostId}. With --force they go on without supervision.`);
};
