// The parts of the document of lab files that no schema tells.
import { OVS_USERSPACE_MAX_PORTS, UNLIMITED_CONTAINER } from '../../machines/place/placement-defaults.ts';
import { DEFAULT_CPU_OVERCOMMIT } from '../../machines/vocabulary/placement.ts';

/** How a file is read as a whole. */
export const introduction = (nodeKeys: number): string => `# Lab files

Made from the code by \`node docs/render-docs.ts\`; do not edit. \`labwright validate -t FILE\` reads a file and says all that is
wrong with it; \`labwright schema\` prints the schema for editors.

The format is containerlab's, with ${nodeKeys} keys a node. It is read leniently: YAML 1.2; a key that is not known or a value of an odd
type is a warning with line and column. A file that cannot be carried out is refused with all its faults at once, and nothing is
touched before a file is accepted. A key that is read but cannot be honoured is named in a warning.

| key of the file | meaning |
|---|---|
| \`name\` | name of the lab; \`--name\` takes its place. \`__gitBranch__\` and \`__gitHash__\` stand for those of the file's repository |
| \`prefix\` | start of container names: \`clab\` gives \`clab-LAB-NODE\` (the default), \`""\` the bare node name, \`__lab-name\` gives \`LAB-NODE\` |
| \`mgmt\` | the management network, see below |
| \`topology\` | \`nodes\` and \`links\`; \`defaults\`, \`kinds\` and \`groups\` that nodes inherit from |
| \`settings\` | \`certificate-authority\`: \`cert\` and \`key\` of one that exists, or \`key-size\` and \`validity-duration\` of the lab's own; \`repairs\`: \`safe\` and \`invasive\`, true or false, which repairs are made by themselves; anything else has no effect (warning) |
| \`placement\` | extension: how nodes are laid out over hosts, see below |
| \`debug\` | no effect |

**Variables.** \`\${VAR}\`, \`\${VAR:-default}\`, \`\${VAR:=default}\` anywhere in the file come from the environment. **Templates.** Go templates
(\`{{ ... }}\`) are expanded first, with the values of \`--vars FILE\`, or of \`FILE_vars.yml\` beside the lab file.
**Magic words** in exec, binds and env: \`__clabNodeName__\`, \`__clabNodeDir__\`, \`__clabDir__\`, \`__clabLabName__\`.
`;

/** How the layers of settings come together. */
export const MERGED = `**Inheritance.** \`defaults\` < \`kinds\` < \`groups\` < the node. \`env\`, \`labels\` and \`sysctls\` are merged entry by entry. \`exec\`, \`env-files\`,
\`cap-add\`, \`devices\`, \`tmpfs\` and \`security-opts\` add up, general ones first; \`binds\` and \`volumes\` too, one for each destination.
\`ports\`, \`aliases\` and every other key: the most specific one that is set counts alone. Fixed management addresses are read from
the node itself only.

**Extension keys**, which containerlab does not have: \`host\` (node), \`placement\` (file) and \`isolated\` (\`mgmt\`).
`;

/** Where nodes go when there are several hosts. */
export const PLACEMENT = `## Placement

\`\`\`yaml
placement:
  policy: pack # or spread
  plane: ovs # or tc; what each host prefers when unset
  on-lost-host: wait # or a time, e.g. 10m
topology:
  nodes:
    r1: { kind: linux, image: "alpine:3", host: server2 } # must run there
\`\`\`

\`pack\` (the default) uses as few hosts as can be, \`spread\` gives each host an equal share; both keep linked nodes together.
\`host\` pins a node, a group, a kind or (in \`defaults\`) all nodes. Nodes that share a namespace (\`network-mode: container:NODE\`,
a bridge inside a node) are always on one host. The label \`labwright-near: WORD\` keeps nodes with the same word near each other,
\`labwright-apart: WORD\` on different hosts where that is possible. Each of them may come and go while the lab runs: a node moves only where
its host is not the one that \`host\` names.

What counts is \`cpu\` and \`memory\` of the nodes, as ceilings: never what is in use at the moment. A container without limits counts
for ${UNLIMITED_CONTAINER.cpuMillis / 1000} cores and ${UNLIMITED_CONTAINER.memoryMiB} MiB. CPU may be given away ${DEFAULT_CPU_OVERCOMMIT} times
(\`LABWRIGHT_CPU_OVERCOMMIT\` on a host says otherwise), memory once. A node that has a place keeps it as long as its host can
have it. \`on-lost-host\` says whether nodes of a lost host wait for its return or, after that time, are made anew on other hosts.

\`plane\` says what joins the ends of links: \`tc\` (redirects of the kernel, always there) or \`ovs\` (Open vSwitch). Unset, each host has its
own choice (\`LABWRIGHT_PLANE\` of its host-actor), and the two ends of a link may be on different planes. With \`ovs\` nodes go only to hosts
that have it; its userspace datapath carries at most ${OVS_USERSPACE_MAX_PORTS} ports on a host (two a link), which placement counts. A changed \`plane\`
moves the links of a running lab over, one short interruption each. With \`LABWRIGHT_OVS_SHARED_BRIDGE\` the links of a host are put on a bridge
that others use too, each with a VLAN that no port has there: of \`LABWRIGHT_OVS_VLANS\` (\`100-399\`, \`100-199,300\`), or from 4094 down.
These are read from the environment of \`labwright up\`, as \`LABWRIGHT_PLANE\` is.
`;

/** What holds for links and names. */
export const REST = `An interface name over 15 characters, or with characters that the kernel does not take, is changed (warning); inside a container a name that
was too long is an alternative name of the device, which \`ip\` takes too. \`mtu\` is 9500 unless set, between
hosts what their underlay carries in one piece; a larger one travels in fragments over IPv4 (\`plan\` warns) and is refused over IPv6.
A link that is written twice counts once (warning). \`ipv4\` and \`ipv6\` (brief and veth: a list for both ends; on an end: its own) are put on the
node's interface before its first process starts; ends that are no interface of a node have none (warning). \`labels\` and \`vars\` of a link, and \`vars\` of an
end, are data for \`deploy --export-template\` and change nothing else.

**Repairs** are made by themselves unless they are switched off, by class. \`safe\` ones no process notices: what joins links, carrier, MTU,
rules, bridges; tunnels, switch ports and bridges that bear the lab's mark and that it does not want go. \`invasive\` ones start processes again and make
containers and interfaces anew, also after a boot; containers, namespaces and pairs of interfaces that the lab does not want go. \`settings: {repairs: {invasive: false}}\`
leaves what needs such a repair as it is: \`inspect\` tells what is wrong and why it stays so, \`labwright retry\` makes the repair once. A changed switch holds from
the next \`deploy\` on, which changes nothing else. Labs that say nothing get what each host does: \`LABWRIGHT_REPAIRS\` of its host-actor
(\`safe,invasive\`, \`safe\`, \`invasive\` or \`none\`), shown by \`labwright host show\`. That a node which was stopped stays stopped is no repair.

**Certificates.** \`certificate: {issue: true}\` makes \`.tls/NODE/NODE.pem\` and \`NODE.key\` (mode 0600) in the lab folder before the nodes start,
signed by the authority in \`.tls/ca\`. A certificate is for the node's name, its container's, \`NODE.LAB.io\`, the fixed management addresses
of the file, and \`sans\`. It is kept while it is good; \`deploy --reconfigure\` makes all anew. Mount the files with \`binds\`, e.g.
\`__clabDir__/.tls/__clabNodeName__:/tls:ro\`.

**Management addresses** are given once and stay the same over restarts and repairs. With no range in the file the network \`clab\` has
172.20.20.0/24 and 3fff:172:20:20::/64; with one of the two ranges given there is only that one.

**What outlives a lab.** Named volumes (\`volumes: [data:/x]\`) are the engine's and hold data: \`destroy\` leaves them, \`docker volume rm\` removes
them; those without a name go with their container. A host that once had a management network goes on forwarding, as with the engine.
`;
