// What exec prints: records on the error stream, arrays for programs.
import { describe, expect, it } from 'vitest';
import { execJson, execRecord } from '../../cli/output/exec-records.ts';
import { matchesLabels } from '../../cli/output/node-labels.ts';
import { renderRecord } from '../../cli/terminal.ts';

const result = (over: object) => ({ command: 'ip addr', target: 'container' as const, exitCode: 0, stdout: '', stderr: '', ...over });
const text = (node: string, over: object) => {
  const { level, message, fields } = execRecord(node, result(over));
  return renderRecord(level, message, fields);
};

describe('exec record', () => {
  it('starts with its level, then node and command, then the output behind bars', () => {
    expect(text('clab-t-a', { stdout: '1: lo\n2: eth0\n' })).toBe('INFO Executed command node=clab-t-a command="ip addr"\n  stdout=\n  │ 1: lo\n  │ 2: eth0');
  });
  it('sets a single line without an end below, too', () => {
    expect(text('a', { command: 'id', stdout: 'root' })).toBe('INFO Executed command node=a command=id\n  stdout=\n  │ root');
  });
  it('is one line when nothing was printed', () => {
    expect(text('a', {})).toBe('INFO Executed command node=a command="ip addr"');
  });
  it('names the exit code of a command that failed', () => {
    expect(text('a', { exitCode: 126, stderr: '"nosuch": executable file not found' })).toBe('ERRO Failed to execute command node=a command="ip addr" rc=126\n  stderr=\n  │ "nosuch": executable file not found');
  });
  it('keeps blank lines of the output', () => {
    expect(text('a', { stdout: 'x\n\ny\n' })).toContain('  │ x\n  │ \n  │ y');
  });
});

describe('exec JSON', () => {
  it('parses output that is JSON and keeps other output as text', () => {
    expect(execJson(result({ stdout: '[{"ifname":"eth1"}]' }), ['ip', '-j', 'a'])).toEqual({ cmd: ['ip', '-j', 'a'], 'return-code': 0, stdout: [{ ifname: 'eth1' }], stderr: '' });
    expect(execJson(result({ stdout: 'hi\n', exitCode: 3 }), ['x']).stdout).toBe('hi\n');
  });
});

describe('label filter', () => {
  const labels = { 'clab-node-name': 'r1', role: 'spine' };
  it('needs every label', () => {
    expect(matchesLabels(labels, [])).toBe(true);
    expect(matchesLabels(labels, ['clab-node-name=r1', 'role=spine'])).toBe(true);
    expect(matchesLabels(labels, ['clab-node-name=r1', 'role=leaf'])).toBe(false);
  });
  it('takes a name alone for "is there"', () => {
    expect(matchesLabels(labels, ['role'])).toBe(true);
    expect(matchesLabels(labels, ['rack'])).toBe(false);
  });
});
