// Keeps in touch with a switch: the database and the bridge's rules, connected when needed, the death of either daemon told at once.
import { access } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { LinkPlaneError } from '../link-plane/link-plane-error.ts';
import { connectOpenflow, type OpenflowClient } from './openflow-client.ts';
import type { FlowEvent } from './openflow-message.ts';
import { connectOvsdb, type OvsdbClient } from './ovsdb-client.ts';
import { bridgesOf, type BridgeRead, type TableUpdates } from './switch-database.ts';

export type SessionListeners = {
  readonly onUpdate: (updates: TableUpdates, before: readonly BridgeRead[]) => void;
  readonly onFlow: (event: FlowEvent) => void;
  readonly busyMs: () => number;
  /** One of the daemons went, or hangs; `why` names it. */
  readonly onAway: (why: string) => void;
};

export type SwitchSession = {
  /** Whether anybody could answer: the database's socket is there. */
  readonly isInstalled: () => Promise<boolean>;
  readonly isConnected: () => boolean;
  /** @throws {LinkPlaneError} `switch-away` */
  readonly database: () => Promise<OvsdbClient>;
  /** Of the bridge; undefined while there is no bridge. @throws {LinkPlaneError} `switch-away` when it is in the database and its daemon does not answer.
   *  @param withinMs - a bridge just made takes a moment until it listens */
  readonly rules: (withinMs?: number) => Promise<OpenflowClient | undefined>;
  readonly close: () => void;
};

export type SessionPlaces = { readonly runDir: string; readonly databaseSocket: string; readonly bridge: string };

const TRY_AGAIN_MS = 20;

/** Connects to nothing yet. */
export function createSwitchSession(places: SessionPlaces, listeners: SessionListeners): SwitchSession {
  let database: Promise<OvsdbClient> | undefined;
  let connected: OvsdbClient | undefined;
  let rules: Promise<OpenflowClient> | undefined;
  let bridges: readonly BridgeRead[] = [];
  let closed = false;

  const hasBridge = (): boolean => connected !== undefined && bridgesOf(connected.tables).some(({ name }) => name === places.bridge);
  const connectDatabase = async (): Promise<OvsdbClient> => {
    const client = await connectOvsdb(places.databaseSocket, {
      onUpdate: (updates) => {
        if (!client) return;
        const before = bridges;
        if (changesBridges(updates)) bridges = bridgesOf(client.tables);
        listeners.onUpdate(updates, before);
      },
      onEnd: () => {
        connected = undefined;
        database = undefined;
        if (!closed) listeners.onAway('ovsdb-server closed the connection');
      },
    });
    connected = client;
    bridges = bridgesOf(client.tables);
    return client;
  };
  const connectRules = async (withinMs: number): Promise<OpenflowClient> => {
    const giveUpAt = Date.now() + withinMs;
    for (;;) {
      try {
        return await connectOpenflow(`${places.runDir}/${places.bridge}.mgmt`, {
          onEvent: listeners.onFlow,
          busyMs: listeners.busyMs,
          onEnd: () => {
            rules = undefined;
            // With the bridge its socket goes; that is no death.
            if (!closed && hasBridge()) listeners.onAway('ovs-vswitchd closed the connection or hangs');
          },
        });
      } catch (error) {
        if (Date.now() >= giveUpAt || !hasBridge()) throw error;
        await delay(TRY_AGAIN_MS);
      }
    }
  };
  const forgetFailed = <T>(made: Promise<T>, forget: () => void): Promise<T> => {
    made.catch(forget);
    return made;
  };
  const startRules = (withinMs: number): Promise<OpenflowClient> => {
    rules ??= forgetFailed(connectRules(withinMs), () => {
      rules = undefined;
    });
    return rules;
  };
  return {
    isInstalled: () => access(places.databaseSocket).then(() => true, () => false),
    isConnected: () => connected !== undefined,
    database: () => {
      if (closed) return Promise.reject(new LinkPlaneError('switch-away', 'the plane has been closed'));
      if (database === undefined) {
        database = forgetFailed(connectDatabase(), () => {
          database = undefined;
        });
        // Most likely there is a bridge; to know it first would cost the time of the database's answer.
        void startRules(0).catch(() => undefined);
      }
      return database;
    },
    rules: async (withinMs = 0) => {
      if (!hasBridge()) return undefined;
      try {
        return await startRules(0);
      } catch (error) {
        if (withinMs === 0) throw error;
      }
      return startRules(withinMs);
    },
    close: () => {
      closed = true;
      connected?.close();
      void rules?.then((client) => client.close(), () => undefined);
    },
  };
}

function changesBridges(updates: TableUpdates): boolean {
  return updates['Bridge'] !== undefined || updates['Port'] !== undefined || updates['Interface'] !== undefined;
}
