// topology-data.json by a template of the user's, written for the names that the field's export templates use.
import { describe, expect, it } from 'vitest';
import { renderExport } from '../../cli/lab-folder/export-template.ts';
import { configurationIn, FRR } from '../../vendors/saved-configuration.ts';
import { accepted } from '../topology/read-fixture.ts';
import { aLabView, aLinkView, aNodeView } from './lab-views.ts';

const { lab } = accepted(`name: t
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes: {a: {labels: {role: leaf}}, b: }
  links: [{endpoints: ["a:eth1", "b:eth1"]}, {endpoints: ["a:eth2", "dummy"]}]
`);
const view = aLabView([aNodeView('a', { labels: { role: 'leaf' }, ports: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }), aNodeView('b')], [aLinkView('a:eth1', 'b:eth1')]);

const TEMPLATE = `{
  "name": "{{ .Name }}",
  "mgmt": {{ ToJSONPretty .Clab.Config.Mgmt "  " "  "}},
  "net": "{{ .Clab.Config.Mgmt.Network }} {{ .Clab.Config.Mgmt.IPv4Subnet }}",
  "nodes": { {{- $i:=0 }}{{range $n, $c := .NodeConfigs}}{{if $i}},{{end}}
    "{{$n}}": {"address": "{{$c.MgmtIPv4Address}}", "len": {{$c.MgmtIPv4PrefixLength}}, "labels": {{ToJSON $c.Labels}}, "ports": [
      {{- range $pidx, $p := $c.ResultingPortBindings}}{{- if gt $pidx 0}},{{end}}{"p": {{$p.HostPort}}, "proto": "{{$p.Protocol}}"}{{- end }}]}{{$i = add $i 1}}{{end}}
  },
  "links": [{{range $i, $l := .Clab.Links}}{{if $i}},{{end}}{{- $eps := $l.GetEndpoints }}{{- $ep := index $eps 0 }}
    {"a": "{{ $ep.GetNode.GetShortName }}:{{ $ep.GetIfaceName }}", "mac": "{{ $ep.GetMac }}", {{- $ip := $ep.GetIPv4Addr -}}{{- if $ip.IsValid }}"ip": "{{ $ip.String }}",{{- end }} "peer": "{{if eq (len $eps) 2}}z{{else}}dummy{{end}}"}{{end}}
  ]
}
`;

describe('export by a template', () => {
  it('carries out templates of the field', () => {
    expect(JSON.parse(renderExport(TEMPLATE, lab, view))).toEqual({
      name: 't', net: 'clab 172.20.20.0/24',
      mgmt: expect.objectContaining({ network: 'clab', 'ipv4-subnet': '172.20.20.0/24' }),
      nodes: { a: { address: '172.20.20.2', len: 24, labels: { role: 'leaf' }, ports: [{ p: 8080, proto: 'tcp' }] }, b: { address: '172.20.20.2', len: 24, labels: {}, ports: [] } },
      links: [{ a: 'a:eth1', mac: 'aa:c1:00:10:00:01', peer: 'z' }, { a: 'a:eth2', mac: '', peer: 'dummy' }],
    });
  });
  it('has labels and vars of links, and vars of their ends', () => {
    const { lab: marked } = accepted(`name: t
topology:
  defaults: {kind: linux, image: "alpine:3"}
  nodes: {a: , b: }
  links: [{type: veth, labels: {tier: core}, vars: {cost: 7}, endpoints: [{node: b, interface: eth1, vars: {area: 1}}, {node: a, interface: eth1}]}]
`);
    const text = '{{range .Clab.Links}}{{.Labels.tier}} {{.GetVars.cost}}{{range .GetEndpoints}} {{.GetNode.GetShortName}}={{ToJSON .GetVars}}{{end}}{{end}}';
    expect(renderExport(text, marked, view)).toBe('core 7 a={} b={"area":1}');
  });
  it('says in which line a template is wrong', () => {
    expect(() => renderExport('{\n  {{ .NodeConfigs.none.Image }}\n}', lab, view)).toThrow('--export-template, line 2: template: .NodeConfigs.none.Image has no value');
  });
});

describe('a saved configuration', () => {
  it('begins where the talk of the shell ends', () => {
    expect(configurationIn(FRR, 'Building configuration...\n\nCurrent configuration:\n!\nfrr version 8.4.4\nhostname r1\n!\nend\n\n')).toBe('!\nfrr version 8.4.4\nhostname r1\n!\nend\n');
  });
});
