// What is done to the text before it is read as YAML: environment variables and templates, with places kept.
import { describe, expect, it } from 'vitest';
import type { Environment } from '../../topology/expand-variables.ts';
import { expandVariables } from '../../topology/expand-variables.ts';
import { readLab } from '../../topology/read-lab.ts';
import { identityText } from '../../topology/source-map.ts';
import { expandTemplate } from '../../topology/template/expand-template.ts';

const expand = (text: string, env: Environment): string => expandVariables(identityText(text), env).text;
const template = (text: string, vars: unknown): string => {
  const result = expandTemplate(identityText(text), vars);
  return 'text' in result ? result.text : `error: ${result.error}`;
};

describe('variables', () => {
  it('takes set variables, with and without braces', () => expect(expand('$A ${A} $AB ${AB}', { A: '1', AB: '2' })).toBe('1 1 2 2'));

  it('takes defaults when unset, with a colon also when empty', () => {
    expect(expand('${X:=a} ${X:-b} ${X=c} ${X-d} ${E:=e} ${E=f} ${S:+g} ${X+h}', { E: '', S: 's' })).toBe('a b c d e  g ');
  });

  it('leaves what is not set to the shells inside the nodes', () => {
    expect(expand('echo $NOPE ${NOPE} $1 $(date) $? ${x%y} awk {print $2}', {})).toBe('echo $NOPE ${NOPE} $1 $(date) $? ${x%y} awk {print $2}');
  });

  it('takes a doubled dollar as an escape', () => expect(expand('$$A $${A} $$', { A: '1' })).toBe('$A ${A} $$'));

  it('keeps the places of the text that the user wrote', () => {
    const result = readLab({ text: 'name: ${LONG}\ntopology:\n  nodes: {n1: {image: "${LONG}", kind: nope}}\n', folder: '/', env: { LONG: 'a-very-long-value' } });
    expect('faults' in result && result.faults.map(({ code, line, column }) => ({ code, line, column }))).toEqual([{ code: 'kind-unknown', line: 3, column: 40 }]);
  });
});

describe('templates', () => {
  it('leaves a text without actions alone', () => expect(template('a { b }} c', undefined)).toBe('a { b }} c'));

  it('knows values, if, else if, with', () => {
    const text = '{{ if .a }}A{{ else if eq .b 2 }}B{{ .b }}{{ else }}C{{ end }}{{ with .c.d }}[{{ . }}]{{ end }}';
    expect(template(text, { a: 1 })).toBe('A');
    expect(template(text, { b: 2, c: { d: 'x' } })).toBe('B2[x]');
    expect(template(text, undefined)).toBe('C');
  });

  it('knows range over lists, mappings and numbers, and variables', () => {
    expect(template('{{ range $i, $e := .l }}{{ $i }}={{ $e }};{{ end }}', { l: ['x', 'y'] })).toBe('0=x;1=y;');
    expect(template('{{ range $k, $v := .m }}{{ $k }}{{ $v.n }} {{ end }}', { m: { b: { n: 2 }, a: { n: 1 } } })).toBe('a1 b2 ');
    expect(template('{{ range .none }}x{{ else }}empty{{ end }}', {})).toBe('empty');
    expect(template('{{ $n := 0 }}{{ range seq 3 }}{{ $n = add $n . }}{{ end }}{{ $n }}', {})).toBe('6');
    expect(template('{{ range $i := seq 0 2 }}{{ range $.l }}{{ . }}{{ $i }} {{ end }}{{ end }}', { l: ['a'] })).toBe('a0 a1 a2 ');
  });

  it('knows pipes, parentheses, printf and trimming', () => {
    expect(template('{{ printf "%s-%02d" .a (add .n 1) | upper }}', { a: 'leaf', n: 4 })).toBe('LEAF-05');
    expect(template('x  {{- /* note */ -}}  y {{ default "d" .z }} {{ index .m "k" }} {{ len .m }}', { m: { k: 'v' } })).toBe('xy d v 1');
    expect(template('{{ if and .a (not .b) }}yes{{ end }}', { a: true, b: false })).toBe('yes');
  });

  it('says what is wrong and where', () => {
    expect(template('{{ .a.b }}', {})).toBe('error: template: .a.b has no value; give it in a file with --vars');
    expect(template('{{ if .a }}x', {})).toBe('error: template: {{ end }} is missing');
    expect(template('{{ end }}', {})).toMatch(/without/);
    expect(template('{{ .a', {})).toBe('error: template: {{ is not closed by }}');
    expect(template('{{ define "x" }}{{ end }}', {})).toMatch(/define .* is not supported/);
    expect(template('{{ nosuch 1 }}', {})).toMatch(/function nosuch is not supported/);
    expect(template('{{ $x }}', {})).toMatch(/\$x is not declared/);
  });

  it('makes labs, and places findings in the template', () => {
    const text = 'name: t\ntopology:\n  nodes:\n{{- range $i := seq 2 }}\n    n{{ $i }}: {kind: {{ $.kind }}, image: x}\n{{- end }}\n';
    const made = readLab({ text, folder: '/', env: {}, vars: { kind: 'linux' } });
    expect('lab' in made && made.lab.nodes.map((node) => node.id)).toEqual(['n1', 'n2']);
    const wrong = readLab({ text, folder: '/', env: {}, vars: { kind: 'nope' } });
    expect('faults' in wrong && wrong.faults.map(({ code, line, column }) => ({ code, line, column }))).toEqual([
      { code: 'kind-unknown', line: 5, column: 27 },
      { code: 'kind-unknown', line: 5, column: 27 },
    ]);
  });
});
