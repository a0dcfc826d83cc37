#!/bin/sh
# Becomes a command of the operator: root's home is HOME_DIR for everything that asks the password file (as ssh does), and the hosts have
# names. Runs in the operator's network namespace and in a mount namespace of its own.
# Usage: operate.sh RUN_DIR HOME_DIR COMMAND [ARG…]
set -eu
run=$1 home=$2
shift 2
mount --bind "$home/passwd" /etc/passwd
mount --bind "$run/hosts" /etc/hosts
exec "$@"
