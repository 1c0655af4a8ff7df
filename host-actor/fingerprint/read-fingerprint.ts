// The fingerprint of this host: all probes, in the order in which a person wants to read them.
import { bridgeNetfilterProbe } from './probes/bridge-netfilter.ts';
import { capabilitiesProbe } from './probes/capabilities.ts';
import { clockProbe } from './probes/clock.ts';
import { cgroupProbe, engineProbe, runtimeProbe } from './probes/engine.ts';
import { kernelFeatureProbes } from './probes/kernel-features.ts';
import { kvmProbe, qemuProbe } from './probes/kvm.ts';
import { fileLimitProbe, inotifyProbe } from './probes/limits.ts';
import { lvmFilterProbe } from './probes/lvm-filter.ts';
import { natsServerProbe } from './probes/nats-server.ts';
import { nftablesNatProbe } from './probes/nftables-nat.ts';
import { openVswitchProbe, ovsDatapathProbe } from './probes/open-vswitch.ts';
import { outOfMemoryProbe } from './probes/out-of-memory.ts';
import { cpuProbe, diskProbe, memoryProbe } from './probes/resources.ts';
import { tcRedirectProbe } from './probes/tc-redirect.ts';
import { underlayProbe } from './probes/underlay.ts';
import type { Probe, ProbeSpec } from './probe.ts';
import { runProbes } from './run-probes.ts';

export type FingerprintOptions = {
  readonly stateDir: string;
  /** Environment of the programs that probes run, exactly; when absent that of this process, with root's tools on PATH. */
  readonly env?: NodeJS.ProcessEnv;
  readonly procDir?: string;
  readonly engineSocket?: string;
  /** One probe after another, with programs of the lowest priority. */
  readonly background?: boolean;
  /** Only the probes with these ids. */
  readonly only?: readonly string[];
};

/** Probes that run at one time: each is short, and a host at work must not feel them. */
const AT_ONCE = 3;
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export const PROBES: readonly ProbeSpec[] = [
  // The slowest first, so that they do not stand alone at the end; they are shown last.
  kvmProbe,
  qemuProbe,
  engineProbe,
  runtimeProbe,
  capabilitiesProbe,
  cgroupProbe,
  natsServerProbe,
  tcRedirectProbe,
  nftablesNatProbe,
  bridgeNetfilterProbe,
  ...kernelFeatureProbes,
  openVswitchProbe,
  ovsDatapathProbe,
  underlayProbe,
  memoryProbe,
  cpuProbe,
  diskProbe,
  clockProbe,
  outOfMemoryProbe,
  inotifyProbe,
  fileLimitProbe,
  lvmFilterProbe,
];

/** Runs the probes; each gives a finding within its deadline, none leaves a trace. Never rejects. */
export const readFingerprint = async (options: FingerprintOptions): Promise<Probe[]> => {
  const specs = PROBES.filter((spec) => options.only === undefined || options.only.includes(spec.id));
  const probes = await runProbes(
    specs,
    {
      env: options.env === undefined ? withRootTools(withoutGaps(process.env)) : withoutGaps(options.env),
      procDir: options.procDir ?? '/proc',
      stateDir: options.stateDir,
      engineSocket: options.engineSocket ?? '/var/run/docker.sock',
      background: options.background ?? false,
    },
    options.background === true ? 1 : AT_ONCE,
  );
  const guests = (probe: Probe): number => (probe.id === 'kvm' || probe.id === 'qemu' ? 1 : 0);
  return probes.toSorted((a, b) => guests(a) - guests(b));
};

const withoutGaps = (env: NodeJS.ProcessEnv): Record<string, string> => {
  const known: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) known[name] = value;
  return known;
};

// People's PATH often lacks the directories of the tools for root.
const withRootTools = (env: Readonly<Record<string, string>>): Record<string, string> => ({
  ...env,
  PATH: [...(env['PATH'] === undefined ? [] : [env['PATH']]), ...SBIN].join(':'),
});
