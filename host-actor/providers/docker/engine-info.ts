// What engine answers here, and whether it lets containers join namespaces of ours.
import { readFile } from 'node:fs/promises';
import type { EngineInfo, VerbOptions } from '../provider.ts';
import { missingCapabilities } from './capabilities.ts';
import { sandboxRuntime } from './container-config.ts';
import type { EngineClient } from './engine-client.ts';

/** The engine's fingerprint, read now. */
export async function readEngineInfo(engine: EngineClient, options: VerbOptions = {}): Promise<EngineInfo> {
  const version = await engine.call({ what: 'reading the engine version', ...options, lane: 'read' }, (docker) => docker.version());
  // The client's types know nothing of this answer's shape; each field is checked below.
  const info = await engine.call({ what: 'reading the engine settings', ...options, lane: 'read' }, async (docker) => readRecord(await docker.info()));
  const runtimes = Object.keys(readRecord(info['Runtimes'])).toSorted();
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    runtimes,
    joinsNamespaces: runtimes.includes(sandboxRuntime),
    securityOptions: readStrings(info['SecurityOptions']),
    cgroupVersion: readText(info['CgroupVersion']) || '1',
    cgroupDriver: readText(info['CgroupDriver']),
    storageDriver: readText(info['Driver']),
    dataDir: readText(info['DockerRootDir']),
    liveRestore: info['LiveRestoreEnabled'] === true,
    warnings: readStrings(info['Warnings']),
  };
}

/** Names of the security modules in force (`apparmor`, `selinux`, `seccomp`) from the engine's options `name=seccomp,profile=default`. */
export function readSecurityModules(securityOptions: readonly string[]): readonly string[] {
  return securityOptions.flatMap((option) => /^name=([^,]+)/.exec(option)?.[1] ?? []);
}

/** Capabilities that this host itself lacks, so that no container can have them. */
export async function readMissingCapabilities(): Promise<readonly string[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const last = await readFile('/proc/sys/kernel/cap_last_cap', 'utf8');
  return missingCapabilities(/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? 'ffffffffffffffff', Number(last));
}

function readRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function readStrings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

function readText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
