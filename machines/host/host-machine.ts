// The life of a host as a supervisor sees it: from its signs of life, and from what people wish for it.
import { assign, setup } from 'xstate';
import type { HostState, HostWish } from '../vocabulary/host-view.ts';

export type HostContext = { wish: HostWish };

export type HostEvent =
  /** A sign of life. */
  | { type: 'beat' }
  /** A sign of life in another protocol: what it would be told, or tells, could be misunderstood. */
  | { type: 'strange' }
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
    expected: { on: { ...wish, beat: 'joined', strange: 'incompatible', silent: 'lost' } },
    joined: { on: { ...wish, strange: 'incompatible', overdue: 'suspect', silent: 'lost' } },
    /** Gets no new nodes; what it has is taken for running. */
    suspect: { on: { ...wish, beat: 'joined', strange: 'incompatible', silent: 'lost' } },
    lost: { on: { ...wish, beat: 'returned', strange: 'incompatible' } },
    /** Heard of again; before it gets anything new, what it holds is compared with what is wanted. */
    returned: { on: { ...wish, compared: 'joined', strange: 'incompatible', silent: 'lost' } },
    /** There, but of another protocol: it keeps what it was told last and gets nothing new until both sides fit. */
    incompatible: { on: { ...wish, beat: 'returned', silent: 'lost' } },
  },
});

export type HostLife = 'expected' | 'joined' | 'suspect' | 'lost' | 'returned' | 'incompatible';

/** One word for people and the planner: a wish shows only while the host is there. */
export function hostStateOf(life: HostLife, { wish: wanted }: HostContext): HostState {
  if (life === 'joined') return wanted === 'open' ? 'joined' : wanted;
  return life === 'expected' ? 'suspect' : life;
}
