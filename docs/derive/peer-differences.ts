// Small differences to the peer's command line, and what is richer here, that no other table of the document has.

export const DIFFERENCES: readonly (readonly [there: string, here: string, why: string])[] = [
  ['`--runtime podman`, `ignite`', 'warned about, ignored', 'only Docker is known'],
  ['`events`: `--interface-stats`', 'off unless asked for; read in the nodes with `cat /proc/net/dev`', 'a reading each second in each node is not free'],
  ['`events`: origin of container events', '`engine`', 'the field is ours, beside `netlink` and `snapshot`'],
  ['`inspect interfaces`', 'the interfaces of links; `lo` and the management interface are left out', 'states are those that the host read back, not read anew'],
  ['`inspect --format json`: `status`', 'health only', 'the engine\'s words "Up 3 minutes" are not kept'],
  ['`tools netem set`', 'acts on the whole link, in both directions; what is not given is taken away', 'an impairment is part of what is wanted of a link'],
  ['`tools veth create`', 'one end at a node of a lab, the other there, at a bridge of its file, the host or the management network', 'it becomes a link of the lab, supervised like the others'],
  ['`apply` without `-t` or `--name`', 'the one lab file of the working folder', 'as `deploy`'],
  ['lab files from S3', 'refused with what to do', '`aws s3 cp FILE - | labwright deploy -t -`'],
  ['lab files from git: a clone that is there already', 'brought up to date; refused where that would overwrite what you changed', 'a lab deploys what its repository says now'],
  ['`graph` without a form', 'text; nothing is served', 'a command ends'],
  ['`save` of FRR', 'reads the running configuration out into the lab folder', 'the peer saves nothing of kind linux; a configuration that the node mounts is yours, and not touched'],
  ['`deploy --export-template`', 'the data that export templates use, by the same names; of the functions those that lab files may use, `ToJSON` and `ToJSONPretty`; `__full` prints all of it', 'the templates are Go\'s'],
  ['certificates: addresses in the names', 'the fixed ones of the file', 'the others are given after the certificates are made'],
  ['Nornir inventory: user and password', 'left out', 'Linux nodes have none that would be known'],
];

export const RICHER: readonly (readonly [what: string, how: string])[] = [
  ['`deploy` exit code', '3 when a node or link failed, 4 when `--timeout` is over, 0 also when `exec` lines failed'],
  ['`plan`, `deploy --dry-run`', 'a reason for each step beside the summary'],
  ['`history`', 'everything that happened to a lab, with cause and time, also after it is gone'],
  ['`explain`', 'which layer of the file each setting of a node came from, and what it took the place of'],
  ['`inspect --spec`, `--source`', 'what a lab was last deployed from, resolved and as written'],
  ['published UDP ports', 'answer on `::1` too; SCTP ones do not, and a warning says so'],
  ['after a reboot', 'labs come back, with their links'],
];
