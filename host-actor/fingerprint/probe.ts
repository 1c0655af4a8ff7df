// What one probe of a host says: a state, what was found, and if all is not well what it costs and how to cure it.

export type ProbeStatus = 'ok' | 'missing' | 'too-old' | 'not-effective';

/** What a probe found out; all but `ok` say what the user loses and what to do. */
export type Finding =
  | { readonly status: 'ok'; readonly found: string }
  | { readonly status: Exclude<ProbeStatus, 'ok'>; readonly found: string; readonly costs: string; readonly remedy: string };

export type Probe = Finding & { readonly id: string; readonly title: string };

export type ProbeContext = {
  /** Aborted at the probe's deadline; every process of the probe ends with it. */
  readonly signal: AbortSignal;
  /** Environment of the programs that are run; its PATH decides which are found. */
  readonly env: Readonly<Record<string, string>>;
  /** `/proc`, or a copy of it. */
  readonly procDir: string;
  /** Where state and disks of this installation lie. */
  readonly stateDir: string;
  readonly engineSocket: string;
  /** Nobody waits: programs run at the lowest priority. */
  readonly background?: boolean;
};

export type ProbeSpec = {
  readonly id: string;
  readonly title: string;
  readonly deadlineMs: number;
  /** What a failed probe costs and how to cure it, when the probe itself cannot tell. */
  readonly costs: string;
  readonly remedy: string;
  readonly run: (context: ProbeContext) => Promise<Finding>;
};
