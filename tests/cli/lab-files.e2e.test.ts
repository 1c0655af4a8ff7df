// What a deployed lab leaves and says beside its nodes: certificates, drawings, exported data, its description; save; exec in a container of somebody else.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openWorld } from './labwright.ts';
import type { Ran, World } from './labwright.ts';

const EXTERNAL = 'tclf-external';
const mgmt = 'mgmt: { network: tclf-net, bridge: br-tclf, ipv4-subnet: 172.29.78.0/24, ipv6-subnet: 3fff:172:29:78::/64 }';
const text = `name: tclf # as written
${mgmt}
settings: { certificate-authority: { key-size: 1024 } }
topology:
  defaults: { kind: linux, image: labwright/linux:local }
  groups: { edge: { env: { ROLE: edge } } }
  nodes:
    n1:
      group: edge
      mgmt-ipv4: 172.29.78.11
      certificate: { issue: true, sans: [n1.example] }
      binds: ["__clabDir__/.tls/__clabNodeName__:/tls:ro", "__clabDir__/.tls/ca/ca.pem:/ca.pem:ro"]
      exec: ["cat /tls/n1.pem"]
      ports: ["18053:53/udp", "18080:80"]
    frr: { image: labwright/frr:local, binds: ["daemons:/etc/frr/daemons"] }
    ${EXTERNAL}: { kind: ext-container, exec: ["hostname"] }
  links:
    - endpoints: [n1:eth1, frr:eth1]
    - endpoints: ["n1:GigabitEthernet0/0/0/1", "${EXTERNAL}:eth5"]
`;
let world: World;
let file: string;
let deployed: Ran;

beforeAll(async () => {
  world = openWorld();
  await execa('docker', ['run', '--detach', '--name', EXTERNAL, '--network', 'none', '--label', 'team=blue', 'labwright/linux:local', 'sleep', 'infinity']);
  writeFileSync(join(world.folder, 'daemons'), 'bgpd=no\n');
  writeFileSync(join(world.folder, 'own.tmpl'), '{"lab": "{{ .Name }}"{{ range $n, $c := .NodeConfigs }}, "{{ $n }}": "{{ $c.MgmtIPv4Address }}"{{ end }}}\n');
  file = world.file('tclf.clab.yml', text);
  deployed = await world.run(['deploy', '-t', file, '--timeout', '2m', '--graph', '--export-template', 'own.tmpl', '--json']);
  if (deployed.exitCode !== 0) throw new Error(deployed.stderr);
});
afterAll(async () => {
  await world.end();
  await execa('docker', ['rm', '--force', EXTERNAL], { reject: false });
});

const exec = async (node: string, cmd: string) => (await world.run(['exec', '-t', file, '--label', `clab-node-name=${node}`, '--cmd', cmd])).stderr;

describe('deploy', () => {
  it('says whether the lab existed', async () => {
    expect(JSON.parse(deployed.stdout)).toMatchObject({ existed: false, lab: { state: 'running' } });
    expect(JSON.parse((await world.run(['deploy', '-t', file, '--json'])).stdout)).toMatchObject({ existed: true, changes: [] });
  });
  it('issues certificates before the nodes start, whose keys stand nowhere but in their files', async () => {
    const tls = join(world.folder, 'clab-tclf', '.tls');
    expect(statSync(join(tls, 'n1', 'n1.key')).mode & 0o777).toBe(0o600);
    expect(deployed.stderr).toContain('-----BEGIN CERTIFICATE-----');
    expect((await execa('openssl', ['verify', '-CAfile', join(tls, 'ca', 'ca.pem'), join(tls, 'n1', 'n1.pem')])).stdout).toContain('OK');
    expect((await execa('openssl', ['x509', '-in', join(tls, 'n1', 'n1.pem'), '-noout', '-ext', 'subjectAltName'])).stdout).toContain('DNS:n1, DNS:clab-tclf-n1, DNS:n1.tclf.io, IP Address:172.29.78.11, DNS:n1.example');
    expect(existsSync(join(tls, 'frr'))).toBe(false);
    const key = readFileSync(join(tls, 'n1', 'n1.key'), 'utf8').split('\n')[1] ?? '';
    const history = await world.run(['history', '--name', 'tclf', '--json']);
    const log = await world.run(['inspect', '--name', 'tclf', '--spec']);
    expect([log.stdout.includes('.tls/n1:/tls:ro'), log.stdout.includes(key), history.stdout.includes(key)]).toEqual([true, false, false]);
  });
  it('makes topology-data.json by the template', async () => {
    const path = join(world.folder, 'clab-tclf', 'topology-data.json');
    expect((await world.run(['deploy', '-t', file, '--export-template', 'own.tmpl'])).exitCode).toBe(0);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ lab: 'tclf', n1: '172.29.78.11' });
    const refused = await world.run(['deploy', '-t', file, '--export-template', 'none.tmpl']);
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('--export-template: none.tmpl cannot be read')]);
  });
  it('gives an interface with a long name that name too', async () => {
    expect(await exec('n1', 'ip -brief link show GigabitEthernet0-0-0-1')).toMatch(/GigabitE-\w+@?\S*\s+UP/);
  });
});

/** What a server answers first; rejects when it does not let us in. */
async function sayTo(host: string, port: number, words: string): Promise<string> {
  const socket = connect({ host, port, timeout: 1_000 });
  try {
    await once(socket, 'connect');
    socket.write(words);
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(2_000) });
    return String(answer);
  } finally {
    socket.destroy();
  }
}

describe('a published port', () => {
  it('of TCP answers on 127.0.0.1, ::1 and an address of the host', async () => {
    await execa('docker', ['exec', '--detach', 'clab-tclf-n1', 'socat', 'TCP6-LISTEN:80,fork,reuseaddr', 'EXEC:cat']);
    const ofHost = Object.values(networkInterfaces()).flat().filter((one) => one !== undefined && !one.internal && !one.address.startsWith('fe80')).map((one) => one?.address ?? '');
    expect(ofHost.length).toBeGreaterThan(0);
    for (const address of ['127.0.0.1', '::1', ...ofHost]) {
      const answer = await eventually(async () => await sayTo(address, 18080, `by ${address}`), { what: `an answer by ${address}` });
      expect(answer).toBe(`by ${address}`);
    }
  });

  it('of UDP answers on ::1', async () => {
    await execa('docker', ['exec', '--detach', 'clab-tclf-n1', 'socat', 'UDP6-RECVFROM:53,fork', 'EXEC:cat']);
    const client = createSocket('udp6');
    let answer = '';
    client.on('message', (message) => (answer = message.toString()));
    await eventually(() => {
      if (answer === '') client.send('through the relay', 18053, '::1');
      return answer !== '';
    }, { timeoutMs: 10_000, what: 'an answer from the node' });
    client.close();
    expect(answer).toBe('through the relay');
  });
});

describe('a container of somebody else', () => {
  it('runs commands of the file, and of exec by name and by label', async () => {
    expect(deployed.stderr).toContain(`Executed command node=${EXTERNAL} command=hostname`);
    const hostname = (await execa('docker', ['inspect', '-f', '{{.Config.Hostname}}', EXTERNAL])).stdout;
    expect(await exec(EXTERNAL, 'hostname')).toMatch(new RegExp(`node=${EXTERNAL} command=hostname\\n {2}stdout=\\n {2}│ ${hostname}`));
    expect((await world.run(['exec', '--label', `clab-node-name=${EXTERNAL}`, '--cmd', 'ip -brief link show eth5'])).stderr).toContain('eth5');
  });
});

describe('graph', () => {
  it('draws what runs, and by name alone what was deployed', async () => {
    expect(readFileSync(join(world.folder, 'clab-tclf', 'graph', 'tclf.dot'), 'utf8')).toContain('"frr" -- "n1"');
    const graph: unknown = JSON.parse((await world.run(['graph', '-t', file, '--json'])).stdout);
    expect(graph).toMatchObject({ nodes: [{ name: 'frr', state: 'running' }, { name: 'n1', ipv4_address: '172.29.78.11/24' }, { name: EXTERNAL }], links: [{ state: 'up' }, { state: 'up' }] });
    const mermaid = await world.run(['graph', '--name', 'tclf', '--mermaid']);
    expect(mermaid.stdout).toContain('---|"eth1 ↔ eth1"|');
    expect(mermaid.stderr).toContain('graph/tclf.mermaid');
    expect((await world.run(['graph', '-t', file, '--offline'])).stdout).toContain('frr (linux, labwright/frr:local)\n  eth1 -- n1:eth1');
  });
});

describe('save', () => {
  it('reads FRR out, and says of the others that they cannot save', async () => {
    const saved = await world.run(['save', '-t', file, '--dst', 'backups']);
    expect(saved.exitCode).toBe(0);
    expect(saved.stderr).toMatch(/WARN kind linux cannot save: no FRR runs in it node=n1/);
    expect(saved.stderr).toMatch(new RegExp(`WARN kind ext-container cannot save: .* node=${EXTERNAL}`));
    for (const path of ['clab-tclf/frr/frr.conf', 'backups/clab-tclf/frr/frr.conf']) expect(readFileSync(join(world.folder, path), 'utf8')).toMatch(/^!\nfrr version [^]*\nend\n$/);
  });
});

describe('the description of a lab', () => {
  it('is the text of its file, and what that was resolved to', async () => {
    expect((await world.run(['inspect', '--name', 'tclf', '--source'])).stdout).toBe(text.trimEnd());
    expect(JSON.parse((await world.run(['inspect', '--name', 'tclf', '--spec'])).stdout)).toMatchObject({ id: 'tclf', nodes: [{ id: 'frr' }, { id: 'n1', env: { ROLE: 'edge' } }, {}] });
  });
  it('explains settings of what runs, though the file is gone', async () => {
    const { stdout } = await world.run(['explain', 'n1', 'env', '--name', 'tclf'], { cwd: '/' });
    expect(stdout).toMatch(/env\.ROLE +│ edge +│ group +│ 6 /);
    expect((await world.run(['explain', 'n9', '--name', 'tclf'])).stderr).toContain('has no node n9: it has frr, n1');
  });
});

describe('destroy', () => {
  it('leaves the container of somebody else as it was', async () => {
    expect((await world.run(['destroy', '-t', file, '--cleanup'])).exitCode).toBe(0);
    expect(existsSync(join(world.folder, 'clab-tclf'))).toBe(false);
    expect((await execa('docker', ['exec', EXTERNAL, 'ip', '-brief', 'link'])).stdout).not.toContain('eth5');
  });
});
