// Small renderers and parsers of the command line: durations, tables, progress, history, inventories, links, completion.
import { describe, expect, it } from 'vitest';
import { commands } from '../../cli/commands.ts';
import { renderAnsibleInventory } from '../../cli/lab-folder/ansible-inventory.ts';
import { renderNornirInventory } from '../../cli/lab-folder/nornir-inventory.ts';
import { renderTopologyData } from '../../cli/lab-folder/topology-data.ts';
import { renderStatus } from '../../cli/output/controller-status.ts';
import { renderCompletion } from '../../cli/output/completion.ts';
import { fragmentedLinks, fragmentWarnings } from '../../cli/output/fragments.ts';
import { historyLines } from '../../cli/output/history.ts';
import { renderHost } from '../../cli/output/host-table.ts';
import { renderImpairment, renderLinkTable } from '../../cli/output/link-table.ts';
import { renderProgress } from '../../cli/output/progress.ts';
import { renderTable } from '../../cli/output/table.ts';
import { renderDuration } from '../../cli/render-duration.ts';
import { parseDurationMs } from '../../topology/duration.ts';
import { leastLevel } from '../../cli/terminal.ts';
import { LogEntry } from '../../machines/vocabulary/event.ts';
import { HostDetail } from '../../machines/vocabulary/host-view.ts';
import type { LinkView } from '../../machines/vocabulary/lab-view.ts';
import { aLab, aLink, aNode } from '../support/lab-builders.ts';
import { aLabView, aLinkView, aNodeView } from './lab-views.ts';

describe('durations', () => {
  it.each([['10m', 600_000], ['1h30m', 5_400_000], ['90s', 90_000], ['500ms', 500], ['87600h', 315_360_000_000], ['2m0s', 120_000], ['15', 15_000], ['1.5s', 1_500]])('%s', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });
  it.each(['', 'soon', '10 m', '-5s', '5x'])('%j is none', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
  it('shows the two largest units', () => {
    expect([40, 5_000, 65_000, 3_600_000, 90_061_000].map(renderDuration)).toEqual(['40ms', '5s', '1m 5s', '1h', '1d 1h']);
  });
});

describe('table', () => {
  it('counts neither colours nor tabs as width', () => {
    expect(renderTable(['A'], [['\u001b[32mok\u001b[39m'], ['a\tb']])).toBe('╭─────╮\n│  A  │\n├─────┤\n│ \u001b[32mok\u001b[39m  │\n│ a b │\n╰─────╯');
  });
});

describe('link planes', () => {
  const table = (...planes: (LinkView['planes'] | undefined)[]) =>
    renderLinkTable(planes.map((one, index) => aLinkView(`a:eth${index}`, `b:eth${index}`, one === undefined ? {} : { planes: one })), (state) => state);

  it('are shown where one is not the usual one, or the ends differ', () => {
    expect(table({ a: 'tc', b: 'tc' }, undefined)).not.toContain('Plane');
    const [, head, , ...rows] = table({ a: 'tc', b: 'tc' }, { a: 'ovs', b: 'ovs' }, { a: 'tc', b: 'ovs' }, undefined).split('\n');
    const column = head?.split('│').map((cell) => cell.trim()).indexOf('Plane') ?? -1;
    expect(rows.slice(0, 4).map((row) => row.split('│')[column]?.trim())).toEqual(['tc', 'ovs', 'tc, ovs', '-']);
  });

  it('of a host are shown with the bridge that is shared, and its VLANs', () => {
    const host = HostDetail.parse({
      host: 'h1', state: 'joined', firstSeenAt: 0, lastSeenAt: 0, wish: 'open', labs: [], nodes: 0, allocated: { cpuMillis: 0, memoryMiB: 0, diskMiB: 0, ports: 0 },
      planes: ['ovs', 'tc'], ovs: { sharedBridge: 'br0', vlans: [[100, 399], [500, 500]] },
    });
    expect(renderHost({ host, nodes: [], stuck: [], unsaved: [] }, { now: 0, paintState: (state) => state })).toContain('ovs, tc (on bridge br0, VLANs 100-399,500)');
  });
});

describe('X11: the way of a link', () => {
  const tunnel = (over: Partial<NonNullable<LinkView['tunnel']>> = {}): Partial<LinkView> => ({ mtu: 9000, tunnel: { vni: 4097, udpPort: 4789, a: { host: 'h1', vtep: '10.0.0.1' }, b: { host: 'h2', vtep: '10.0.0.2' }, fragmented: false, whole: 1450, ...over } });
  const ways = (...links: Partial<LinkView>[]) => {
    const [, head, , ...rows] = renderLinkTable(links.map((over, index) => aLinkView(`a:eth${index}`, `b:eth${index}`, over)), (state) => state).split('\n');
    const column = head?.split('│').map((cell) => cell.trim()).indexOf('Way') ?? -1;
    return rows.slice(0, links.length).map((row) => row.split('│')[column]?.trim());
  };

  it('is shown where one leaves its host, with hosts, number and what is fragmented', () => {
    expect(renderLinkTable([aLinkView('a:eth1', 'b:eth1')], (state) => state)).not.toContain('Way');
    expect(ways({}, tunnel(), tunnel({ fragmented: true }), tunnel({ fragmented: true, whole: undefined }))).toEqual([
      'local', 'h1-h2, VNI 4097', 'h1-h2, VNI 4097, packets over 1450 bytes fragmented', 'h1-h2, VNI 4097, packets that do not fit fragmented',
    ]);
  });

  it('says of tunnels to others that nothing proves their far end', () => {
    expect(ways({ type: 'vxlan' }, { type: 'vxlan-stitch' }, { type: 'macvlan' })).toEqual(['far end not proved', 'far end not proved', 'local']);
  });

  it('is a warning where packets are fragmented, one for each two hosts', () => {
    const links = [1, 2, 3, 4].map((n) => aLinkView(`a:eth${n}`, `b:eth${n}`, tunnel({ fragmented: true })));
    expect(fragmentWarnings(fragmentedLinks([aLinkView('a:eth9', 'b:eth9'), aLinkView('a:eth8', 'b:eth8', tunnel())]))).toEqual([]);
    expect(fragmentWarnings(fragmentedLinks([...links, aLinkView('a:eth5', 'c:eth1', tunnel({ fragmented: true, b: { host: 'h3', vtep: '10.0.0.3' } }))]))).toEqual([
      'Packets over 1450 bytes are fragmented on the underlay between hosts h1 and h2, on links a:eth1--b:eth1 (MTU 9000), a:eth2--b:eth2 (MTU 9000), a:eth3--b:eth3 (MTU 9000) and 1 more',
      'Packets over 1450 bytes are fragmented on the underlay between hosts h1 and h3, on link a:eth5--c:eth1 (MTU 9000)',
    ]);
  });
});

describe('progress', () => {
  const view = aLabView(
    [aNodeView('a'), aNodeView('b', { state: 'waiting', waitingFor: 'stage healthy of node a' })],
    [aLinkView('a:eth1', 'b:eth1', { state: 'waiting', oper: 'down', reason: 'waits for node b' })],
    { state: 'deploying' },
  );
  it('shows totals, then what is not there and why', () => {
    expect(renderProgress(view, { columns: 100, rows: 10 })).toEqual([
      't: deploying, 1 of 2 nodes running, 0 of 1 links up', '  node b: waiting (waits for stage healthy of node a)', '  link a:eth1--b:eth1: waiting (waits for node b)',
    ]);
  });
  it('stays within the screen', () => {
    const lines = renderProgress(view, { columns: 30, rows: 2 });
    expect(lines).toHaveLength(2);
    expect(lines[1]).toBe('  ... and 2 more');
    expect(lines.every((line) => line.length < 30)).toBe(true);
  });
});

describe('history', () => {
  it('says when, why and what', () => {
    const entry = LogEntry.parse({
      v: 1, lab: 't', n: 3, at: 0, term: 1, events: [
        { type: 'NodesStopRequested', nodes: ['a'] },
        { type: 'Reported', host: 'h1', observation: { type: 'node.died', node: 'a', generation: 1, at: 0, exitCode: 137, oomKilled: false, log: ['bye'], next: 'restart' } },
        { type: 'Reported', host: 'h1', observation: { type: 'node.started', node: 'a', generation: 1, at: 0, pid: 7, startedAt: 0, cause: 'repair' } },
        { type: 'Reported', host: 'h1', observation: { type: 'effect.failed', effectId: 't/2/1', at: 0, code: 'x', message: 'no image', retryable: false, log: [] } },
        { type: 'Reported', host: 'h1', observation: { type: 'orphan.removed', at: 0, kind: 'device', name: 'lw1.x', seenForMs: 61_000 } },
        { type: 'Reported', host: 'h1', observation: { type: 'orphan.left', at: 0, kind: 'container', name: 'copy', why: 'repair is switched off' } },
      ],
    });
    expect(historyLines([{ entry, news: ['node.prepare a failed: no image'] }]).map(({ at, n, cause, what }) => [at, n, cause, what])).toEqual([
      ['1970-01-01T00:00:00.000Z', 3, 'command', 'stop a'],
      ['1970-01-01T00:00:00.000Z', 3, 'external', 'node a died (exit code 137); the host restarts it; last line: bye'],
      ['1970-01-01T00:00:00.000Z', 3, 'repair', 'node a started, pid 7'],
      ['1970-01-01T00:00:00.000Z', 3, 'order', 'node.prepare a failed: no image'],
      ['1970-01-01T00:00:00.000Z', 3, 'repair', 'device lw1.x bears the mark of this lab and no order wants it: removed after 61 s'],
      ['1970-01-01T00:00:00.000Z', 3, 'external', 'container copy bears the mark of this lab and no order wants it; repair is switched off'],
    ]);
  });
});

describe('status', () => {
  it('tells the last failure of a process in lines, when and why, with what it printed last', () => {
    const parent = { name: 'parent', state: 'running', restarts: 0 } as const;
    const supervisor = { name: 'supervisor', state: 'running', restarts: 1, failure: { atMs: 1_000, reason: 'it was ended by SIGKILL', lastLines: ['one', 'two'] } } as const;
    const text = renderStatus({ home: '/h', parent, processes: [supervisor], nats: { kind: 'embedded', durability: 'all' }, supervisorAnswers: true, startsAtBoot: 'no' }, { now: 9_000, paintState: (state) => state });
    expect(text.split('\n').slice(-3)).toEqual(['last failure of supervisor, 8s ago: it was ended by SIGKILL', '  │ one', '  │ two']);
  });
});

describe('impairment', () => {
  it('is shown in words', () => {
    expect(renderImpairment({ delayMs: 20, lossPercent: 1, rateKbps: 100 })).toBe('delay 20ms, loss 1%, rate 100kbit/s');
    expect(renderImpairment({})).toBe('-');
  });
});

describe('inventories', () => {
  const lab = aLab([aNode('a'), aNode('b')], [aLink('a:eth1', 'b:eth1')]);
  const view = aLabView([aNodeView('a', { labels: { 'ansible-group': 'spine', 'nornir-group': 'dc1' } }), aNodeView('b', { ipv4: '172.20.20.3/24' })], [aLinkView('a:eth1', 'b:eth1')]);
  it('Ansible: by kind and by label', () => {
    expect(renderAnsibleInventory(lab, view)).toBe([
      'all:', '  vars:', '    ansible_httpapi_use_proxy: false', '  children:', '    linux:', '      hosts:', '        clab-t-a:', '          ansible_host: 172.20.20.2',
      '        clab-t-b:', '          ansible_host: 172.20.20.3', '    spine:', '      hosts:', '        clab-t-a:', '          ansible_host: 172.20.20.2', '',
    ].join('\n'));
  });
  it('Nornir: one host a node', () => {
    expect(renderNornirInventory(lab, view)).toBe(['---', 'a:', '    platform: linux', '    hostname: 172.20.20.2', '    groups:', '        - dc1', 'b:', '    platform: linux', '    hostname: 172.20.20.3', ''].join('\n'));
  });
  it('topology data: nodes by name, links by ends', () => {
    const data: unknown = JSON.parse(renderTopologyData(lab, view));
    expect(data).toMatchObject({
      name: 't', type: 'clab', clab: { config: { prefix: 'clab', mgmt: { network: 'clab' } } },
      nodes: { a: { index: '0', shortname: 'a', longname: 'clab-t-a', 'mgmt-ipv4-address': '172.20.20.2', 'mgmt-ipv4-prefix-length': 24 } },
      links: [{ endpoints: { a: { node: 'a', interface: 'eth1', mac: 'aa:c1:00:10:00:01', peer: 'z' }, z: { node: 'b', interface: 'eth1', peer: 'a' } } }],
    });
  });
});

describe('completion', () => {
  it('knows every verb in each shell', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = renderCompletion(shell, commands);
      for (const verb of ['deploy', 'destroy', 'inspect', 'link']) expect(script).toContain(verb);
    }
  });
});

describe('log level', () => {
  it('follows --debug and --log-level', () => {
    expect([leastLevel({ debug: true }), leastLevel({ debug: false, logLevel: 'error' }), leastLevel({ debug: false }), leastLevel({ debug: false, logLevel: 'trace' })]).toEqual(['DEBU', 'ERRO', 'INFO', 'DEBU']);
  });
});
