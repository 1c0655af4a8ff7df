// A command in a node that went to a supervisor that stands still: another one has it done, and the first does not when it wakes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rpcSubject } from '../../nats/subjects.ts';
import { command, host, lab, node } from '../support/lab-builders.ts';
import { eventually } from '../support/eventually.ts';
import { smallLab, startSupervisors } from '../support/supervisors.ts';
import type { Supervisors } from '../support/supervisors.ts';

const H1 = host('h1');
const NAME = lab('run');
let all: Supervisors;
/** Ids of the commands that reached the host, repeats included. */
let reached: string[];

beforeEach(async () => {
  all = await startSupervisors(3);
  reached = [];
  const nc = await all.nats.connect({ role: 'host', hostId: H1 });
  nc.subscribe(rpcSubject(H1, 'exec'), {
    callback: (_error, message) => {
      const { commandId } = message.json<{ commandId: string }>();
      reached.push(commandId);
      message.respond(JSON.stringify({ command: 'true', target: 'container', exitCode: 0, stdout: commandId, stderr: '' }));
    },
  });
  await nc.flush();
});
afterEach(async () => await all.stop());

const exec = async (id: string) => await all.ops.request('node-exec', { commandId: command(id), nodes: [node('a')], argv: ['true'], timeoutMs: 20_000 }, { lab: NAME, timeoutMs: 25_000 });

describe('commands in nodes while one of two supervisors stands still', () => {
  it('are done, and none is done later', async () => {
    const [one, two] = [await all.start(), await all.start()];
    await all.deploy(smallLab(NAME));
    await all.settles(NAME);
    one.pause();
    const ids = Array.from({ length: 8 }, (_unused, index) => `exec-${index}`);
    const answers = await Promise.all(ids.map(exec));
    expect(answers.map(({ results }) => results[0]?.stdout)).toEqual(ids);
    await eventually(() => two.output().includes('"it stands still"'), { timeoutMs: 20_000, what: 'the other one to count it as gone' });
    const before = reached.length;
    one.resume();
    await eventually(() => one.output().includes('stood still until others took its labs'), { timeoutMs: 20_000, what: 'the paused one to wake' });
    await eventually(async () => [...(await all.shares()).keys()].includes(one.id()), { timeoutMs: 20_000, what: 'it to be back' });
    expect(reached.slice(before)).toEqual([]);
  });
});
