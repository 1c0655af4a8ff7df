// The life of a whole lab, driven by what its nodes, links and network add up to.
import { assign, setup } from 'xstate';

export type LabContext = { deployedAt: number | null; destroyedAt: number | null; cleanup: boolean; keepMgmtNet: boolean };

export type LabMachineEvent =
  | { type: 'deploy'; at: number }
  | { type: 'destroy'; cleanup: boolean; keepMgmtNet: boolean }
  /** Sent after each entry: what the parts add up to now. */
  | { type: 'settled'; outcome: 'busy' | 'good' | 'bad' | 'gone'; at: number };

const base = setup({
  types: { context: {} as LabContext, events: {} as LabMachineEvent },
  guards: {
    isGood: ({ event }) => event.type === 'settled' && event.outcome === 'good',
    isBad: ({ event }) => event.type === 'settled' && event.outcome === 'bad',
    isGone: ({ event }) => event.type === 'settled' && event.outcome === 'gone',
  },
  actions: {
    noteDeploy: assign({ deployedAt: ({ context, event }) => (event.type === 'deploy' ? event.at : context.deployedAt), destroyedAt: null }),
    noteGone: assign({ destroyedAt: ({ context, event }) => (event.type === 'settled' ? event.at : context.destroyedAt) }),
    noteDestroy: assign({
      cleanup: ({ context, event }) => (event.type === 'destroy' ? event.cleanup : context.cleanup),
      keepMgmtNet: ({ context, event }) => (event.type === 'destroy' ? event.keepMgmtNet : context.keepMgmtNet),
    }),
  },
});

const verdicts = [
  { guard: 'isGood', target: '#lab.running' },
  { guard: 'isBad', target: '#lab.degraded' },
] as const;

export const labMachine = base.createMachine({
  id: 'lab',
  context: { deployedAt: null, destroyedAt: null, cleanup: false, keepMgmtNet: false },
  initial: 'absent',
  states: {
    absent: { on: { deploy: { target: 'deploying', actions: 'noteDeploy' } } },
    deploying: { on: { deploy: { actions: 'noteDeploy' }, destroy: { target: 'destroying', actions: 'noteDestroy' }, settled: verdicts } },
    /** All that is wanted is there. */
    running: {
      on: {
        deploy: { target: 'deploying', actions: 'noteDeploy' },
        destroy: { target: 'destroying', actions: 'noteDestroy' },
        settled: { guard: 'isBad', target: 'degraded' },
      },
    },
    /** Something failed for good; the rest goes on. */
    degraded: {
      on: {
        deploy: { target: 'deploying', actions: 'noteDeploy' },
        destroy: { target: 'destroying', actions: 'noteDestroy' },
        settled: { guard: 'isGood', target: 'running' },
      },
    },
    destroying: {
      on: {
        destroy: { actions: 'noteDestroy' },
        settled: { guard: 'isGone', target: 'destroyed', actions: 'noteGone' },
      },
    },
    destroyed: { on: { deploy: { target: 'deploying', actions: 'noteDeploy' } } },
  },
});
