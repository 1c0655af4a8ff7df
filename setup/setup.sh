#!/bin/bash
# Brings whatever Labwright needs to a Debian machine: setup.sh [--for run|tests|host]. Run it as often as you like.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
. ./places.sh

usage='usage: setup/setup.sh [--for run|tests|host]'
purpose=run
while [ $# -gt 0 ]; do
  case $1 in
    --for) purpose=${2:-} && shift ;;
    --for=*) purpose=${1#--for=} ;;
    -h | --help) echo "$usage"; exit 0 ;;
    *) echo "unknown argument $1; $usage" >&2; exit 2 ;;
  esac
  shift || break
done
case $purpose in
  run | tests | host) ;;
  *) echo "--for takes run, tests or host, got '$purpose'; $usage" >&2; exit 2 ;;
esac
export LABWRIGHT_SETUP_FOR=$purpose

if [ "$(uname -s)" != Linux ] || [ "$(id -u)" -ne 0 ]; then
  echo 'Labwright is set up on Linux as root (it makes network devices and namespaces): run this again with sudo.' >&2
  exit 1
fi

mkdir -p "$run_dir" "$log_dir" "$bin_dir"
# Two set-ups at once (a second terminal, a test run) take turns.
exec 9>"$run_dir/setup.lock"
flock --nonblock 9 || { echo 'Another set-up is running; waiting for it.'; flock 9; }

seconds_since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }'; }

# run_step NAME SCRIPT: prints one line; a failure also prints the end of the step's output and what to do.
run_step() {
  local name=$1 script=$2 from log result outcome text remedy status
  from=$(date +%s.%N)
  log=$(mktemp) result=$(mktemp)
  printf '  %-18s ' "$name"
  bash "steps/$script" >"$log" 2>&1 3>"$result" </dev/null 9>&-
  status=$?
  IFS='|' read -r outcome text remedy <"$result"
  [ "$status" -eq 0 ] || outcome=failed
  printf '%-14s %6s s  %s\n' "${outcome:-done}" "$(seconds_since "$from")" "$text"
  if [ "$status" -ne 0 ]; then
    { tail -n 20 "$log" | sed 's/^/      /'; echo "  What to do: ${remedy:-see the output above}"; } >&2
    cp "$log" "$log_dir/setup-failed.log"
  fi
  rm -f "$log" "$result"
  return "$status"
}

echo "Labwright set-up (for: $purpose)"
started=$(date +%s.%N)
# A host of a controller elsewhere runs no NATS server, and gets its images from where the labs say.
while IFS='|' read -r name script; do
  case $purpose/$script in host/nats-server.sh | host/images.sh) continue ;; esac
  run_step "$name" "$script" || exit 1
done <<'STEPS'
machine|machine.sh
Debian packages|debian-packages.sh
Node 24|node.sh
npm packages|npm-packages.sh
NATS server|nats-server.sh
OCI runtime|runtime.sh
Docker engine|engine.sh
local images|images.sh
STEPS
printf '  %-18s %-14s %6s s\n' total '' "$(seconds_since "$started")"
