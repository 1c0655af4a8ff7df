// Says at once what happened to our ports on the switch, and brings the rules back when the switch does.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PortOnSwitch, SwitchListeners } from '../link-plane/cross-connect.ts';
import type { FlowEvent } from './openflow-message.ts';
import type { BridgeRead, TableUpdates } from './switch-database.ts';
import { readNumber, readText } from './ovsdb-value.ts';
import { cookieOf } from './switch-marks.ts';
import type { SessionListeners, SwitchSession } from './switch-session.ts';

export type SwitchWatch = Omit<SessionListeners, 'busyMs'> & {
  readonly start: (input: { readonly listeners: SwitchListeners; readonly signal: AbortSignal; readonly session: SwitchSession; readonly replay: () => Promise<void> }) => void;
};

const TRY_AGAIN_MS = 100;
/** Without a port of ours on it a switch is looked for seldom. */
const IDLE_MS = 2_000;

/** @param input.known - ports that are wanted, by mark  @param input.owed - marks of ports that are still to be removed */
export function watchSwitch(input: { readonly known: ReadonlyMap<string, PortOnSwitch>; readonly owed: ReadonlySet<string>; readonly log: Logger }): SwitchWatch {
  const { known, owed, log } = input;
  let listeners: SwitchListeners | undefined;
  let isAway = false;
  let wake: (() => void) | undefined;

  const all = (drift: 'switch-away' | 'switch-returned'): void => {
    for (const { device } of known.values()) listeners?.onDrift(device, drift);
  };
  const deviceOf = (cookie: bigint): string | undefined => [...known.values()].find(({ mark }) => cookieOf(mark) === cookie)?.device;

  const keep = async (signal: AbortSignal, session: SwitchSession, replay: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      const idle = known.size === 0 && owed.size === 0;
      try {
        if (!idle) {
          await session.database();
          await session.rules();
          if (isAway || owed.size > 0) {
            await replay();
            const wasAway = isAway;
            isAway = false;
            log.info({ ports: known.size }, 'Open vSwitch is back, its rules were made again');
            if (wasAway) all('switch-returned');
          }
        }
      } catch (err) {
        if (!isAway) {
          isAway = true;
          log.warn({ err }, 'Open vSwitch does not answer, its links are not joined');
          all('switch-away');
        }
      }
      const pause = new AbortController();
      wake = () => pause.abort();
      await delay(isAway ? TRY_AGAIN_MS : IDLE_MS, undefined, { signal: AbortSignal.any([signal, pause.signal]), ref: false }).catch(() => undefined);
    }
    listeners = undefined;
  };
  return {
    onUpdate: (updates, before) => {
      for (const device of goneOrUnbound(updates, before)) listeners?.onDrift(device.name, device.drift);
    },
    onFlow: ({ kind, cookie }: FlowEvent) => {
      if (kind === 'gap') listeners?.onGap('events of rules were lost');
      const device = cookie === undefined || kind === 'added' ? undefined : deviceOf(cookie);
      if (device !== undefined) listeners?.onDrift(device, 'flow-missing');
    },
    onAway: (why) => {
      log.warn({ why }, 'Open vSwitch went away');
      if (!isAway) {
        isAway = true;
        all('switch-away');
      }
      wake?.();
    },
    start: ({ listeners: told, signal, session, replay }) => {
      listeners = told;
      void keep(signal, session, replay);
    },
  };
}

function goneOrUnbound(updates: TableUpdates, _before: readonly BridgeRead[]): readonly { readonly name: string; readonly drift: 'unplugged' | 'unbound' }[] {
  const gone = Object.values(updates['Port'] ?? {}).flatMap(({ old, new: now }) => {
    const name = now === undefined ? readText(old?.['name']) : old?.['tag'] !== undefined || old?.['vlan_mode'] !== undefined || old?.['external_ids'] !== undefined ? readText(now['name']) : undefined;
    return name === undefined ? [] : [{ name, drift: 'unplugged' as const }];
  });
  const unbound = Object.values(updates['Interface'] ?? {}).flatMap(({ old, new: now }) => {
    const name = readText(now?.['name']);
    const changed = old !== undefined && (old['ofport'] !== undefined || old['ifindex'] !== undefined);
    const had = (readNumber(old?.['ofport']) ?? 1) > 0 && (old?.['ofport'] === undefined || Array.isArray(old['ofport']) === false);
    return name !== undefined && changed && had ? [{ name, drift: 'unbound' as const }] : [];
  });
  return [...gone, ...unbound];
}
