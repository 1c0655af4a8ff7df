#!/bin/bash
# Set-up step: installs the Debian packages whose commands are missing here.
. "$(dirname "$0")/../places.sh"
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
# need COMMAND PACKAGE...
need() { has "$1" || missing+=("${@:2}"); }

# An engine that answers is used as it is, and so is one that is installed but not started.
engine_answers || need dockerd docker.io
need docker docker-cli
need ip iproute2
need tc iproute2
need nft nftables
need iptables iptables
need ps procps
need mmdebstrap mmdebstrap
# node-pty has no prebuilt binary for Linux: npm compiles it.
need make make
need g++ g++
need python3 python3
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ "$LABWRIGHT_SETUP_FOR" = tests ]; then
  need ping iputils-ping
  need tcpdump tcpdump
  need curl curl
  need ethtool ethtool
  need ovs-vswitchd openvswitch-switch
  # Tests start one of their own in a namespace; the machine's own is not started by the installation.
  need sshd openssh-server
fi

[ ${#missing[@]} -gt 0 ] || already
apt-get update || fail 'apt-get update' 'Repair the package sources of this machine until apt-get update passes, then run this again.'
# Newer distributions split the client off the engine's package.
apt-cache show docker-cli >/dev/null 2>&1 || missing=("${missing[@]/#docker-cli/docker.io}")
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
policy=/usr/sbin/policy-rc.d
if ! has sshd && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\n[ "$1" != ssh ] || exit 101\n' >"$policy" && chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get install -y --no-install-recommends "${missing[@]}" || fail "apt-get install ${missing[*]}" 'Install these packages by hand, then run this again.'
if [[ " ${missing[*]} " == *' openvswitch-switch '* ]]; then
  # Tests start daemons of their own; that the package starts the machine's was nobody's wish.
  { systemctl disable --now openvswitch-switch.service || service openvswitch-switch stop; } >/dev/null 2>&1 || true
fi
done_now "${missing[*]}"
