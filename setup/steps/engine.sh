#!/bin/bash
# Set-up step: an engine that answers and knows our runtime; dockerd is started only when no engine answers.
. "$(dirname "$0")/../places.sh"
set -euo pipefail

has_systemd() { [ -d /run/systemd/system ]; }
log=$log_dir/dockerd.log
started=''

wait_for_engine() {
  local deadline=$((SECONDS + 60))
  until engine_answers; do
    [ $SECONDS -lt $deadline ] && { [ -z "${pid:-}" ] || kill -0 "$pid" 2>/dev/null; } || return 1
    sleep 0.2
  done
}

start_engine() {
  if has_systemd; then
    systemctl start docker || fail 'systemctl start docker' 'See: journalctl -u docker -n 50'
  else
    # It outlives this terminal: a session of its own, no terminal, a log file.
    setsid nohup dockerd >>"$log" 2>&1 </dev/null 3>&- &
    pid=$!
    # setsid forks when it leads a group already; dockerd's own file then has the right pid.
    disown
  fi
  wait_for_engine || { tail -n 20 "$log" 2>/dev/null; fail 'dockerd does not answer' "See $log; start the engine by hand, then run this again."; }
  if ! has_systemd; then
    cat /var/run/docker.pid >"$run_dir/dockerd.pid"
    started=", started now (log $log, pid in $run_dir/dockerd.pid)"
  else
    started=', started now'
  fi
}

other=$(cat /var/run/docker.pid 2>/dev/null || true)
if ! engine_answers; then
  if [ -n "$other" ] && [ "$(cat "/proc/$other/comm" 2>/dev/null)" = dockerd ]; then
    # It is starting: a second one would fail.
    wait_for_engine || fail "dockerd (pid $other) runs but does not answer" 'Look at its log, or stop it, then run this again.'
  else
    start_engine
  fi
fi

version=$(docker version --format '{{.Server.Version}}, API {{.Server.APIVersion}}')
knows_runtime() { docker info --format '{{json .Runtimes}}' 2>/dev/null | grep -q '"labwright"'; }
if ! knows_runtime; then
  if has_systemd && systemctl is-active --quiet docker; then
    systemctl reload docker || true
  else
    kill -HUP "$(cat /var/run/docker.pid 2>/dev/null)" 2>/dev/null || true
  fi
  deadline=$((SECONDS + 10))
  until knows_runtime; do
    # Without it the host-actor falls back by itself, and doctor says so: no reason to stop here.
    [ $SECONDS -lt $deadline ] ||
      warn_and_go_on "$version$started; the engine did not take the runtime: nodes are wired after their start, and links do not survive docker restart"
    sleep 0.2
  done
  done_now "$version$started, runtime labwright registered"
fi
[ -z "$started" ] || done_now "$version$started, runtime labwright registered"
already "$version, runtime labwright registered"
