// What people's scripts rely on beyond verbs and flags, what of it we take over, and where the code or a test shows it.

export type PeerBehaviour = {
  readonly what: string;
  /** `same`: scripts go on unchanged; `otherwise`: the purpose is served in another way; `not`: it is not there. */
  readonly ours: 'same' | 'otherwise' | 'not';
  readonly how: string;
  /** A file of this repository and words in it; a test looks them up. */
  readonly proof: readonly [file: string, words: string];
};

export const OUTPUT: readonly PeerBehaviour[] = [
  { what: 'exec: log records on stderr (`Executed command node=N command="C"`, `stdout=`, lines behind `│`)', ours: 'same', how: 'container name for the verb, node name for the lines of a lab file', proof: ['tests/cli/exec-output.unit.test.ts', 'then the output behind bars'] },
  { what: 'exec --format json: an object of arrays, `stdout` parsed where it is JSON', ours: 'same', how: '', proof: ['cli/output/exec-records.ts', "'return-code'"] },
  { what: 'exec that matches nothing fails with `filter did not match any containers`', ours: 'same', how: '', proof: ['cli/commands/exec.ts', 'filter did not match any containers'] },
  { what: 'inspect: box table, name 1st, address 4th, two lines a node', ours: 'same', how: 'with `--all` topology path and lab name first', proof: ['tests/cli/inspect-output.unit.test.ts', 'name first, address fourth'] },
  { what: 'inspect --format csv and json, `--details`', ours: 'same', how: '`--details` has the engine\'s names; addresses are ours, since the engine does not know them', proof: ['tests/cli/inspect-output.unit.test.ts', 'details have the names that the engine uses'] },
  { what: 'no labs: exit code 0 and `no containers found`', ours: 'same', how: '', proof: ['cli/commands/inspect.ts', 'no containers found'] },
  { what: 'apply: `Apply plan`, `Apply summary` with rows such as `added links`', ours: 'same', how: 'and a table with a reason for each step', proof: ['tests/cli/change-summary.unit.test.ts', 'has one row for each kind of change'] },
  { what: 'events: `container create|start|die`, `interface create|snapshot|stats`, one JSON object a line', ours: 'same', how: 'changes are those that the supervisor saw, with `origin` engine, netlink or snapshot', proof: ['cli/output/lab-events.ts', "'engine' | 'netlink' | 'snapshot'"] },
  { what: 'no lab file: `No topology files matching the pattern *.clab.yml or *.clab.yaml found.`', ours: 'same', how: '', proof: ['cli/topology-source/find-topology.ts', 'No topology files matching the pattern *.clab.yml or *.clab.yaml found.'] },
  { what: 'tools cert: `Certificate attributes: CN=...` in debug, `Creating and signing certificate`', ours: 'same', how: '', proof: ['cli/commands/tools-cert.ts', "'Creating and signing certificate'"] },
  { what: 'version: `version:`, `commit:`, `date:`', ours: 'same', how: '', proof: ['cli/commands/version.ts', ' commit: '] },
  { what: 'exit code not 0 on errors', ours: 'same', how: '1 failed, 2 usage or a faulty lab file, 3 the lab is there but something of it failed, 4 time over, 5 no controller; exec lines that fail do not fail a deploy', proof: ['cli/exit-code.ts', 'degraded: 3'] },
  { what: 'environment variables `CLAB_<VERB>_<FLAG>`, `CLAB_NAME`, `CLAB_LABDIR_BASE`', ours: 'same', how: 'a flag beats its variable', proof: ['cli/command-spec.ts', "['CLAB', ...words, option.name()]"] },
];

export const SIDE_EFFECTS: readonly PeerBehaviour[] = [
  { what: 'container names `clab-LAB-NODE`, by `prefix`', ours: 'same', how: '', proof: ['topology/reading.ts', 'export function containerNameOf'] },
  { what: 'labels `containerlab`, `clab-node-name`, `clab-mgmt-net-bridge` and the others', ours: 'same', how: 'ours, `labwright.*`, beside them', proof: ['host-actor/providers/docker/container-labels.ts', 'The labels containerlab would set'] },
  { what: 'network `clab` with 172.20.20.0/24 and 3fff:172:20:20::/64; `mgmt.*` keys; bridge name', ours: 'same', how: 'the bridge is ours and registered with the engine under that name, so that other containers can join it', proof: ['tests/host-actor/mgmt-network/engine-network.int.test.ts', 'takes the bridge name of the file'] },
  { what: '`docker inspect` shows addresses and published ports of nodes', ours: 'not', how: 'but for the port bindings that were asked for: nodes live in network namespaces of ours, which the engine does not look into; `labwright inspect`, the inventories and `topology-data.json` have them. Not so for nodes on an engine network that the file names', proof: ['host-actor/providers/docker/container-config.ts', 'NetworkDisabled: true'] },
  { what: 'restart policy in the engine', ours: 'otherwise', how: 'the engine always has `no`; the policy of the file is carried out by us, within a repair budget', proof: ['host-actor/providers/docker/container-config.ts', "RestartPolicy: { Name: 'no' }"] },
  { what: '`ip netns exec clab-LAB-NODE`', ours: 'same', how: 'the name is the node\'s own namespace and stays until the node is destroyed; nodes on an engine network that the file names are in a namespace of the engine, which has no name', proof: ['machines/evolve/render-order.ts', "Namespaces bear the container's name"] },
  { what: 'links are gone after `docker restart` of a node', ours: 'otherwise', how: 'they stay, with addresses; neighbours see at most one short loss of carrier', proof: ['tests/setup/runtime.int.test.ts', 'keeps interface, address and link over an engine restart'] },
  { what: 'lab folder `clab-LAB` with Ansible and Nornir inventories and `topology-data.json`', ours: 'same', how: '', proof: ['cli/lab-folder/lab-folder.ts', 'nornir-simple-inventory.yml'] },
  { what: 'certificates of nodes in `.tls` at deploy (`certificate: {issue: true}`, `settings.certificate-authority`)', ours: 'same', how: 'made again when they expire, when the authority changes or when names are added', proof: ['tests/cli/node-certificates.int.test.ts', 'makes an authority and a certificate for each node that asks'] },
  { what: 'block of the lab in the hosts file, with 12 characters of the container\'s id', ours: 'same', how: 'gone with the lab, byte by byte as before', proof: ['tests/host-actor/mgmt-network/name-files.int.test.ts', 'goes without a trace, beside those of other labs'] },
  { what: 'accept rules in DOCKER-USER and FORWARD, IPv4 and IPv6', ours: 'same', how: 'each bears a comment of ours, is watched, and goes with the last lab', proof: ['host-actor/mgmt-network/firewall-accepts.ts', 'DOCKER-USER'] },
  { what: 'copy of the lab file in `.clab/bak` of the temporary folder', ours: 'same', how: '', proof: ['cli/lab-folder/lab-folder.ts', "join(tmpdir(), '.clab', 'bak')"] },
  { what: 'interface MTU 9500, own MAC and MTU', ours: 'same', how: '', proof: ['machines/plan/plan-lab.ts', 'const LINK_MTU = 9500'] },
  { what: 'a link is one veth pair between two nodes', ours: 'otherwise', how: 'each interface ends in a port on the host, and two ports are joined there: a node that stops takes no interface from its neighbour. Interfaces look the same inside', proof: ['tests/host-actor/link-plane/joined-wires.int.test.ts', 'joins two nodes so that they ping'] },
  { what: '`ve-` and `vx-` devices of stitched links', ours: 'otherwise', how: 'host ends are called `lw<lab>.<port>` and bear an alternative name that says whose they are', proof: ['machines/plan/plan-lab.ts', '`lw${labNumber.toString(36)}.${port.toString(36)}`'] },
  { what: '`NO_PROXY`, `CLAB_INTFS` in the environment of nodes', ours: 'same', how: '', proof: ['host-actor/providers/docker/container-env.ts', 'CLAB_INTFS'] },
  { what: 'memory, CPU, cgroup parent, DNS, healthcheck, binds, env in the engine\'s inspect', ours: 'same', how: '', proof: ['tests/host-actor/providers/docker-limits.int.test.ts', 'shows what the lab file set in the engine, as scripts read it'] },
  { what: 'names of all nodes resolve in each node', ours: 'same', how: 'by a hosts file of each node', proof: ['host-actor/mgmt-network/node-files.ts', 'Rewrites the hosts files of those nodes of a lab'] },
  { what: 'several labs whose names or file differ', ours: 'otherwise', how: 'a name that runs from another file is refused, unless `--take-over` or another `--name` is given', proof: ['machines/decide/decide.ts', "reject('other-topology'"] },
  { what: 'a command does its work and ends', ours: 'otherwise', how: 'a controller stays (`labwright status`), keeps labs as they were wanted, and is started by the first deploy', proof: ['cli/open-client.ts', 'Starting the controller'] },
];
