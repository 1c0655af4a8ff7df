#!/bin/bash
# Set-up step: builds the local images when their recipe changed and lets them stand in for public names (see README).
. "$(dirname "$0")/../places.sh"
set -euo pipefail

recipe=$(cat "$setup_dir"/images/* | sha256sum | cut -c1-16)
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null || true; }
id_of() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true; }
remedy='Check that apt-get update passes and that there is room under /var/lib/docker and in $TMPDIR, then run this again.'
made=() tagged=0

stale=()
for class in linux frr; do
  [ "$(label "labwright/$class:local" labwright.recipe)" = "$recipe" ] || stale+=("$class")
done
if [ ${#stale[@]} -gt 0 ]; then
  [ -n "$(apt-get indextargets --format '$(ORIGIN)' 'Created-By: Packages' | tr -d '[:space:]')" ] ||
    apt-get update || fail 'apt-get update' "$remedy"
  pids=()
  for class in "${stale[@]}"; do
    bash "$setup_dir/images/build-image.sh" "$class" "labwright/$class:local" "$recipe" 3>&- &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || fail 'mmdebstrap or docker import' "$remedy"; done
  made+=("${stale[@]}")
fi
# The web image is the linux image with another command: one layer more would only cost room.
if [ "$(label labwright/web:local labwright.recipe)" != "$recipe" ]; then
  container=$(docker create --network none labwright/linux:local)
  docker commit --change 'CMD ["nginx","-g","daemon off;"]' --change 'LABEL labwright.image=web' "$container" labwright/web:local >/dev/null
  docker rm "$container" >/dev/null
  made+=(web)
fi

# Pulls the smallest public image, and takes it away again unless it was here.
registry_answers() {
  local before
  before=$(id_of hello-world)
  timeout 10 docker pull --quiet hello-world >/dev/null 2>&1 || return 1
  [ -n "$before" ] || docker rmi hello-world >/dev/null 2>&1 || true
}

# local: stand in for every absent name. pull: for none. auto: for absent names when no image registry answers.
mode=${LABWRIGHT_IMAGES:-auto}
case $mode in
  auto)
    mode=local
    [ "$LABWRIGHT_SETUP_FOR" = tests ] || ! registry_answers || mode=pull
    ;;
  local | pull) ;;
  *) fail "LABWRIGHT_IMAGES=$mode" 'Use local, pull or auto.' ;;
esac
if [ "$mode" = local ]; then
  # One list instead of a process for each name. Without a tag a name means :latest.
  declare -A id_by_name ours_by_name
  while read -r name id; do id_by_name[$name]=$id; done < <(docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}')
  while read -r name id; do ours_by_name[$name]=$id; done < <(docker images --no-trunc --filter label=labwright.image --format '{{.Repository}}:{{.Tag}} {{.ID}}')
  while read -r class name; do
    [[ ${name##*/} == *:* ]] || name=$name:latest
    # An image that somebody else made or pulled under that name is never replaced.
    [ "${id_by_name[$name]:-}" = "${ours_by_name[$name]:-}" ] || continue
    [ "${id_by_name[$name]:-}" != "${id_by_name[labwright/$class:local]}" ] || continue
    docker tag "labwright/$class:local" "$name"
    id_by_name[$name]=${id_by_name[labwright/$class:local]} ours_by_name[$name]=${id_by_name[labwright/$class:local]}
    tagged=$((tagged + 1))
  done < <(grep -v '^#' "$setup_dir/image-names.txt")
fi
# What a new recipe replaced; one that a container still uses stays.
docker images --quiet --filter dangling=true --filter label=labwright.image | xargs -r docker rmi >/dev/null 2>&1 || true

where="names: $mode"
[ ${#made[@]} -gt 0 ] || [ $tagged -gt 0 ] || already "$where"
done_now "built: ${made[*]:-none}; $tagged public names tagged ($where)"
