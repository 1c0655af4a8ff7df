// Promises broken on purpose: one text of a source in the place of another, and the test that holds the promise.

export type Mutation = { readonly file: string; readonly from: string; readonly to: string; /** Runs in a second or two, and holds the promise. */ readonly test: string; readonly only: string };

export const MUTATIONS: Record<string, Mutation> = {
  'a link is joined to the wrong device': {
    file: 'host-actor/link-plane/host-ports.ts', from: 'to: to.device, pref: REDIRECT_PREF };', to: "to: 'lo', pref: REDIRECT_PREF };", test: 'tests/host-actor/link-plane/joined-wires.int.test.ts', only: 'joins two nodes',
  },
  'processes do not wait for their wires': {
    file: 'machines/evolve/waits.ts', from: 'return linksGate(state, record.spec.id, { onlyEarly: true });', to: 'return OPEN;',
    test: 'tests/machines/lab-life.unit.test.ts', only: 'starts no node before its links',
  },
  'two writers of a lab\'s log do not see each other': {
    file: 'nats/event-log.ts', from: ', expectedSeq: append.expectedSeq }, options);', to: ' }, options);', test: 'tests/nats/event-log.int.test.ts', only: 'S19',
  },
  'a crash loop is never given up': {
    file: 'host-actor/repair-budget.ts', from: 'if (recent.length >= budget.count)', to: 'if (recent.length > 1e9)', test: 'tests/host-actor/simulated/host-actor.int.test.ts', only: 'B21 S08',
  },
  'what bears our name is taken for ours': {
    file: 'host-actor/link-plane/namespaces.ts', from: 'return mark !== undefined && inode !== undefined && (mark.inode === undefined || mark.inode === inode);', to: 'return inode !== undefined;',
    test: 'tests/host-actor/link-plane/namespaces.int.test.ts', only: '',
  },
  'a failure of a link is not told': {
    file: 'machines/evolve/lab-view.ts', from: 'return failure ? [about(`link ${id}`, failure.message)] : [];', to: 'return [];', test: 'tests/machines/hazards.unit.test.ts', only: 'S03',
  },
};
