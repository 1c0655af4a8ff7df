// A host of its own for tests: a network namespace with forwarding closed, an uplink into a "world", and node namespaces.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export const HOST_IPV4 = '198.51.100.1';
export const HOST_IPV6 = 'fd99::1';
export const WORLD_IPV4 = '198.51.100.9';
export const WORLD_IPV6 = 'fd99::9';

export class PrivateHost {
  readonly host: string;
  readonly world: string;
  readonly stateDir: string;
  readonly #namespaces: string[];

  private constructor(prefix: string, stateDir: string) {
    this.host = `${prefix}-host`;
    this.world = `${prefix}-world`;
    this.stateDir = stateDir;
    this.#namespaces = [this.host, this.world];
  }

  static async make(prefix: string): Promise<PrivateHost> {
    const made = new PrivateHost(prefix, await mkdtemp(join(tmpdir(), 'tmgmt-')));
    // An earlier run that was killed may have left its own behind.
    for (const name of await readdir('/run/netns').catch(() => [])) {
      if (name.startsWith(`${prefix}-`)) await execa('ip', ['netns', 'del', name]);
    }
    for (const name of made.#namespaces) await made.#addNamespace(name);
    await made.ip(made.host, `link set dev lo up
link add up0 netns ${made.host} type veth peer name up0 netns ${made.world}
addr add ${HOST_IPV4}/24 dev up0
addr add ${HOST_IPV6}/64 dev up0 nodad
link set dev up0 up`);
    await made.ip(made.world, `link set dev lo up
addr add ${WORLD_IPV4}/24 dev up0
addr add ${WORLD_IPV6}/64 dev up0 nodad
link set dev up0 up`);
    return made;
  }

  async closeForwarding(): Promise<void> {
    for (const tool of ['iptables', 'ip6tables']) await this.run(this.host, tool, '-P', 'FORWARD', 'DROP');
  }

  /** A node: namespace with eth0, whose other end `device` is plugged into the bridge. */
  async addNode(device: string, bridge: string, addresses: { ipv4?: string; ipv6?: string; gateway4?: string; gateway6?: string }): Promise<string> {
    const name = `${this.host}-${device}`;
    this.#namespaces.push(name);
    await this.#addNamespace(name);
    await this.ip(this.host, `link add eth0 netns ${name} up type veth peer name ${device} netns ${this.host}
link set dev ${device} master ${bridge}
link set dev ${device} up`);
    await this.ip(name, ['link set dev lo up',
      ...(addresses.ipv4 ? [`addr add ${addresses.ipv4} dev eth0`] : []),
      ...(addresses.ipv6 ? [`addr add ${addresses.ipv6} dev eth0 nodad`] : []),
      ...(addresses.gateway4 ? [`route add default via ${addresses.gateway4}`] : []),
      ...(addresses.gateway6 ? [`route add default via ${addresses.gateway6}`] : [])].join('\n'));
    return name;
  }

  async #addNamespace(name: string): Promise<void> {
    await execa('ip', ['netns', 'add', name]);
    // Else the first second of each interface goes to duplicate address detection.
    await execa('ip', ['netns', 'exec', name, 'sh', '-c', 'for f in default all; do echo 0 > /proc/sys/net/ipv6/conf/$f/accept_dad; done']);
  }

  async removeNode(device: string): Promise<void> {
    await execa('ip', ['-n', this.host, 'link', 'del', 'dev', device], { reject: false });
    await execa('ip', ['netns', 'del', `${this.host}-${device}`], { reject: false });
  }

  async ip(netns: string, lines: string): Promise<void> {
    await execa('ip', ['-n', netns, '-batch', '-'], { input: `${lines}\n` });
  }

  async run(netns: string, ...args: string[]): Promise<string> {
    return (await execa('ip', ['netns', 'exec', netns, ...args])).stdout;
  }

  async pings(netns: string, address: string): Promise<boolean> {
    const result = await execa('ip', ['netns', 'exec', netns, 'ping', '-n', '-c', '1', '-W', '1', address], { reject: false });
    return result.exitCode === 0;
  }

  /** What a TCP connection to that place says, or why there is none. */
  async asks(netns: string, address: string, port: number): Promise<string> {
    const script = `const s=require('net').connect({host:${JSON.stringify(address)},port:${port}});s.setTimeout(1500,()=>{console.log('no answer');process.exit()});s.on('error',e=>{console.log(e.code);process.exit()});s.on('data',d=>{console.log(String(d));process.exit()})`;
    return (await this.run(netns, process.execPath, '-e', script)).trim();
  }

  /** A TCP server in the namespace that says its name and the address it sees; ends with the returned function. */
  async serve(netns: string, port: number, words: string): Promise<() => Promise<void>> {
    const script = `require('net').createServer(s=>{s.on('error',()=>{});s.end(${JSON.stringify(words)}+' '+s.remoteAddress.replace('::ffff:',''))}).listen({host:'::',port:${port}},()=>console.log('up'))`;
    const child = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    return async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    };
  }

  /** Everything that a network could leave behind on this host. */
  async snapshot(): Promise<string> {
    const parts = await Promise.all([
      this.run(this.host, 'nft', 'list', 'ruleset'),
      this.run(this.host, 'iptables-save'),
      this.run(this.host, 'ip6tables-save'),
      this.run(this.host, 'ip', '-br', 'link'),
      this.run(this.host, 'ip', '-br', 'addr'),
      this.run(this.host, 'ip', 'route'),
    ]);
    return parts.join('\n---\n').replace(/^# (Generated|Completed) .*$/gm, '').replace(/\[\d+:\d+\]/g, '').replace(/packets \d+ bytes \d+/g, '');
  }

  async remove(): Promise<void> {
    for (const name of this.#namespaces) await execa('ip', ['netns', 'del', name], { reject: false });
    await rm(this.stateDir, { recursive: true, force: true });
  }
}
