// The life of a host as a supervisor sees it: from its signs of life, and from what people wish for it.
import { assign, setup } from 'xstate';

/** What people wish: `cordoned` = no new nodes; `draining` = its nodes move away too. */
export type HostWish = 'open' | 'cordoned' | 'draining';
export type HostContext = { wish: HostWish };

export type HostEvent =
  /** A sign of life. */
  | { type: 'beat' }
  /** Signs of life are overdue. */
  | { type: 'overdue' }
  /** Silent for so long that its nodes are unknown. */
  | { type: 'silent' }
  /** Every lab with a part on it was told of its return, and compares. */
  | { type: 'compared' }
  | { type: 'wish'; wish: HostWish };

const base = setup({
  types: { context: {} as HostContext, events: {} as HostEvent },
  actions: { noteWish: assign({ wish: ({ context, event }) => (event.type === 'wish' ? event.wish : context.wish) }) },
});

const wish = { wish: { actions: 'noteWish' } } as const;

export const hostMachine = base.createMachine({
  id: 'host',
  context: { wish: 'open' },
  initial: 'expected',
  states: {
    /** Known by name; nothing was heard of it since this supervisor began to listen. */
    expected: { on: { ...wish, beat: 'joined', silent: 'lost' } },
    joined: { on: { ...wish, overdue: 'suspect', silent: 'lost' } },
    /** Gets no new nodes; what it has is taken for running. */
    suspect: { on: { ...wish, beat: 'joined', silent: 'lost' } },
    lost: { on: { ...wish, beat: 'returned' } },
    /** Heard of again; before it gets anything new, what it holds is compared with what is wanted. */
    returned: { on: { ...wish, compared: 'joined', silent: 'lost' } },
  },
});

export type HostLife = 'expected' | 'joined' | 'suspect' | 'lost' | 'returned';

/** One word for people and the planner: a wish shows only while the host is there. */
export function hostStateOf(life: HostLife, { wish: wanted }: HostContext): 'joined' | 'suspect' | 'lost' | 'returned' | 'cordoned' | 'draining' {
  if (life === 'joined') return wanted === 'open' ? 'joined' : wanted;
  return life === 'expected' ? 'suspect' : life;
}
