// Notices as they come, taken one by one; silence is an answer too, and a reconnect counts as one.
import type { NatsConnection } from '@nats-io/transport-node';
import type { LabId } from '../machines/vocabulary/ids.ts';
import { Notice } from '../machines/vocabulary/lab-view.ts';
import { watchConnection } from './connection-watch.ts';
import { bodyText } from './ops-body.ts';
import { noticeSubject } from './subjects.ts';

export interface NoticeInbox {
  /** The next notice; `silence` when none came for so long, or when the connection was away meanwhile; `end` when it is over. */
  next(silenceMs: number): Promise<Notice | 'silence' | 'end'>;
  close(): void;
}

/** Subscribes to the notices of one lab, or of all; ends with the signal or with the connection. */
export function openNoticeInbox(nc: NatsConnection, signal: AbortSignal, lab?: LabId): NoticeInbox {
  const waiting: (Notice | 'silence')[] = [];
  let ended = signal.aborted;
  let wake = (): void => {};
  const put = (notice: Notice | 'silence'): void => {
    waiting.push(notice);
    wake();
  };
  const subscription = nc.subscribe(noticeSubject(lab), {
    callback: (error, message) => {
      const notice = error === null ? readNotice(message.data) : undefined;
      if (notice !== undefined) put(notice);
    },
  });
  const stopListening = watchConnection(nc).onReconnect(() => put('silence'));
  const close = (): void => {
    ended = true;
    stopListening();
    if (!nc.isClosed()) subscription.unsubscribe();
    wake();
  };
  signal.addEventListener('abort', close, { once: true });
  void subscription.closed.then(close, close);
  return {
    async next(silenceMs) {
      const first = waiting.shift();
      if (first !== undefined) return first;
      if (ended) return 'end';
      await new Promise<void>((resolve) => {
        const timer = Number.isFinite(silenceMs) ? setTimeout(resolve, silenceMs) : undefined;
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      return waiting.shift() ?? (ended ? 'end' : 'silence');
    },
    close() {
      signal.removeEventListener('abort', close);
      close();
    },
  };
}

/** A notice of a form that this client does not know is left out: the next one then shows a gap, and the state is asked for. */
function readNotice(bytes: Uint8Array): Notice | undefined {
  try {
    return Notice.safeParse(JSON.parse(bodyText(bytes))).data;
  } catch {
    return undefined;
  }
}
