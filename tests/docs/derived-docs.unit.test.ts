// What the derived documents say in their own words holds: each against the code that it speaks of.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCommand, takesFlag } from '../../docs/derive/command-tree.ts';
import { MERGED } from '../../docs/derive/lab-file-text.ts';
import { CLIENT_CODES, SERVICE_CODES } from '../../docs/derive/ops-error-codes.ts';
import { OUTPUT, SIDE_EFFECTS } from '../../docs/derive/peer-behaviour.ts';
import { NOT_THERE, PEER_VERBS } from '../../docs/derive/peer-verbs.ts';
import { BY_CONTROLLER } from '../../docs/derive/render-settings.ts';
import { SILENT_KEYS } from '../../docs/derive/silent-keys.ts';
import { derivedDocs } from '../../docs/render-docs.ts';
import { PASSED_ON } from '../../controller/start-parent.ts';
import { HostActorSettings } from '../../host-actor/config.ts';
import { Rejection } from '../../machines/vocabulary/command.ts';
import { SupervisorSettings } from '../../supervisor/config.ts';
import { readLab } from '../../topology/read-lab.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

/** Paths of the sources below a folder, or of one file. */
function sources(path: string): string[] {
  const full = join(ROOT, path);
  if (path.endsWith('.ts')) return [path];
  return readdirSync(full, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => join(path, name));
}

const textOf = (paths: readonly string[]): string => paths.flatMap(sources).map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n');
const found = (text: string, pattern: RegExp): string[] => [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ''))].toSorted();

describe.each(Object.entries(derivedDocs()))('docs/%s', (name, text) => {
  it('is up to date (node docs/render-docs.ts)', () => {
    expect(readFileSync(join(ROOT, 'docs', name), 'utf8')).toBe(text);
  });

  it('links to files that are there', () => {
    const links = found(text, /\]\(([^)#]+)(?:#[^)]*)?\)/g);
    expect(links.filter((link) => !/^https?:/.test(link) && !existsSync(join(ROOT, 'docs', link)))).toEqual([]);
  });
});

describe('error codes of the ops API', () => {
  it('are those that the supervisor answers with', () => {
    const refusals = found(textOf(['machines/decide', 'machines/plan']), /(?:\breject\(|\bcode: )'([a-z-]+)'/g);
    // A failed effect is told in the log, not answered.
    const failures = found(textOf(['supervisor', 'nats/ops-services.ts']).replaceAll(/^.*'effect\.failed'.*$/gm, ''), /(?:new OpsError\(|code: |code = )'([a-z-]+)'/g);
    expect(SERVICE_CODES.map((one) => one.code).toSorted()).toEqual([...new Set([...refusals, ...failures])].toSorted());
    expect(refusals.filter((code) => !Rejection.shape.code.options.some((known) => known === code))).toEqual([]);
  });

  it('are those that the client makes', () => {
    const made = found(readFileSync(join(ROOT, 'nats/ops-client.ts'), 'utf8'), /(?:code: |failure\()'([a-z-]+)'/g);
    expect(CLIENT_CODES.map((one) => one.code).toSorted()).toEqual(made);
  });
});

describe('lab files', () => {
  it('keys that are said to do nothing are used nowhere that would make them do something', () => {
    const used = SILENT_KEYS.filter(({ field, users }) => new RegExp(`\\.${field}\\b|\\b${field}:`).test(textOf(users))).map(({ key }) => key);
    expect(used).toEqual([]);
  });

  it('lists that add up over the layers are named', () => {
    for (const key of found(textOf(['topology']), /\bcollect\(layers, '([a-z-]+)'/g)) expect(MERGED).toContain(`\`${key}\``);
    for (const key of found(textOf(['topology']), /\b(?:mergeMap|mostSpecificList)\(layers, '([a-z-]+)'/g)) expect(MERGED).toContain(`\`${key}\``);
  });

  it.each([
    ['lab-file.md', 'put on the\nnode\'s interface', 'host-actor/wire-of-order.ts', 'addresses: [end.ipv4, end.ipv6]'],
    ['lab-file.md', '`vars` of an\nend, are data for `deploy --export-template`', 'cli/lab-folder/export-template.ts', 'link.endVars'],
    ['lab-file.md', 'nothing passes between this lab and others in management networks; the way out stays', 'host-actor/mgmt-network/render-nft-table.ts', 'oifname ${bridges} ${ip} saddr ${set} ${ip} daddr != ${set} drop'],
  ])('%s says "%s", as the code does', (doc, words, file, proof) => {
    expect(Object.entries(derivedDocs()).find(([name]) => name === doc)?.[1]).toContain(words);
    expect(textOf([file])).toContain(proof);
  });

  it('the example with every link is accepted without a warning', () => {
    const result = readLab({ text: readFileSync(join(ROOT, 'docs/examples/every-link.clab.yml'), 'utf8'), folder: '/labs', env: {} });
    expect(result).toMatchObject({ warnings: [], lab: { links: { length: 13 } } });
  });
});

describe('coming from containerlab', () => {
  it.each([...OUTPUT, ...SIDE_EFFECTS].map((one) => [one.what, one.proof] as const))('%s', (_what, [file, words]) => {
    expect(readFileSync(join(ROOT, file), 'utf8').includes(words), `${file} holds ${words}`).toBe(true);
  });

  it('gives a reason for exactly the verbs and flags that are not there', () => {
    const absent = PEER_VERBS.flatMap(({ verb, flags }) => {
      const command = findCommand(verb);
      if (command === undefined || command.description().includes('Not supported yet')) return [verb];
      return flags.filter((flag) => !takesFlag(command, flag)).map((flag) => `${verb} ${flag}`);
    });
    expect(Object.keys(NOT_THERE).toSorted()).toEqual(absent.toSorted());
  });
});

describe('docs/settings.md', () => {
  it('names what the systemd unit keeps of the environment of `labwright up`', () => {
    const settings = [...Object.keys(HostActorSettings.shape), ...Object.keys(SupervisorSettings.shape)].filter((name) => !BY_CONTROLLER.includes(name));
    expect(settings.filter((name) => !PASSED_ON.includes(name))).toEqual([]);
    expect(PASSED_ON.filter((name) => name.startsWith('LABWRIGHT_') && !derivedDocs()['settings.md']?.includes(`\`${name}\``))).toEqual([]);
  });
});
