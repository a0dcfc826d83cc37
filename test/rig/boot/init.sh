#!/bin/sh
# The first process of one host: builds the root from the fixed lower directory, turns to it, starts the services, reaps orphans.
# Usage: init.sh RUN_DIR HOST NODE gnu|busybox
set -eu
umask 022
run=$1 host=$2 node=$3 userland=$4
disk=$run/disk/$host root=$run/disk/$host/root

# /proc is still the machine's, so this is the pid as the machine counts.
read -r outer_pid _ </proc/self/stat
echo "pid $outer_pid"

first_boot=no
[ -d "$disk/upper" ] || first_boot=yes
mkdir -p "$disk/upper" "$disk/work" "$root"
mount -t overlay -o "lowerdir=$run/disk/base,upperdir=$disk/upper,workdir=$disk/work" overlay "$root"

mount --bind /usr "$root/usr"
mount -o remount,ro,bind "$root/usr"
mount --bind "$node" "$root/opt/rig/node"
mount -o remount,ro,bind "$root/opt/rig/node"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/full" c 1 7
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

if [ "$first_boot" = yes ]; then
  if [ "$userland" = busybox ]; then
    rm "$root/bin"
    mkdir "$root/bin"
    cp /usr/bin/busybox "$root/bin/busybox"
  fi
  cp -a "$run/files/$host/." "$root/"
fi
# Every boot has its own id, as on a real machine.
cp /proc/sys/kernel/random/uuid "$root/run/boot_id"
mount --bind "$root/run/boot_id" "$root/proc/sys/kernel/random/boot_id"
hostname "$host"

cd "$root"
pivot_root . old-root
cd /
umount -l /old-root
PATH=/usr/sbin:/usr/bin
export PATH
if [ "$userland" = busybox ] && [ "$first_boot" = yes ]; then
  /bin/busybox --install -s /bin
fi
exec </dev/null
# shellcheck source=/dev/null
. /opt/rig/services.sh
echo ready
exec >&2

# Orphans come to the first process; `wait` reaps them.
while :; do
  sleep 86400 &
  wait "$!" || :
done
