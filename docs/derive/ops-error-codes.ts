// The error codes of the ops API, each with the verbs that answer with it and what to do; a test holds them against the code.
import type { OpsVerb } from '../../nats/ops-contract.ts';

export type ErrorCode = {
  readonly code: string;
  readonly verbs: readonly OpsVerb[] | 'every' | 'every verb about a lab';
  /** The same request may be sent again as it is, and can then succeed. */
  readonly retryable: boolean;
  readonly meaning: string;
};

const PLANNED: readonly OpsVerb[] = ['deploy', 'plan'];

/** What the supervisor answers with. Several refusals of one deploy come together in `details.rejections`. */
export const SERVICE_CODES: readonly ErrorCode[] = [
  { code: 'invalid-request', verbs: 'every', retryable: false, meaning: 'the body is not of its form, or the subject names no lab or another one than the body; `details.issues` lists every fault' },
  { code: 'too-large', verbs: 'every', retryable: false, meaning: 'the answer is larger than a message of this server may be, even compressed: ask for less' },
  { code: 'internal', verbs: 'every', retryable: true, meaning: 'an accident that has no name; the log of the supervisor holds it' },
  { code: 'stopping', verbs: 'every', retryable: true, meaning: 'the supervisor that had it ends, and may not have done it; ask again what may be done twice' },
  { code: 'stepped-down', verbs: 'every', retryable: true, meaning: 'another supervisor owns the lab from now on; ask again' },
  { code: 'lab-not-found', verbs: 'every verb about a lab', retryable: false, meaning: 'there is no such lab; a destroyed one counts as absent for commands, but can be inspected, read back and pruned (`deploy` and `plan` never answer so)' },
  { code: 'node-not-found', verbs: ['node', 'node-start', 'node-stop', 'node-restart', 'node-exec'], retryable: false, meaning: 'the lab has no such node' },
  { code: 'link-not-found', verbs: ['link-set'], retryable: false, meaning: 'the lab has no such link; the message lists those it has' },
  { code: 'not-applicable', verbs: ['link-set', 'prune'], retryable: false, meaning: 'the link is being removed; the lab is not destroyed yet' },
  { code: 'destroying', verbs: ['deploy', 'plan', 'node-start', 'node-stop', 'node-restart'], retryable: false, meaning: 'the lab is being destroyed: wait until its state is `destroyed`' },
  { code: 'other-topology', verbs: PLANNED, retryable: false, meaning: 'a lab of this name runs from another file (`details.rejections[0].details.topologyPath`): use another name, or `takeOver: true`' },
  { code: 'no-host', verbs: ['deploy', 'plan', 'fingerprint'], retryable: false, meaning: 'no host has joined, also not within 15 s' },
  { code: 'host-not-found', verbs: ['host', 'host-wish', 'host-rm', 'orphans', 'orphans-remove'], retryable: false, meaning: 'no host of this name ever joined, or it was removed' },
  { code: 'host-in-use', verbs: ['host-rm'], retryable: false, meaning: 'labs have something on the host (`details.labs`, `details.nodes`): drain it first, or use `force`' },
  { code: 'no-numbers', verbs: PLANNED, retryable: false, meaning: 'all 4095 lab numbers are in use, or the tunnel numbers of the lab, or the VLANs of a shared bridge' },
  { code: 'no-plane', verbs: PLANNED, retryable: false, meaning: 'a host that a node must stay on has no link plane of the kind that the lab file asks for' },
  { code: 'no-capacity', verbs: PLANNED, retryable: false, meaning: 'nodes fit on no host; the message says for each host why not and what would make them fit' },
  { code: 'no-underlay', verbs: PLANNED, retryable: false, meaning: 'a host of the lab has told no address at which other hosts reach it, or two hosts have addresses of different families' },
  { code: 'mtu-too-large', verbs: PLANNED, retryable: false, meaning: 'the MTU that the file asks for does not pass between two hosts (a link over an IPv6 underlay, the management network); `details.rejections[0].details.largest` does' },
  { code: 'name-taken', verbs: PLANNED, retryable: false, meaning: 'another lab uses this container name' },
  { code: 'port-taken', verbs: PLANNED, retryable: false, meaning: 'another lab publishes this port' },
  { code: 'address-taken', verbs: PLANNED, retryable: false, meaning: 'another node or lab holds the management address that the file asks for' },
  { code: 'address-outside-subnet', verbs: PLANNED, retryable: false, meaning: 'the management address, gateway or range does not fit the subnet' },
  { code: 'address-pool-empty', verbs: PLANNED, retryable: false, meaning: 'the management network has no free address left' },
  { code: 'host-unreachable', verbs: ['node-exec'], retryable: true, meaning: 'the host of the node did not answer in time' },
];

/** What the typed client adds where no answer, or none that it understands, came. */
export const CLIENT_CODES: readonly Omit<ErrorCode, 'verbs'>[] = [
  { code: 'no-responders', retryable: true, meaning: 'no supervisor is there' },
  { code: 'timeout', retryable: true, meaning: 'no answer in time; whether a command was taken is unknown: send it again with the same `commandId`' },
  { code: 'connection-lost', retryable: true, meaning: 'the connection to NATS went while the request waited, and did not come back in time; as with `timeout`, the outcome is unknown' },
  { code: 'connection-closed', retryable: true, meaning: 'NATS cannot be reached; as with `timeout`, the outcome is unknown' },
  { code: 'forbidden', retryable: false, meaning: 'the credentials do not permit this subject' },
  { code: 'too-large', retryable: false, meaning: 'the request is larger than a message of this server may be, even compressed' },
  { code: 'invalid-answer', retryable: false, meaning: 'the answer is not of its form: the supervisor is of another version' },
];
