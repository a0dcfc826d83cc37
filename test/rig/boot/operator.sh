#!/bin/sh
# The operator's network and mount namespace: holds the bridge all hosts hang on, the disk all hosts share, and the lower directory of their
# roots. Everything in it vanishes with this process.
# Usage: operator.sh RUN_DIR ADDRESS memory|disk
set -eu
umask 022
run=$1 address=$2 storage=$3

mkdir -p "$run/disk"
# The mount marks every process of the rig: its path holds the rig's id (see leftovers.ts).
if [ "$storage" = disk ]; then
  mount --bind "$run/disk" "$run/disk"
else
  mount -t tmpfs -o mode=755 drover-rig "$run/disk"
fi

ip link set lo up
ip link add name br0 type bridge
ip addr add "$address/16" dev br0
ip link set dev br0 up

base=$run/disk/base
mkdir -p "$base/etc" "$base/dev" "$base/proc" "$base/usr" "$base/run" "$base/tmp" "$base/srv/site" "$base/home/deploy" "$base/root" \
  "$base/old-root" "$base/opt/rig" "$base/var/log/nginx" "$base/var/tmp" "$base/var/empty" "$base/var/lib/nginx" "$base/var/lib/haproxy"
for name in bin sbin lib lib32 lib64 libx32; do
  [ ! -e "/usr/$name" ] || ln -s "usr/$name" "$base/$name"
done
for name in alternatives ld.so.cache ld.so.conf ld.so.conf.d services protocols localtime; do
  [ ! -e "/etc/$name" ] || cp -a "/etc/$name" "$base/etc/"
done
chmod 1777 "$base/tmp" "$base/var/tmp"
touch "$base/opt/rig/node"

echo ready
exec sleep infinity
