// The verbs and flags of the public peer (containerlab 0.79) that people's scripts use, as seen by running it.

export type PeerVerb = {
  /** As it is typed, without the program's name. */
  readonly verb: string;
  readonly flags: readonly string[];
  /** Where ours does more or otherwise. */
  readonly note?: string;
};

export const PEER_VERBS: readonly PeerVerb[] = [
  { verb: 'deploy', flags: ['-t', '--topo', '-c', '--reconfigure', '-d', '--debug', '--node-filter', '--max-workers', '--skip-labdir-acl', '--skip-post-deploy', '--vars', '--export-template', '--owner', '--timeout', '--name'], note: 'the lab stays supervised; run again, it makes the smallest change' },
  { verb: 'apply', flags: ['-t', '--vars', '--dry-run'], note: 'the dry run prints a reason for each step' },
  { verb: 'destroy', flags: ['-t', '--name', '-c', '--cleanup', '-a', '--all', '-y', '--yes', '--keep-mgmt-net', '--graceful', '--max-workers'], note: 'waits until all of the lab is gone' },
  { verb: 'redeploy', flags: ['-c', '--cleanup', '-t'] },
  { verb: 'inspect', flags: ['-t', '--name', '-a', '--all', '-f', '--format', '--details', '-w', '--wide'], note: '`--json` beside it: all that is known (states, links, waits, problems)' },
  { verb: 'inspect interfaces', flags: ['-t', '-f', '--format', '-n', '--node'] },
  { verb: 'exec', flags: ['-t', '--label', '--cmd', '-f', '--format'], note: 'exit code 0 also when a command fails in a node, as with the peer' },
  { verb: 'start', flags: ['-t', '--name', '--node'], note: 'links and addresses were never away' },
  { verb: 'stop', flags: ['-t', '--name', '--node'], note: 'links and addresses stay' },
  { verb: 'restart', flags: ['-t', '--name', '--node'], note: 'links and addresses stay' },
  { verb: 'events', flags: ['--format', '--initial-state', '--interface-stats', '--interface-stats-interval'], note: 'of all labs, as the supervisor sees them' },
  { verb: 'save', flags: ['-t', '--name', '--node-filter', '--dst'], note: 'linux nodes with FRR are read out into the lab folder; of any other it is said that its kind cannot save' },
  { verb: 'graph', flags: ['-t', '--name', '--dot', '--mermaid', '--mermaid-direction', '--drawio', '--offline', '--node-filter', '--srv'], note: 'printed too, as text when no form is asked for' },
  { verb: 'validate', flags: ['-t'], note: 'all faults at once, with line and column' },
  { verb: 'generate', flags: ['--name', '--kind', '--image', '--nodes', '--deploy', '--export-rendered'] },
  { verb: 'tools cert ca create', flags: ['--path', '--name', '--expiry', '--locality'] },
  { verb: 'tools cert sign', flags: ['--ca-cert', '--ca-key', '--hosts', '--path'] },
  { verb: 'tools veth create', flags: ['-a', '-b', '-t'], note: 'it becomes a supervised link of the running lab; a later deploy of the file takes it away' },
  { verb: 'tools vxlan create', flags: ['--remote', '--link', '--id', '--port', '--dst-port', '--src-port', '--dev', '--mtu'] },
  { verb: 'tools vxlan delete', flags: ['--prefix', '--name'], note: 'only what `tools vxlan create` made; other tunnels whose names fit are named and stay' },
  { verb: 'tools netem set', flags: ['-n', '--node', '-i', '--interface', '--delay', '--jitter', '--loss', '--rate', '--corruption'], note: 'part of what is wanted of the link: survives restarts and repairs' },
  { verb: 'tools netem show', flags: ['-n', '--node'] },
  { verb: 'tools netem reset', flags: ['-n', '--node', '-i', '--interface'] },
  { verb: 'version', flags: [] },
];

/** Why a verb, or a flag of one, is not there: `verb` or `verb --flag`. */
export const NOT_THERE: Readonly<Record<string, string>> = {
  'graph --srv': 'no web page is served; `--mermaid`, `--dot` and `--drawio` are for tools that show one',
};
