// Merging our runtime into dockerd's configuration: what is kept, what is refused, when nothing is to do.
import { describe, expect, it } from 'vitest';
import { RegisterRuntimeError, withRuntime } from '../../setup/register-runtime.ts';

const path = '/opt/runtime';

describe('withRuntime', () => {
  it('makes a configuration where there is none', () => {
    expect(JSON.parse(withRuntime('', path) ?? '')).toEqual({ runtimes: { labwright: { path } } });
  });

  it("keeps the user's keys, runtimes and their order", () => {
    const before = '{"mtu":1400,"runtimes":{"gpu":{"path":"/usr/bin/gpu","runtimeArgs":["-x"]}},"log-driver":"local"}';
    const after = withRuntime(before, path) ?? '';
    expect(JSON.parse(after)).toEqual({
      mtu: 1400,
      runtimes: { gpu: { path: '/usr/bin/gpu', runtimeArgs: ['-x'] }, labwright: { path } },
      'log-driver': 'local',
    });
    expect(Object.keys(JSON.parse(after))).toEqual(['mtu', 'runtimes', 'log-driver']);
  });

  it('keeps the indentation of the file', () => {
    expect(withRuntime('{\n\t"mtu": 1400\n}\n', path)).toContain('\n\t"mtu": 1400');
  });

  it('moves our own entry to a new path', () => {
    expect(JSON.parse(withRuntime('{"runtimes":{"labwright":{"path":"/old"}}}', path) ?? '')).toEqual({
      runtimes: { labwright: { path } },
    });
  });

  it('is silent when the runtime is there already', () => {
    const once = withRuntime('{"mtu":1400}', path) ?? '';
    expect(withRuntime(once, path)).toBeUndefined();
  });

  it.each([
    ['{"mtu":1400,}', 'config-not-json'],
    ['// a comment\n{}', 'config-not-json'],
    ['[]', 'config-not-object'],
    ['{"runtimes":[]}', 'config-not-object'],
  ])('refuses %s with %s', (text, code) => {
    expect(() => withRuntime(text, path)).toThrow(RegisterRuntimeError);
    expect(() => withRuntime(text, path)).toThrow(expect.objectContaining({ code, retryable: false }));
  });
});
