// Credentials with which somebody reads some labs and does nothing to them: made, listed, voided.
import type { LabId } from '../machines/vocabulary/ids.ts';
import { credentialsName, inboxPrefixOf } from '../nats/roles.ts';
import { readRoles } from '../nats/server-users.ts';
import { ControllerError } from './controller-error.ts';
import { controllerEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { readListen, reachableUrl } from './listen.ts';
import { hasKey, letIn, shutOut } from './nats-users.ts';
import type { StateDir } from './state-dir.ts';

export type ViewerAccess = {
  readonly labs: readonly LabId[];
  /** By which the viewer reaches NATS; of loopback where the server listens nowhere else. */
  readonly url: string;
  /** Prefix of the reply subjects that the viewer may use, and nobody else. */
  readonly inboxPrefix: string;
  /** An nkey seed: a secret, kept nowhere here. */
  readonly credentials: string;
};

type Here = { readonly dir: StateDir; readonly env: NodeJS.ProcessEnv };

/** A file name of the system holds no more bytes; `.pub.new` stands behind the name. */
const NAME_BYTES = 255 - '.pub.new'.length;

/** Lets a viewer of these labs in, who may be there later only. @param options.existing - `replace` voids the credentials that there are.
 *  @throws {ControllerError} `name-in-use`, `too-many-labs`, `external-nats-incomplete`, `is-host`, `nats-not-running`. */
export const makeViewer = async ({ dir, env, labs, existing }: Here & { labs: readonly LabId[]; existing: 'refuse' | 'replace' }): Promise<ViewerAccess> => {
  const endpoint = await embeddedEndpoint({ dir, env });
  const role = viewerOf(labs);
  const name = credentialsName(role);
  if (name.length > NAME_BYTES) throw new ControllerError('too-many-labs', `The names of ${role.labs.length} labs are too long together for one viewer: make one for fewer labs each.`);
  if (existing === 'refuse' && (await hasKey(dir, role))) {
    throw new ControllerError('name-in-use', `A viewer of ${role.labs.join(', ')} has credentials already. New ones void the old, and shut out whoever uses them: add --replace if that is what you want.`);
  }
  const url = (await reachableUrl(endpoint.url, await readListen(dir))) ?? endpoint.url;
  return { labs: role.labs, url, inboxPrefix: inboxPrefixOf(role), credentials: await letIn(dir, endpoint, role) };
};

/** The labs of each viewer that has credentials of its own. @throws {ControllerError} as `makeViewer`. */
export const listViewers = async ({ dir, env }: Here): Promise<(readonly LabId[])[]> => {
  await embeddedEndpoint({ dir, env });
  return (await readRoles(dir.credentialsDir)).flatMap((role) => (role.role === 'viewer' && role.labs !== undefined ? [role.labs] : []));
};

/** Shuts the viewer of exactly these labs out; false when there is none. @throws {ControllerError} as `makeViewer`. */
export const removeViewer = async ({ dir, env, labs }: Here & { labs: readonly LabId[] }): Promise<boolean> => await shutOut(dir, await embeddedEndpoint({ dir, env }), viewerOf(labs));

const viewerOf = (labs: readonly LabId[]): { role: 'viewer'; labs: LabId[] } => ({ role: 'viewer', labs: [...new Set(labs)].toSorted() });

const embeddedEndpoint = async (here: Here): Promise<Endpoint> => {
  const endpoint = await controllerEndpoint(here, { start: 'start one with `labwright up`', elsewhere: 'let viewers in there' });
  if (endpoint.kind === 'external') throw new ControllerError('external-nats-incomplete', 'This controller uses an external NATS server, whose users are made by whoever runs it: docs/subjects.md says what a viewer may.');
  return endpoint;
};
