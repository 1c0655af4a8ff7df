#!/bin/bash
# Set-up step: refuses machines on which nothing that follows could work, before anything is changed.
. "$(dirname "$0")/../places.sh"
set -euo pipefail

case $(uname -m) in
  x86_64 | aarch64) ;;
  *) fail "processor $(uname -m)" 'Use an x86-64 or arm64 machine: the pinned Node and NATS builds exist for these.' ;;
esac
has node || fail 'no node on PATH' 'Install Node 20 or later with npm (apt-get install nodejs npm), then run this again.'
[ "$(node_major node)" -ge 20 ] ||
  fail "node $(node --version) is too old" 'Install Node 20 or later (set-up then brings Node 24 by itself).'
has npm || fail 'no npm on PATH' 'Install npm (apt-get install npm), then run this again.'
has apt-get || fail 'no apt-get' 'Set-up knows Debian and its relatives. Elsewhere install the packages of setup/steps/debian-packages.sh by hand.'
free_mib=$(df -Pm /var/lib | awk 'NR == 2 { print $4 }')
[ "$free_mib" -ge 3000 ] || fail "only $free_mib MiB free under /var/lib" 'Free 3 GB for packages and images.'
already "$(. /etc/os-release && echo "$PRETTY_NAME"), $(uname -m), $(nproc) cores, $free_mib MiB free"
