// What a container node runs and how: image, command, user, policies, from all layers.
import type { z } from 'zod';
import type { NodeSpec, PublishedPort } from '../machines/vocabulary/lab-spec.ts';
import { fault, warning } from './issue.ts';
import type { Chosen, Layer } from './layers.ts';
import { collect, mostSpecificList, pick } from './layers.ts';
import { parsePorts } from './parse-ports.ts';
import type { Reading } from './reading.ts';
import { replaceMagic } from './reading.ts';
import { splitCommand } from './split-command.ts';

type NodeInput = z.input<typeof NodeSpec>;

const imagePattern = /^[a-z0-9][\w.:/@-]*$/i;

/** The image, which a container node must have. */
export function resolveImage(layers: readonly Layer[], node: string, reading: Reading): string | undefined {
  const image = pick(layers, 'image');
  if (image === undefined) {
    reading.report(fault('image-missing', `topology.nodes.${node}`, `node ${node} has no image`, { hint: 'give it an image, or give one to its kind or group' }));
    return undefined;
  }
  if (!imagePattern.test(image.value.trim())) {
    const variable = /\$\{?(\w+)/.exec(image.value)?.[1];
    reading.report(fault('image-invalid', image.path, 'this is no image name', { got: JSON.stringify(image.value), ...(variable === undefined ? {} : { hint: `the variable ${variable} is not set` }) }));
  }
  return image.value.trim();
}

/** The words of `entrypoint` or `cmd`. */
export function resolveWords(layers: readonly Layer[], key: 'entrypoint' | 'cmd', reading: Reading): string[] | undefined {
  const line = pick(layers, key);
  if (line === undefined) return undefined;
  const split = splitCommand(line.value);
  if ('words' in split) return split.words.length === 0 ? undefined : split.words;
  reading.report(fault('command-invalid', line.path, `this command line cannot be split: ${split.error}`, { got: JSON.stringify(line.value) }));
  return undefined;
}

/** Commands to run in the node, general layers first. One that cannot be split fails alone, at run time. */
export function resolveExec(layers: readonly Layer[], node: string, reading: Reading): string[] {
  return collect(layers, 'exec').map((line) => {
    const command = replaceMagic(line.value, reading, node);
    const split = splitCommand(command);
    if ('error' in split) reading.report(warning('command-invalid', line.path, `this command line cannot be split and will fail: ${split.error}`));
    return command;
  });
}

/** Published ports of the most specific layer that has any. */
export function resolvePorts(layers: readonly Layer[], reading: Reading): { ports: PublishedPort[]; from: Chosen<string>[] } {
  const from = mostSpecificList(layers, 'ports');
  const ports = from.flatMap((entry) => {
    const parsed = parsePorts(entry.value);
    if ('ports' in parsed) return parsed.ports;
    reading.report(fault('port-invalid', entry.path, `this port cannot be read: ${parsed.error}`, { expected: '[[address:]host port:]container port[/protocol]', got: JSON.stringify(entry.value) }));
    return [];
  });
  return { ports, from };
}

const policies: Readonly<Record<string, NodeInput['restartPolicy']>> = { no: 'no', 'on-failure': 'on-failure', always: 'always', 'unless-stopped': 'unless-stopped' };

/** Restart policy and auto-remove, which exclude each other. Kind linux restarts always unless told otherwise. */
export function resolveRestart(layers: readonly Layer[], kind: string, reading: Reading): Pick<NodeInput, 'restartPolicy' | 'autoRemove'> {
  const autoRemove = pick(layers, 'auto-remove')?.value ?? false;
  const given = pick(layers, 'restart-policy');
  if (given === undefined) return { autoRemove, restartPolicy: kind === 'linux' && !autoRemove ? 'always' : 'no' };
  const [word = '', count] = given.value.trim().toLowerCase().split(':');
  const policy = policies[word];
  if (policy === undefined) {
    reading.report(fault('restart-policy-invalid', given.path, 'this restart policy is not known', { expected: Object.keys(policies).join(', '), got: JSON.stringify(given.value) }));
    return { autoRemove, restartPolicy: 'no' };
  }
  if (count !== undefined) reading.report(warning('key-not-honoured', given.path, 'the number of restarts has no effect: how often a node is restarted is part of its repair budget'));
  if (autoRemove && policy !== 'no') reading.report(warning('restart-policy-ignored', given.path, 'a node with auto-remove is not restarted', { hint: 'remove one of the two' }));
  return { autoRemove, restartPolicy: autoRemove ? 'no' : policy };
}

/** Pull policy in the words of the vocabulary. */
export function resolvePullPolicy(layers: readonly Layer[]): NodeInput['imagePullPolicy'] {
  const policy = pick(layers, 'image-pull-policy')?.value;
  if (policy === 'Always') return 'always';
  return policy === 'Never' ? 'never' : 'if-not-present';
}
