#!/bin/bash
# Set-up step: installs our OCI runtime and writes it into the engine's configuration (the engine step loads it).
. "$(dirname "$0")/../places.sh"
set -euo pipefail

changed=no
if ! cmp -s "$setup_dir/labwright-runtime.sh" "$runtime_path"; then
  install -m 755 "$setup_dir/labwright-runtime.sh" "$runtime_path.new"
  mv "$runtime_path.new" "$runtime_path"
  changed=yes
fi

# The engine that runs knows its own configuration file and the runtimes that it was given as flags.
config=/etc/docker/daemon.json
pid=$(cat /var/run/docker.pid 2>/dev/null || true)
if [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ]; then
  mapfile -d '' -t words <"/proc/$pid/cmdline"
  for i in "${!words[@]}"; do
    case ${words[$i]} in
      --config-file=*) config=${words[$i]#--config-file=} ;;
      --config-file) config=${words[$((i + 1))]:-$config} ;;
      --add-runtime*)
        # dockerd refuses to start with runtimes both as flags and in the file.
        warn_and_go_on "dockerd has its runtimes as flags: add --add-runtime labwright=$runtime_path there; until then nodes are wired after their start"
        ;;
    esac
  done
fi

node=$(find_node)
if ! answer=$("$node" "$setup_dir/register-runtime.ts" "$config" "$runtime_path"); then
  IFS='|' read -r _ what remedy <<<"$answer"
  fail "${what:-$config could not be changed}" "${remedy:-see the output above}"
fi
[ "$answer" = unchanged ] || changed=yes
[ "$changed" = yes ] || already "$runtime_path in $config"
done_now "$runtime_path in $config"
