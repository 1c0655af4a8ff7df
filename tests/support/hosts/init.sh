#!/bin/sh
# First process of a test host, in fresh mount, pid, uts, ipc and network namespaces: its own /run, /sys, boot id, hosts file and images.
# Arguments: directory of the host, its name, store of images ('' = none), file to write when the host is up.
set -eu
dir=$1 name=$2 images=$3 up=$4
hostname "$name"
ip link set lo up

# Copies of the machine's mounts would keep its namespaces and containers alive after their removal there. Some go while this reads them.
while read -r _ _ _ _ place _; do
  case $place in
    /run/* | /var/lib/docker*) echo "$place" ;;
  esac
done </proc/self/mountinfo | sort -r | while read -r place; do umount -l "$place" 2>/dev/null || :; done

# Nothing of this reaches the machine: the mount namespace is private. Its cgroups must be seen below the new /sys, too.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/cgroup
mount --rbind /sys/fs/cgroup /mnt/cgroup
mount -t sysfs sysfs /sys
mount --rbind /mnt/cgroup /sys/fs/cgroup
umount -l /mnt
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/openvswitch

# A boot of its own: who knows it sees that all that lived in memory is gone.
cat /proc/sys/kernel/random/uuid >"$dir/boot-id"
mount --bind "$dir/boot-id" /proc/sys/kernel/random/boot_id
[ -e "$dir/hosts" ] || printf '127.0.0.1 localhost\n' >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts

# Layers of images are never written to, so all hosts share them. The engine binds its directory to itself unless it is a mount:
# that would hide the layers.
data=$dir/docker
mkdir -p "$data/overlay2/l"
mount --bind "$data" "$data"
mount --bind "$data/overlay2" "$data/overlay2"
if [ -n "$images" ]; then
  [ -d "$data/image" ] || { cp -a "$images/image" "$data/image"; cp -a "$images/overlay2/l/." "$data/overlay2/l/"; }
  for layer in "$images"/overlay2/*/; do
    layer=$(basename "$layer")
    [ "$layer" != l ] || continue
    if [ ! -d "$data/overlay2/$layer" ]; then
      mkdir -p "$data/overlay2/$layer/diff" "$data/overlay2/$layer/work"
      for file in link lower committed; do
        [ ! -e "$images/overlay2/$layer/$file" ] || cp -a "$images/overlay2/$layer/$file" "$data/overlay2/$layer/"
      done
    fi
    mount --bind "$images/overlay2/$layer/diff" "$data/overlay2/$layer/diff"
    mount -o remount,bind,ro "$data/overlay2/$layer/diff"
  done
fi
: >"$up"
exec sleep infinity
