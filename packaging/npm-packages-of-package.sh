#!/bin/bash
# Set-up step of an installed package: npm brought its packages with it; proves that the compiled one loads in the Node that runs it.
. "$(dirname "$0")/../places.sh"
set -euo pipefail
# This is <package>/dist/setup/steps; npm works on the folder that the package was installed into.
package_dir=$(dirname "$repo_dir")
cd "$package_dir"

node=$(find_node) || fail 'no Node 24' 'Run the set-up again from the start.'
PATH=$(dirname "$node"):$PATH
native_loads() { node -e 'require("node-pty").spawn("true", [], {}).onExit(() => process.exit(0))' >/dev/null 2>&1; }
if native_loads; then already; fi

# A machine-wide nodedir may name the headers of another Node; the ones beside the running Node are right.
prefix=$(dirname "$(dirname "$(readlink -f "$node")")")
for headers in "$prefix" "$prefix"/node_modules/node-linux-*; do
  grep -qs "NODE_MAJOR_VERSION $(node_major "$node")\$" "$headers/include/node/node_version.h" || continue
  export npm_config_nodedir=$headers
done
pty=$(node -p 'path.dirname(require.resolve("node-pty/package.json"))') ||
  fail 'node-pty is not installed' 'Install the package of Labwright again with npm.'
(cd "$pty" && npm_config_ignore_scripts=false npm run install) && native_loads ||
  fail "node-pty does not load in $(node --version)" 'Check that make, g++ and python3 work; the compiler output is above.'
done_now 'node-pty compiled'
