#!/bin/bash
# Set-up step: installs the npm packages of the lock file and proves that the compiled one loads in the Node that runs it.
. "$(dirname "$0")/../places.sh"
set -euo pipefail
cd "$repo_dir"

node=$(find_node) || fail 'no Node 24' 'Run setup/setup.sh again from the start.'
PATH=$(dirname "$node"):$PATH
native_loads() { node -e 'require("node-pty").spawn("true", [], {}).onExit(() => process.exit(0))' >/dev/null 2>&1; }

if node setup/npm-packages-current.ts && native_loads; then already; fi

# A machine-wide nodedir may name the headers of another Node; the ones beside the running Node are right.
prefix=$(dirname "$(dirname "$(readlink -f "$node")")")
for headers in "$prefix" "$prefix"/node_modules/node-linux-*; do
  grep -qs "NODE_MAJOR_VERSION $(node_major "$node")\$" "$headers/include/node/node_version.h" || continue
  export npm_config_nodedir=$headers
done
export npm_config_ignore_scripts=false
# Not `npm ci`: it refuses a lock file that was made where the registry lacked a foreign platform's optional package.
npm install --no-save --no-fund --no-audit $([ "${LABWRIGHT_SETUP_FOR:-}" != host ] || echo --omit=dev) ||
  fail 'npm install' 'Check that npm reaches its registry and that make, g++ and python3 work, then run this again.'
node setup/npm-packages-current.ts || fail 'npm install left other versions than package-lock.json names' 'Remove node_modules and run this again.'
native_loads || {
  npm rebuild node-pty && native_loads ||
    fail "node-pty does not load in $(node --version)" 'Remove node_modules and run this again; the compiler output is above.'
}
done_now "$(find node_modules -maxdepth 2 -name package.json | wc -l) packages at the top level"
