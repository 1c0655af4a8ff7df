#!/bin/bash
# Sourced by every set-up step: the places that set-up fills, and the words in which a step reports.
# shellcheck shell=bash disable=SC2034 # the variables are for those who source this file
lib_dir=/usr/local/lib/labwright
bin_dir=$lib_dir/bin
node_dir=$lib_dir/node
runtime_path=$bin_dir/labwright-runtime
run_dir=/run/labwright
log_dir=/var/log/labwright
setup_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo_dir=$(dirname "$setup_dir")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# A step ends with one of these; setup.sh prints the text beside the step's name.
already() { echo "already there|$*" >&3; exit 0; }
done_now() { echo "done|$*" >&3; exit 0; }
warn_and_go_on() { echo "not effective|$*" >&3; exit 0; }
# fail WHAT-FAILED WHAT-TO-DO
fail() { echo "failed|$1|$2" >&3; exit 1; }

has() { command -v "$1" >/dev/null 2>&1; }

# The major version that a node binary reports, or 0.
node_major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# The node that Labwright runs on: ours if it was brought, else the one on PATH if it is new enough.
find_node() {
  if [ -x "$node_dir/bin/node" ] && [ "$(node_major "$node_dir/bin/node")" -ge 24 ]; then
    echo "$node_dir/bin/node"
  elif has node && [ "$(node_major node)" -ge 24 ]; then
    command -v node
  else
    return 1
  fi
}

engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
