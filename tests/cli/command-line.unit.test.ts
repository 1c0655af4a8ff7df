// The command line: where options may stand, how they are checked, what help says; and that the reference in docs is true.
import { describe, expect, it } from 'vitest';
import { CommanderError } from 'commander';
import { commands } from '../../cli/commands.ts';
import { parseOptions } from '../../cli/command-spec.ts';
import type { CommandSpec } from '../../cli/command-spec.ts';
import { GlobalOptions } from '../../cli/context.ts';
import { CliError } from '../../cli/exit-code.ts';
import { renderCliReference } from '../../cli/output/cli-reference.ts';
import { buildProgram } from '../../cli/program.ts';

type Parsed = { verb: string; options: Record<string, unknown>; args: readonly string[] };

async function parse(line: string): Promise<Parsed | undefined> {
  let parsed: Parsed | undefined;
  const program = buildProgram(commands, async (spec, options, args) => {
    parsed = { verb: spec.usage.split(' ')[0] ?? '', options: Object.fromEntries(Object.entries(options as object)), args };
    await Promise.resolve();
  });
  const quiet = { writeOut: () => undefined, writeErr: () => undefined };
  const silence = (command: typeof program): void => {
    command.configureOutput(quiet).exitOverride();
    for (const sub of command.commands) silence(sub as typeof program);
  };
  silence(program);
  await program.parseAsync(line.split(' '), { from: 'user' });
  return parsed;
}

describe('command line', () => {
  it('takes global options before and after the verb', async () => {
    for (const line of ['--runtime docker deploy -t x.clab.yml', '-t x.clab.yml --runtime docker deploy', 'deploy --runtime docker -t x.clab.yml']) {
      expect(await parse(line)).toMatchObject({ verb: 'deploy', options: { runtime: 'docker', topo: 'x.clab.yml' } });
    }
  });
  it('knows apply as deploy', async () => {
    expect(await parse('apply -t x --dry-run')).toMatchObject({ verb: 'deploy', options: { dryRun: true } });
  });
  it('keeps meanings of one letter apart by verb', async () => {
    expect((await parse('deploy -c'))?.options).toMatchObject({ reconfigure: true });
    expect((await parse('destroy -a -c -y'))?.options).toMatchObject({ all: true, cleanup: true, yes: true });
    expect((await parse('tools veth create -a r1:eth1 -b host:x'))?.options).toMatchObject({ aEndpoint: 'r1:eth1', bEndpoint: 'host:x' });
  });
  it('collects options that may be given several times', async () => {
    expect((await parse('exec --cmd ls --cmd pwd --label a=b,c=d --label e'))?.options).toMatchObject({ cmd: ['ls', 'pwd'], label: ['a=b', 'c=d', 'e'] });
  });
  it('takes what the peer knows and we need not', async () => {
    expect(await parse('deploy -t x --max-workers 1 --skip-labdir-acl')).toMatchObject({ verb: 'deploy' });
  });
  it('refuses an unknown verb or option', async () => {
    await expect(parse('nonsense')).rejects.toThrow(CommanderError);
    await expect(parse('deploy --nonsense')).rejects.toThrow(CommanderError);
  });
  it('names each option that is not of its form', () => {
    expect(() => parseOptions(GlobalOptions, { timeout: 'soon', debug: true })).toThrow(new CliError(2, 'bad-option', '--timeout: "soon" is no duration: write e.g. 90s, 10m or 1h30m'));
  });
});

describe('help', () => {
  const all = (specs: readonly CommandSpec[]): CommandSpec[] => specs.flatMap((spec) => [spec, ...all(spec.subcommands ?? [])]);
  it.each(all(commands).map((spec) => [spec.usage, spec] as const))('%s has an example that begins as a user would type it', (_usage, spec) => {
    expect(spec.examples.length).toBeGreaterThan(0);
    for (const example of spec.examples) expect(example).toMatch(/labwright/);
  });
  it('the reference in docs is what the commands say (after a change: vitest -u)', async () => {
    await expect(renderCliReference(commands)).toMatchFileSnapshot('../../docs/cli.md');
  });
});
