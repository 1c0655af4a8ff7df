// What a viewer is not told: values of environment variables, and whatever bears the name of a secret, wherever it shows again.
import type { LabEvent, LogEntry } from '../machines/vocabulary/event.ts';
import type { LabPlan } from '../machines/vocabulary/lab-plan.ts';
import type { LabSpec, NodeSpec } from '../machines/vocabulary/lab-spec.ts';

const HIDDEN = '(hidden)';
const SECRET_NAME = /pass(word|wd|phrase)|secret|token|credential|(api|private|access|community)[-_. ]?key|^pass$|community/i;
/** Shorter ones are words of any text. */
const SHORTEST = 4;

const known = new WeakMap<LabSpec, readonly string[]>();

/** Values in a lab that bear the name of a secret: of environment variables, labels and link variables. */
export function secretsOf(spec: LabSpec | null): readonly string[] {
  if (!spec) return [];
  const before = known.get(spec);
  if (before) return before;
  const secrets = [...spec.nodes.flatMap((node) => [node.env, node.labels]), ...spec.links.flatMap((link) => [link.labels, link.vars])].flatMap(secretValues);
  // The longest first: one may be a part of another.
  const sorted = [...new Set(secrets)].toSorted((a, b) => b.length - a.length);
  known.set(spec, sorted);
  return sorted;
}

/** The same plain data without these texts. */
export function withoutSecrets<T>(value: T, secrets: readonly string[]): T {
  // Plain data keeps its shape: texts become texts.
  return secrets.length === 0 ? value : (walk(value, (text) => secrets.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text)) as T);
}

/** A lab without values of variables and without the text of its file. */
export function withoutEnv(spec: LabSpec): LabSpec {
  const { source: _source, ...rest } = spec;
  return { ...rest, nodes: spec.nodes.map(withoutValues) };
}

/** An entry without values of variables, and without what commands printed, which may be all of them. */
export function entryWithoutEnv(entry: LogEntry): LogEntry {
  return { ...entry, events: entry.events.map(eventWithoutEnv) };
}

function eventWithoutEnv(event: LabEvent): LabEvent {
  if (event.type === 'LabDeployRequested') return { ...event, spec: withoutEnv(event.spec), plan: withoutSaved(event.plan) };
  if (event.type === 'NodesMoved') return { ...event, plan: withoutSaved(event.plan) };
  if (event.type === 'Reported' && event.observation.type === 'node.saved') return { ...event, observation: { ...event.observation, files: [] } };
  if (event.type !== 'Reported' || event.observation.type !== 'node.exec-done') return event;
  const results = event.observation.results.map((result) => ({ ...result, stdout: hideText(result.stdout), stderr: hideText(result.stderr) }));
  return { ...event, observation: { ...event.observation, results } };
}

const hideText = (text: string): string => (text === '' ? '' : HIDDEN);
/** Short contents can be guessed from a digest. */
const withoutFiles = ({ files: _files, ...node }: NodeSpec): NodeSpec => node;
const withoutSaved = (plan: LabPlan): LabPlan => ({ ...plan, nodes: Object.fromEntries(Object.entries(plan.nodes).map(([id, { saved: _saved, ...node }]) => [id, node])) });
const withoutValues = (node: NodeSpec): NodeSpec => ({ ...withoutFiles(node), env: Object.fromEntries(Object.keys(node.env).map((name) => [name, HIDDEN])) });

function secretValues(named: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(named).flatMap(([name, value]) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return secretValues({ ...value });
    return SECRET_NAME.test(name) && (typeof value === 'string' || typeof value === 'number') && String(value).length >= SHORTEST ? [String(value)] : [];
  });
}

function walk(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => walk(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, change)]));
}
