#!/bin/bash
# Builds one local image (linux or frr) from Debian packages and imports it: build-image.sh CLASS IMAGE RECIPE-HASH.
set -euo pipefail

class=$1 image=$2 recipe=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/labwright-image.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The sources of this machine that carry its own distribution, and no third party's.
debian_sources() {
  local origin codename
  origin=$(. /etc/os-release && printf '%s' "$ID")
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)|$(SIGNED_BY)' \
    'Created-By: Packages' |
    awk -F'|' -v origin="$origin" -v codename="$codename" '
      tolower($1) == origin && index($3, codename) == 1 {
        signed = $6 ~ /^\// ? "[signed-by=" $6 "] " : ""
        print "deb " signed $4 " " $3 " " $5
      }' | sort -u
}

packages() { grep -v '^#' "$here/$1-packages.txt" | paste -sd, -; }

debian_sources >"$work/sources.list"
[ -s "$work/sources.list" ] || {
  echo 'no package lists of this distribution: run apt-get update and try again' >&2
  exit 1
}

hooks=(--customize-hook='ln -sf /bin/busybox "$1/bin/ash"')
if [ "$class" = frr ]; then
  hooks+=(--customize-hook="install -m 755 '$here/frr-start.sh' \"\$1/usr/lib/frr/docker-start\"")
  hooks+=(--customize-hook='ln -sf /usr/bin/tini "$1/sbin/tini"')
  entry=(--change 'ENTRYPOINT ["/usr/bin/tini","--"]' --change 'CMD ["/usr/lib/frr/docker-start"]')
else
  hooks+=(--customize-hook="install -m 644 '$here/web-site.conf' \"\$1/etc/nginx/sites-enabled/default\"")
  hooks+=(--customize-hook='mkdir -p "$1/usr/share/nginx/html" && echo "labwright web node" >"$1/usr/share/nginx/html/index.html"')
  hooks+=(--customize-hook='ln -sf /dev/stderr "$1/var/log/nginx/error.log"')
  entry=(--change 'CMD ["tini","--","sleep","infinity"]')
fi
# Nothing may start or be asked while the packages are unpacked; manuals and translations are not used in a node.
mmdebstrap --quiet --variant=minbase --include="$(packages "$class")" \
  --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  "${hooks[@]}" "$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")" "$work/rootfs.tar" "$work/sources.list" \
  >"$work/log" 2>&1 </dev/null || { tail -n 20 "$work/log" >&2; exit 1; }

docker import --change "LABEL labwright.image=$class labwright.recipe=$recipe" "${entry[@]}" \
  "$work/rootfs.tar" "$image" >/dev/null
