#!/bin/sh
# Plugs a new host into the operator's bridge, then becomes its first process. Runs in the host's fresh network namespace and in the
# operator's mount namespace.
# Usage: plug.sh OPERATOR_PID RUN_DIR HOST ADDRESS NODE gnu|busybox
set -eu
operator=$1 run=$2 host=$3 address=$4 node=$5 userland=$6
port=p-$host
# As a real machine, a host keeps its hardware address when it boots again; neighbours remember it.
IFS=. read -r a b c d <<EOF
$address
EOF
mac=$(printf '02:00:%02x:%02x:%02x:%02x' "$a" "$b" "$c" "$d")

# A host that was killed leaves its end of the cable for a moment.
nsenter -t "$operator" -n ip link del dev "$port" 2>/dev/null || :
ip link add name eth0 address "$mac" type veth peer name "$port" netns "$operator"
nsenter -t "$operator" -n ip link set dev "$port" master br0 up
ip link set lo up
ip addr add "$address/16" dev eth0
ip link set dev eth0 up

exec unshare --mount --pid --uts --fork --kill-child=KILL --propagation private sh "${0%/*}/init.sh" "$run" "$host" "$node" "$userland"
