// Does KVM really run a guest, and does QEMU emulate one? Only a boot sector through real firmware tells.
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding, ProbeContext, ProbeSpec } from '../probe.ts';
import { reasonOf, runCommand } from '../run-command.ts';

const QEMU = 'qemu-system-x86_64';
const GUEST_MS = 3_000;
/** isa-debug-exit turns the byte 0x10 into exit status (0x10 << 1) | 1. */
const GUEST_DONE = 33;

// out 0x3f8 'O', out 0x3f8 'K', out 0xf4 0x10, cli, hlt, jump to self; then zeros and the boot signature.
const bootSector = (): Buffer => {
  const sector = Buffer.alloc(512);
  Buffer.from('baf803b04feeb04beebaf400b010eefaf4ebfd', 'hex').copy(sector);
  sector[510] = 0x55;
  sector[511] = 0xaa;
  return sector;
};

const emulation = {
  costs: 'Virtual machines are emulated: they boot and run several times slower.',
  remedy: 'Run on bare metal, or let the hypervisor below pass virtualisation on (nested KVM).',
};
const noGuests = { costs: 'Nodes that are virtual machines cannot run; containers are not concerned.', remedy: 'Install qemu-system-x86.' };

export const kvmProbe: ProbeSpec = {
  id: 'kvm',
  title: 'KVM runs a guest',
  deadlineMs: 5_000,
  ...emulation,
  run: async (context) => {
    const device = await stat('/dev/kvm').catch(() => undefined);
    if (device === undefined) return { status: 'missing', found: 'there is no /dev/kvm', ...emulation };
    const guest = await bootGuest(context, 'kvm');
    if (guest !== 'ran') return { status: 'not-effective', found: `/dev/kvm is there, but a guest ${guest}`, ...emulation };
    if ((device.mode & 0o006) === 0 && (device.mode & 0o060) !== 0o060) {
      return {
        status: 'not-effective',
        found: `a guest ran, but /dev/kvm has mode ${(device.mode & 0o777).toString(8)}`,
        costs: 'libvirt runs guests as another user, for which KVM is not there; each define then takes 8 s.',
        remedy: 'chgrp kvm /dev/kvm && chmod 660 /dev/kvm, as udev does.',
      };
    }
    return { status: 'ok', found: 'a boot sector ran through firmware' };
  },
};

export const qemuProbe: ProbeSpec = {
  id: 'qemu',
  title: 'QEMU runs a guest',
  deadlineMs: 5_000,
  ...noGuests,
  run: async (context): Promise<Finding> => {
    const version = await runCommand(context, QEMU, ['--version']);
    const found = /version (\S+)/.exec(version.stdout)?.[1] ?? 'unknown version';
    const guest = await bootGuest(context, 'tcg');
    if (guest === 'ran') return { status: 'ok', found: `QEMU ${found} emulates a guest` };
    return { status: 'not-effective', found: `QEMU ${found}: an emulated guest ${guest}`, ...noGuests };
  },
};

/** Boots the sector and says in words how it went; a guest that hangs is killed after 3 s. */
const bootGuest = async (context: ProbeContext, accelerator: 'kvm' | 'tcg'): Promise<string> => {
  const disk = await openNameless(bootSector());
  const limit = AbortSignal.timeout(GUEST_MS);
  try {
    const result = await runCommand({ ...context, signal: AbortSignal.any([context.signal, limit]) }, QEMU, qemuArguments(accelerator, `/proc/${process.pid}/fd/${disk.fd}`));
    if (result.exitCode === GUEST_DONE && result.stdout.endsWith('OK')) return 'ran';
    return `did not start: ${reasonOf(result)}`;
  } catch (error) {
    if (limit.aborted) return `hung and was ended after ${GUEST_MS / 1_000} s`;
    throw error;
  } finally {
    await disk.close();
  }
};

/** A file that has no name any more, so that it goes with the process that holds it, however that ends. */
const openNameless = async (bytes: Buffer): Promise<FileHandle> => {
  const folder = await mkdtemp(join(tmpdir(), 'labwright-guest-'));
  try {
    await writeFile(join(folder, 'disk'), bytes);
    return await open(join(folder, 'disk'), 'r');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const qemuArguments = (accelerator: string, disk: string): string[] => [
  ...['-M', 'pc', '-accel', accelerator, '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-m', '4'],
  ...['-serial', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
  ...['-drive', `file=${disk},format=raw,if=floppy,readonly=on`],
];
