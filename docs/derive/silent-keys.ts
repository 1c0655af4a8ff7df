// Keys of lab files that are read without a warning and yet change nothing today; a test finds out when one of them comes to do so.

export type SilentKey = {
  readonly key: string;
  readonly why: string;
  /** Field of the resolved lab that carries it. */
  readonly field: string;
  /** Sources (path prefixes) in which the field would be used if the key had an effect. */
  readonly users: readonly string[];
};

export const SILENT_KEYS: readonly SilentKey[] = [
  { key: 'auto-remove', why: 'a node whose process ended stays until it is started or destroyed (it is not restarted)', field: 'autoRemove', users: ['machines/plan', 'machines/evolve', 'machines/decide', 'machines/node', 'host-actor', 'supervisor'] },
  { key: 'pin', why: 'there is one host', field: 'pin', users: ['machines/plan', 'supervisor'] },
  { key: 'mgmt.driver-opts', why: 'the network is made by us, with the options that it needs', field: 'driverOpts', users: ['machines/plan', 'machines/evolve', 'host-actor/mgmt-hands.ts', 'host-actor/network-handlers.ts'] },
];
