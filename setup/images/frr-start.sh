#!/bin/bash
# Default command of the FRR image: starts the daemons named in /etc/frr/daemons under watchfrr, as the public images do.

# A bind mount keeps the owner it has on the host; only files that the FRR user cannot read are given to it.
find /etc/frr -type f ! -perm -o=r -exec chown frr:frr {} + 2>/dev/null

# The container stays up without a daemons file, so that the node can be looked at.
if [ ! -r /etc/frr/daemons ]; then
  echo 'frr-start: /etc/frr/daemons does not exist, no FRR daemon is started'
  exec sleep infinity
fi

log_success_msg() { echo "$*"; }
log_warning_msg() { echo "$*" >&2; }
log_failure_msg() { echo "$*" >&2; }
. /usr/lib/frr/frrcommon.sh

# Left over from a process that was killed: watchfrr refuses to start beside it.
rm -f /var/run/frr/*.pid /var/run/frr/*.vty
install -d -o frr -g frr -m 755 /var/run/frr
read -ra daemons <<<"$(daemon_list)"
# shellcheck disable=SC2086 # options are words by FRR's own convention
exec /usr/lib/frr/watchfrr $frr_global_options $watchfrr_options "${daemons[@]}"
