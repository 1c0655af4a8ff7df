// The life of one node: from absent to running and back, with every way out of every mismatch of desired and actual.
import { assign, emit, setup } from 'xstate';
import type { Failure } from '../vocabulary/lab-view.ts';
import type { ExecResult } from '../vocabulary/observation.ts';

export type NodeDesired = 'running' | 'stopped' | 'absent';

export type NodeContext = {
  desired: NodeDesired;
  runtimeId: string | null;
  pid: number | null;
  startedAt: number | null;
  /** Index of the next boot step (see boot-steps.ts); equal to the number of steps once all are done. */
  step: number;
  health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  repairs: number;
  execFailures: number;
  /** All steps were taken once: a restart of the same container takes none of them again. */
  booted: boolean;
  /** Its process died soon after a start: the next one counts as running only once it has lived for a while. */
  unsteady: boolean;
  /** The present generation is on its way out, another one comes: a removal that failed is tried again, never skipped. */
  remaking: boolean;
  /** The steps run again after the host made the container anew: what they find done already is no failure. */
  rerun: boolean;
  /** Failed tries of the present order since it last succeeded. */
  attempts: number;
  failure: Failure | null;
};

type Started = { type: 'started'; runtimeId: string | null; pid: number | null; at: number; repaired: boolean };

export type NodeEvent =
  | { type: 'want.running' }
  | { type: 'want.stopped' }
  | { type: 'want.absent' }
  | { type: 'want.restart' }
  | { type: 'want.recreate' }
  | { type: 'retry' }
  | { type: 'prepared'; runtimeId: string | null }
  | { type: 'gate.opened' }
  | Started

  | { type: 'step.done' }
  | { type: 'steps.finished' }
  | { type: 'executed'; results: ExecResult[] }
  | { type: 'stopped' }
  | { type: 'removed' }
  | { type: 'died'; failure: Failure; at: number }
  | { type: 'left'; failure: Failure; clean: boolean }
  | { type: 'gave-up'; failure: Failure }
  | { type: 'failed'; failure: Failure }
  /** Its management interface is gone for good; what else it does is not concerned. */
  | { type: 'unplugged'; failure: Failure }
  | { type: 'health'; status: NodeContext['health'] }
  /** Its host is silent: nobody knows what the node does. */
  | { type: 'host.lost'; failure: Failure }
  | { type: 'host.returned' }
  /** It lives on another host from here on; the plan says where. */
  | { type: 'host.moved' };

export type NodeIntent = { type: 'node.prepare' | 'node.start' | 'node.stop' | 'node.remove' };

/** A process that ends sooner than this after its start has not come up. */
export const QUICK_DEATH_MS = 2_000;

const base = setup({
  types: { context: {} as NodeContext, events: {} as NodeEvent, emitted: {} as NodeIntent },
  guards: {
    wantsRunning: ({ context }) => context.desired === 'running',
    wantsStopped: ({ context }) => context.desired === 'stopped',
    wasBooted: ({ context }) => context.desired === 'running' && context.booted && !context.remaking,
    wantsRecreate: ({ context }) => context.desired !== 'absent',
    isSameProcessSpace: ({ context, event }) => event.type === 'started' && event.runtimeId === context.runtimeId && context.booted,
    isRemaking: ({ context }) => context.remaking,
    maySelfRun: ({ context }) => context.desired === 'running' && !context.remaking,
    mayNotSelfRun: ({ context }) => context.desired === 'stopped' && !context.remaking,
    leftCleanly: ({ event }) => event.type === 'left' && event.clean,
  },
  actions: {
    prepare: emit({ type: 'node.prepare' }),
    start: emit({ type: 'node.start' }),
    stop: emit({ type: 'node.stop' }),
    remove: emit({ type: 'node.remove' }),
    /** The failure stays: the host is still lost. */
    wishRunning: assign({ desired: 'running' }),
    wishStopped: assign({ desired: 'stopped' }),
    wishAbsent: assign({ desired: 'absent', remaking: false }),
    wishRemake: assign({ desired: 'running', remaking: true }),
    desireRunning: assign({ desired: 'running', failure: null, attempts: 0 }),
    desireStopped: assign({ desired: 'stopped', failure: null, attempts: 0 }),
    desireAbsent: assign({ desired: 'absent', remaking: false, failure: null, attempts: 0 }),
    desireRemake: assign({ desired: 'running', remaking: true, failure: null, attempts: 0 }),
    noteRuntime: assign({
      runtimeId: ({ context, event }) => (event.type === 'prepared' ? event.runtimeId : context.runtimeId),
      failure: null,
    }),
    noteStarted: assign({
      runtimeId: ({ context, event }) => (event.type === 'started' ? event.runtimeId : context.runtimeId),
      pid: ({ event }) => (event.type === 'started' ? event.pid : null),
      startedAt: ({ event }) => (event.type === 'started' ? event.at : null),
      repairs: ({ context, event }) => context.repairs + (event.type === 'started' && event.repaired ? 1 : 0),
      rerun: ({ context, event }) => context.rerun || (event.type === 'started' && event.repaired),
      attempts: 0,
      failure: null,
      health: 'none',
    }),
    noteDeath: assign({
      unsteady: ({ context, event }) => context.unsteady || (event.type === 'died' && event.at - (context.startedAt ?? event.at) < QUICK_DEATH_MS),
    }),
    noteDown: assign({ pid: null, startedAt: null, health: 'none' }),
    noteGone: assign({ pid: null, startedAt: null, health: 'none', runtimeId: null, step: 0, execFailures: 0, rerun: false, remaking: false, booted: false, unsteady: false }),
    noteFailure: assign({
      failure: ({ context, event }) => ('failure' in event ? event.failure : context.failure),
      attempts: ({ context }) => context.attempts + 1,
    }),
    noteUnplugged: assign({ failure: ({ context, event }) => (event.type === 'unplugged' ? event.failure : context.failure) }),
    clearFailure: assign({ failure: null, attempts: 0 }),
    clearFailureKeepAttempts: assign({ failure: null }),
    restartSteps: assign({ step: 0, booted: false }),
    noteBooted: assign({ booted: true, unsteady: false }),
    advance: assign({ step: ({ context }) => context.step + 1 }),
    noteExec: assign({
      execFailures: ({ context, event }) =>
        context.execFailures + (event.type === 'executed' && !context.rerun ? event.results.filter((result) => result.exitCode !== 0).length : 0),
    }),
    noteHealth: assign({ health: ({ context, event }) => (event.type === 'health' ? event.status : context.health) }),
  },
});

/** Possible wherever the node has, or may have, something on a host. */
const hosted = {
  'host.lost': { target: '#node.unknown', actions: 'noteFailure' },
  'host.moved': { target: '#node.preparing', actions: ['noteGone', 'clearFailure', 'prepare'] },
} as const;

/** The process is there or on its way: the same ways out hold for all these states. */
const alive = {
  ...hosted,
  'want.running': { actions: 'desireRunning' },
  'want.stopped': { target: '#node.stopping', actions: ['desireStopped', 'stop'] },
  'want.restart': { target: '#node.stopping', actions: ['desireRunning', 'stop'] },
  'want.absent': { target: '#node.removing', actions: ['desireAbsent', 'remove'] },
  'want.recreate': { target: '#node.removing', actions: ['desireRemake', 'remove'] },
  died: { target: '#node.recovering', actions: ['noteDeath', 'noteDown', 'noteFailure'] },
  left: [
    { guard: 'leftCleanly', target: '#node.exited', actions: 'noteDown' },
    { target: '#node.failed', actions: ['noteDown', 'noteFailure'] },
  ],
  'gave-up': { target: '#node.failed', actions: ['noteDown', 'noteFailure'] },
  failed: { target: '#node.failed', actions: 'noteFailure' },
  unplugged: { actions: 'noteUnplugged' },
  stopped: { target: '#node.recovering', actions: 'noteDown' },
  removed: { target: '#node.recovering', actions: 'noteGone' },
} as const;

/** The process is not there and nothing is under way. */
const resting = {
  ...hosted,
  'want.stopped': { target: '#node.stopped', actions: 'desireStopped' },
  'want.running': { target: '#node.waiting', actions: 'desireRunning' },
  'want.restart': { target: '#node.waiting', actions: 'desireRunning' },
  'want.absent': { target: '#node.removing', actions: ['desireAbsent', 'remove'] },
  'want.recreate': { target: '#node.removing', actions: ['desireRemake', 'remove'] },
} as const;

export const nodeMachine = base.createMachine({
  id: 'node',
  context: {
    desired: 'absent', runtimeId: null, pid: null, startedAt: null, step: 0,
    health: 'none', repairs: 0, execFailures: 0, rerun: false, remaking: false, booted: false, unsteady: false, attempts: 0, failure: null,
  },
  initial: 'absent',
  states: {
    absent: {
      on: {
        'want.running': { target: 'preparing', actions: ['desireRunning', 'prepare'] },
        'want.recreate': { target: 'preparing', actions: ['desireRunning', 'prepare'] },
        'want.restart': { target: 'preparing', actions: ['desireRunning', 'prepare'] },
        'want.stopped': { target: 'preparing', actions: ['desireStopped', 'prepare'] },
      },
    },
    preparing: {
      on: {
        ...hosted,
        prepared: [
          { guard: 'wantsStopped', target: 'stopped', actions: 'noteRuntime' },
          { target: 'waiting', actions: 'noteRuntime' },
        ],
        failed: { target: 'failed', actions: 'noteFailure' },
        'want.running': { actions: 'desireRunning' },
        'want.stopped': { actions: 'desireStopped' },
        'want.absent': { target: 'removing', actions: ['desireAbsent', 'remove'] },
        'want.recreate': { target: 'removing', actions: ['desireRemake', 'remove'] },
      },
    },
    waiting: {
      on: {
        'gate.opened': { target: 'starting', actions: ['restartSteps', 'start'] },
        prepared: { actions: 'noteRuntime' },
        started: { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
        failed: { target: 'failed', actions: 'noteFailure' },
        ...resting,
        'want.running': { actions: 'desireRunning' },
        'want.restart': { actions: 'desireRunning' },
      },
    },
    starting: {
      on: {
        started: { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
        ...alive,
        died: { actions: ['noteDeath', 'noteFailure'] },
      },
    },
    configuring: {
      on: {

        'step.done': { actions: 'advance' },
        executed: { actions: ['noteExec', 'advance'] },
        'steps.finished': { target: 'running', actions: 'noteBooted' },
        started: [
          { guard: 'isSameProcessSpace', actions: 'noteStarted' },
          { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
        ],
        health: { actions: 'noteHealth' },
        ...alive,
      },
    },
    running: {
      on: {
        started: [
          { guard: 'isSameProcessSpace', actions: 'noteStarted' },
          { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
        ],
        health: { actions: 'noteHealth' },
        ...alive,
      },
    },
    recovering: {
      on: {
        started: [
          { guard: 'isSameProcessSpace', target: 'configuring', actions: 'noteStarted' },
          { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
        ],
        ...alive,
        died: { actions: ['noteDeath', 'noteFailure'] },
        stopped: {},
        removed: { actions: 'noteGone' },
      },
    },
    stopping: {
      on: {
        ...hosted,
        stopped: [
          { guard: 'wantsRunning', target: 'waiting', actions: ['noteDown', 'clearFailure'] },
          { target: 'stopped', actions: ['noteDown', 'clearFailure'] },
        ],
        failed: { target: 'failed', actions: 'noteFailure' },
        'want.running': { actions: 'desireRunning' },
        'want.restart': { actions: 'desireRunning' },
        'want.stopped': { actions: 'desireStopped' },
        'want.absent': { target: 'removing', actions: ['desireAbsent', 'remove'] },
        'want.recreate': { target: 'removing', actions: ['desireRemake', 'remove'] },
      },
    },
    stopped: {
      on: {
        ...resting,
        'want.stopped': {},
        /** Somebody started it by hand: the host stops it again and says so. */
        started: { target: 'stopping', actions: 'noteStarted' },
      },
    },
    exited: {
      on: {
        ...resting,
        /** It has ended, wherever its host is; only a wish starts it again. */
        'host.lost': {},
        started: { target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
      },
    },
    removing: {
      on: {
        'host.lost': hosted['host.lost'],
        'host.moved': [
          { guard: 'wantsRecreate', ...hosted['host.moved'] },
          { target: 'absent', actions: ['noteGone', 'clearFailure'] },
        ],
        removed: [
          { guard: 'wantsRecreate', target: 'preparing', actions: ['noteGone', 'clearFailure', 'prepare'] },
          { target: 'absent', actions: ['noteGone', 'clearFailure'] },
        ],
        failed: { target: 'failed', actions: 'noteFailure' },
        'want.running': { actions: 'desireRunning' },
        'want.restart': { actions: 'desireRunning' },
        'want.recreate': { actions: 'desireRemake' },
        'want.stopped': { actions: 'desireStopped' },
        'want.absent': { actions: 'desireAbsent' },
      },
    },
    /** Its host is lost. What it does there is compared with the wish when the host is back. */
    unknown: {
      on: {
        'host.returned': [
          { guard: 'isRemaking', target: 'removing', actions: ['clearFailure', 'remove'] },
          { guard: 'wasBooted', target: 'recovering', actions: ['clearFailure', 'start'] },
          { guard: 'wantsRunning', target: 'preparing', actions: ['clearFailure', 'prepare'] },
          { guard: 'wantsStopped', target: 'stopping', actions: ['clearFailure', 'stop'] },
          { target: 'removing', actions: ['clearFailure', 'remove'] },
        ],
        'host.moved': [
          { guard: 'wantsRecreate', ...hosted['host.moved'] },
          { target: 'absent', actions: ['noteGone', 'clearFailure'] },
        ],
        'want.running': { actions: 'wishRunning' },
        'want.restart': { actions: 'wishRunning' },
        'want.recreate': { actions: 'wishRemake' },
        'want.stopped': { actions: 'wishStopped' },
        'want.absent': { actions: 'wishAbsent' },
      },
    },
    failed: {
      on: {
        ...hosted,
        retry: [
          { guard: 'isRemaking', target: 'removing', actions: ['clearFailureKeepAttempts', 'remove'] },
          { guard: 'wantsRunning', target: 'preparing', actions: ['clearFailureKeepAttempts', 'prepare'] },
          { guard: 'wantsStopped', target: 'stopping', actions: ['clearFailureKeepAttempts', 'stop'] },
          { target: 'removing', actions: ['clearFailureKeepAttempts', 'remove'] },
        ],
        'want.running': [
          { guard: 'isRemaking', target: 'removing', actions: ['desireRunning', 'remove'] },
          { target: 'preparing', actions: ['desireRunning', 'prepare'] },
        ],
        'want.restart': [
          { guard: 'isRemaking', target: 'removing', actions: ['desireRunning', 'remove'] },
          { target: 'preparing', actions: ['desireRunning', 'prepare'] },
        ],
        'want.stopped': { target: 'stopping', actions: ['desireStopped', 'stop'] },
        'want.absent': { target: 'removing', actions: ['desireAbsent', 'remove'] },
        'want.recreate': { target: 'removing', actions: ['desireRemake', 'remove'] },
        /** Who is to go stays failed until its removal is tried again: running once more is no way out of that. */
        started: [
          { guard: 'maySelfRun', target: 'configuring', actions: ['restartSteps', 'noteStarted'] },
          { guard: 'mayNotSelfRun', target: 'stopping', actions: 'noteStarted' },
        ],
      },
    },
  },
});
