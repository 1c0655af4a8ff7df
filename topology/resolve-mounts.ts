// Binds and volumes of a node: merged by destination, sources made absolute.
import { fault } from './issue.ts';
import type { Chosen, Layer } from './layers.ts';
import { collect } from './layers.ts';
import { resolvePath } from './posix-path.ts';
import type { Reading } from './reading.ts';
import { replaceMagic } from './reading.ts';

type Mount = { destination: string; text: string };

/**
 * All mounts as `source:destination[:options]` (a destination alone is an anonymous volume). Of two mounts with one
 * destination the more specific layer's wins; the order is that of first mention.
 */
export function resolveMounts(layers: readonly Layer[], node: string, reading: Reading): string[] {
  const mounts = new Map<string, string>();
  const all = [...collect(layers, 'binds').map((bind) => parseBind(bind, node, reading)), ...collect(layers, 'volumes').map((volume) => parseVolume(volume, reading))];
  for (const mount of all) if (mount !== undefined) mounts.set(mount.destination, mount.text);
  return [...mounts.values()];
}

function parseBind(bind: Chosen<string>, node: string, reading: Reading): Mount | undefined {
  const [source = '', destination, options, ...rest] = replaceMagic(bind.value, reading, node).split(':');
  if (destination === undefined) return { destination: source, text: checkDestination(source, bind, reading) };
  if (rest.length > 0 || source === '') {
    reading.report(fault('bind-invalid', bind.path, 'this bind cannot be read', { expected: 'source:destination[:options]', got: JSON.stringify(bind.value) }));
    return undefined;
  }
  const absolute = resolvePath(source, reading.folder, reading.env['HOME']);
  return { destination, text: [absolute, checkDestination(destination, bind, reading), ...(options === undefined ? [] : [options])].join(':') };
}

function parseVolume(volume: Chosen<string>, reading: Reading): Mount | undefined {
  const [source = '', destination, options, ...rest] = volume.value.split(':');
  if (destination === undefined) return { destination: source, text: checkDestination(source, volume, reading) };
  if (rest.length > 0 || !/^[A-Za-z0-9][\w.-]*$/.test(source)) {
    const hint = source.includes('/') ? 'folders of the host are mounted by binds' : undefined;
    reading.report(fault('volume-invalid', volume.path, 'this volume cannot be read', { expected: 'name:destination[:options] or a destination', got: JSON.stringify(volume.value), ...(hint === undefined ? {} : { hint }) }));
    return undefined;
  }
  return { destination, text: [source, checkDestination(destination, volume, reading), ...(options === undefined ? [] : [options])].join(':') };
}

function checkDestination(destination: string, from: Chosen<string>, reading: Reading): string {
  if (!destination.startsWith('/')) {
    reading.report(fault('mount-destination', from.path, 'the destination inside the container must be an absolute path', { got: JSON.stringify(from.value) }));
  }
  return destination;
}
