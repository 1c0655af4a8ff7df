#!/bin/sh
# OCI runtime "labwright": at create it joins the container to the network namespace that was made for it, then runs runc.
# Contract: /run/labwright/sandboxes/<container id> holds the absolute path of a mounted network namespace; it is written
# between the engine's create and start. Anything else fails the start: a container never gets another network.
PATH=${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
sandboxes=/run/labwright/sandboxes
log_file='' subcommand='' bundle=$PWD id=''

# The engine shows the last error of runc's log file; without it people read only "exit status 1".
fail() {
  message="labwright runtime: $1"
  [ -z "$log_file" ] || printf '{"level":"error","msg":"%s"}\n' "$message" >>"$log_file"
  printf '%s\n' "$message" >&2
  exit 1
}

previous=''
for argument in "$@"; do
  case $previous in
    --log) log_file=$argument ;;
    --bundle | -b) bundle=$argument ;;
  esac
  case $argument in
    --log=*) log_file=${argument#--log=} ;;
    --bundle=* | -b=*) bundle=${argument#*=} ;;
    -*) ;;
    *)
      # Of runc's global options only these take a value as a word of its own.
      case $previous in
        --log | --log-format | --root | --criu | --rootless) ;;
        *) [ -n "$subcommand" ] || subcommand=$argument ;;
      esac
      ;;
  esac
  previous=$argument
  id=$argument
done

case $subcommand in
  create | run | restore) ;;
  *) exec runc "$@" ;;
esac

case $id in
  '' | *[!A-Za-z0-9_.-]*) fail "the last argument is not a container id" ;;
esac
netns=''
# Builtins only where they do: each process more costs every start of every container.
[ ! -r "$sandboxes/$id" ] || IFS= read -r netns <"$sandboxes/$id"
[ -n "$netns" ] ||
  fail "no network namespace is assigned to container $id ($sandboxes/$id is missing or empty); start the node with labwright, or deploy its lab again"
case $netns in
  *[!A-Za-z0-9_./-]* | *..*) fail "the network namespace path of container $id has characters that are not allowed" ;;
  /*) ;;
  *) fail "the network namespace path of container $id is not absolute" ;;
esac
# 6e736673 is the file system of namespaces: a plain file is what is left of a namespace that was unmounted.
[ "$(stat -f -c %t "$netns" 2>/dev/null)" = 6e736673 ] ||
  fail "network namespace $netns of container $id does not exist; start the node with labwright, or deploy its lab again"
# A path that leads to the engine's own namespace would put the container into the network of the host.
[ ! "$netns" -ef /proc/self/ns/net ] || fail "$netns is the network namespace of the host, container $id may not join it"

config=$bundle/config.json
ours='{"type":"network","path":"'"$netns"'"}'
# The whole work in one sed, for a shell's own matching is quadratic in the size of the bundle. Exit code 3: the entry is missing, or
# another one stands beside it.
changed=$(sed -e ':all' -e '$!{N;b all' -e '}' -e 's|{"type":"network"\(,"path":"[^"]*"\)\{0,1\}}|'"$ours"'|g' \
  -e '/"type":"network".*"type":"network"/Q3' -e '\|'"$ours"'|!Q3' "$config" 2>/dev/null) ||
  fail "the bundle of container $id has not exactly one network namespace entry with path $netns; this engine is not supported with private namespaces"
printf '%s\n' "$changed" >"$config" || fail "$config could not be changed"
exec runc "$@"
