// The controller as a table of its processes, with what holds for all of it below.
import type { ControllerStatus, ProcessStatus } from '../../controller/controller-status.ts';
import { loopProblem } from '../../machines/vocabulary/loop-report.ts';
import { Status } from '../../nats/ops-contract.ts';
import { renderDuration } from '../render-duration.ts';
import { renderTable } from './table.ts';

export type StatusOptions = { readonly now: number; readonly paintState: (state: string) => string };

export function renderStatus(status: ControllerStatus, options: StatusOptions): string {
  const rows = [status.parent, ...status.processes].map((process) => row(process, options));
  const said = Status.safeParse(status.supervisor);
  return [
    renderTable(['Process', 'State', 'Pid', 'For', 'Restarts', 'CPU', 'Memory', 'Version'], rows),
    `state directory  ${status.home}`,
    `NATS             ${status.nats.kind}${status.nats.url === undefined ? '' : ` at ${status.nats.url}`}${status.nats.version === undefined ? '' : `, version ${status.nats.version}`}${status.nats.fault === undefined ? '' : `: ${status.nats.fault}`}`,
    `durability       ${status.nats.durability}`,
    `supervisor       ${status.supervisorAnswers ? 'answers' : 'does not answer: start it with `labwright up`'}`,
    ...(said.success ? [`labs             ${said.data.labs}`, ...said.data.supervisors.map((one) => `supervisor       ${one.id} owns ${one.labs} ${one.labs === 1 ? 'lab' : 'labs'}, for ${renderDuration(options.now - one.startedAt)}`), ...said.data.loops.flatMap((loop) => loopProblem(loop) ?? []).map((problem) => `supervisor       ${problem}: see its log`), ...said.data.hosts.map((host) => `host             ${host.host} ${host.state}${host.problem === undefined ? '' : `: ${host.problem}`}`)] : []),
    `starts at boot   ${status.startsAtBoot === 'systemd' ? 'yes, by systemd' : 'no'}`,
    ...failures(status, options),
  ].join('\n');
}

function row(process: ProcessStatus, { now, paintState }: StatusOptions): string[] {
  return [
    process.name, paintState(process.state), process.pid === undefined ? '-' : String(process.pid),
    process.sinceMs === undefined ? '-' : renderDuration(now - process.sinceMs), String(process.restarts),
    process.cpuSeconds === undefined ? '-' : `${process.cpuSeconds.toFixed(1)} s`, process.rssMiB === undefined ? '-' : `${Math.round(process.rssMiB)} MiB`,
    process.version ?? '-',
  ];
}

/** The last failure of each process, with what it printed last. */
function failures(status: ControllerStatus, { now }: StatusOptions): string[] {
  return [status.parent, ...status.processes].flatMap(({ name, failure }) =>
    (failure === undefined ? [] : [`last failure of ${name}, ${renderDuration(Math.max(0, now - failure.atMs))} ago: ${failure.reason}`, ...failure.lastLines.map((line) => `  │ ${line}`)]));
}
