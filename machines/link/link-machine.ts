// The life of one link: joined by the host, up only when both ends were read back joined, repaired or failed with a reason.
import { assign, emit, setup } from 'xstate';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { Impairment } from '../vocabulary/lab-spec.ts';

export type LinkContext = {
  desired: 'present' | 'absent';
  admin: 'up' | 'down';
  impairment: Impairment;
  carrierA: boolean;
  carrierB: boolean;
  /** Nodes whose process is away, so that the host keeps carrier from their neighbours. */
  held: string[];
  repairs: number;
  attempts: number;
  failure: Failure | null;
};

type Seen = { carrierA: boolean; carrierB: boolean; adminUp: boolean; held: string[] };

export type LinkEvent =
  | { type: 'want.present' }
  | { type: 'want.absent' }
  /** An end's namespace goes or is made anew: wait until both ends are there, then join again. */
  | { type: 'want.rejoin' }
  | { type: 'want.update' }
  | { type: 'admin.set'; admin: 'up' | 'down' }
  | { type: 'impairment.set'; impairment: Impairment }
  | { type: 'retry' }
  | { type: 'gate.opened' }
  | ({ type: 'joined' } & Seen)
  | ({ type: 'repaired' } & Seen)
  | { type: 'carrier'; carrierA: boolean; carrierB: boolean }
  | { type: 'lost'; failure: Failure }
  | { type: 'gave-up'; failure: Failure }
  | { type: 'failed'; failure: Failure }
  | { type: 'removed' };

export type LinkIntent = { type: 'link.ensure' | 'link.remove' };

const base = setup({
  types: { context: {} as LinkContext, events: {} as LinkEvent, emitted: {} as LinkIntent },
  guards: {
    isUp: ({ context, event }) => {
      if (event.type !== 'joined' && event.type !== 'repaired' && event.type !== 'carrier') return false;
      const adminUp = event.type === 'carrier' ? context.admin === 'up' : event.adminUp;
      const held = event.type === 'carrier' ? context.held : event.held;
      return adminUp && context.admin === 'up' && held.length === 0 && event.carrierA && event.carrierB;
    },
    wantsPresent: ({ context }) => context.desired === 'present',
  },
  actions: {
    ensure: emit({ type: 'link.ensure' }),
    remove: emit({ type: 'link.remove' }),
    desirePresent: assign({ desired: 'present', failure: null, attempts: 0 }),
    desireAbsent: assign({ desired: 'absent', failure: null, attempts: 0 }),
    setAdmin: assign({ admin: ({ context, event }) => (event.type === 'admin.set' ? event.admin : context.admin) }),
    setImpairment: assign({ impairment: ({ context, event }) => (event.type === 'impairment.set' ? event.impairment : context.impairment) }),
    noteSeen: assign({
      carrierA: ({ context, event }) => ('carrierA' in event ? event.carrierA : context.carrierA),
      carrierB: ({ context, event }) => ('carrierB' in event ? event.carrierB : context.carrierB),
      held: ({ context, event }) => ('held' in event ? event.held : context.held),
      failure: null,
      attempts: 0,
    }),
    countRepair: assign({ repairs: ({ context }) => context.repairs + 1 }),
    noteFailure: assign({
      failure: ({ context, event }) => ('failure' in event ? event.failure : context.failure),
      attempts: ({ context }) => context.attempts + 1,
      carrierA: false,
      carrierB: false,
    }),
    noteGone: assign({ carrierA: false, carrierB: false, held: [] }),
    clearFailure: assign({ failure: null }),
  },
});

const seen = {
  joined: [
    { guard: 'isUp', target: '#link.up', actions: 'noteSeen' },
    { target: '#link.down', actions: 'noteSeen' },
  ],
  repaired: [
    { guard: 'isUp', target: '#link.up', actions: ['noteSeen', 'countRepair'] },
    { target: '#link.down', actions: ['noteSeen', 'countRepair'] },
  ],
} as const;

const leave = {
  'want.absent': { target: '#link.removing', actions: ['desireAbsent', 'remove'] },
  'want.rejoin': { target: '#link.waiting', actions: ['desirePresent', 'noteGone'] },
} as const;

/** Orders that change a joined link in place. */
const change = {
  'want.present': { actions: 'desirePresent' },
  'want.update': { target: '#link.joining', actions: ['desirePresent', 'ensure'] },
  'admin.set': { target: '#link.joining', actions: ['setAdmin', 'ensure'] },
  'impairment.set': { target: '#link.joining', actions: ['setImpairment', 'ensure'] },
} as const;

const trouble = {
  lost: { target: '#link.repairing', actions: 'noteFailure' },
  'gave-up': { target: '#link.failed', actions: 'noteFailure' },
  failed: { target: '#link.failed', actions: 'noteFailure' },
} as const;

const carrier = {
  carrier: [
    { guard: 'isUp', target: '#link.up', actions: 'noteSeen' },
    { target: '#link.down', actions: 'noteSeen' },
  ],
} as const;

export const linkMachine = base.createMachine({
  id: 'link',
  context: { desired: 'absent', admin: 'up', impairment: {}, carrierA: false, carrierB: false, held: [], repairs: 0, attempts: 0, failure: null },
  initial: 'absent',
  states: {
    absent: {
      on: {
        'want.present': { target: 'waiting', actions: 'desirePresent' },
        'want.update': { target: 'waiting', actions: 'desirePresent' },
        'want.rejoin': { target: 'waiting', actions: 'desirePresent' },
        'admin.set': { actions: 'setAdmin' },
        'impairment.set': { actions: 'setImpairment' },
      },
    },
    waiting: {
      on: {
        'gate.opened': { target: 'joining', actions: 'ensure' },
        'want.present': { actions: 'desirePresent' },
        'want.update': { actions: 'desirePresent' },
        'want.rejoin': {},
        'admin.set': { actions: 'setAdmin' },
        'impairment.set': { actions: 'setImpairment' },
        'want.absent': { target: 'removing', actions: ['desireAbsent', 'remove'] },
      },
    },
    // What the host mends while we have it join the ends anyway is no repair of its own.
    joining: { on: { ...seen, repaired: seen.joined, ...trouble, ...change, ...leave } },
    up: { on: { ...seen, ...carrier, ...trouble, ...change, ...leave } },
    down: { on: { ...seen, ...carrier, ...trouble, ...change, ...leave } },
    repairing: { on: { ...seen, ...trouble, ...change, ...leave } },
    removing: {
      on: {
        removed: [
          { guard: 'wantsPresent', target: 'waiting', actions: 'noteGone' },
          { target: 'absent', actions: 'noteGone' },
        ],
        failed: { target: 'failed', actions: 'noteFailure' },
        'want.present': { actions: 'desirePresent' },
        'want.update': { actions: 'desirePresent' },
        'want.rejoin': { actions: 'desirePresent' },
        'want.absent': { actions: 'desireAbsent' },
        'admin.set': { actions: 'setAdmin' },
        'impairment.set': { actions: 'setImpairment' },
      },
    },
    failed: {
      on: {
        ...seen,
        retry: [
          { guard: 'wantsPresent', target: 'waiting', actions: 'clearFailure' },
          { target: 'removing', actions: ['clearFailure', 'remove'] },
        ],
        'want.present': { target: 'waiting', actions: 'desirePresent' },
        'want.update': { target: 'waiting', actions: 'desirePresent' },
        'want.rejoin': { target: 'waiting', actions: 'desirePresent' },
        'want.absent': { target: 'removing', actions: ['desireAbsent', 'remove'] },
        'admin.set': { target: 'waiting', actions: ['setAdmin', 'clearFailure'] },
        'impairment.set': { target: 'waiting', actions: ['setImpairment', 'clearFailure'] },
      },
    },
  },
});
