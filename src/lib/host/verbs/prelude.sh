# Start of every verb: reads the header from standard input, frames the reply, and holds what verbs share.
# Header: a nonce, then name=value lines, then an empty line; what follows on standard input is the verb's payload.
# Values are only ever assigned and quoted, never evaluated.
set -u
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV 2>/dev/null
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
umask 077
tab=$(printf '\t')

root='' app='' run='' epoch='' owner='' reason='' ttl='' id='' base='' from='' to='' part='' digest='' bytes='' need=''
files='' offset='' seconds='' keep='' protect='' event='' detail='' kind='' path='' previous='' cwd='' max=''
IFS= read -r nonce
while IFS= read -r line && [ -n "$line" ]; do
  value=${line#*=}
  case $line in
    root=*) root=$value ;; app=*) app=$value ;; run=*) run=$value ;; epoch=*) epoch=$value ;; owner=*) owner=$value ;;
    reason=*) reason=$value ;; ttl=*) ttl=$value ;; id=*) id=$value ;; base=*) base=$value ;; from=*) from=$value ;;
    to=*) to=$value ;; part=*) part=$value ;; digest=*) digest=$value ;; bytes=*) bytes=$value ;; need=*) need=$value ;;
    files=*) files=$value ;; offset=*) offset=$value ;; seconds=*) seconds=$value ;; keep=*) keep=$value ;;
    protect=*) protect=$value ;; event=*) event=$value ;; detail=*) detail=$value ;; kind=*) kind=$value ;;
    path=*) path=$value ;; previous=*) previous=$value ;; cwd=*) cwd=$value ;; max=*) max=$value ;;
  esac
done

printf '\ndrover %s begin\n' "$nonce"
trap 'status=$?; trap "" EXIT; printf "\ndrover %s end %s\n" "$nonce" "$status"' EXIT

# fail STATUS WORDS…: ends the verb; the statuses are listed in host/verb-status.ts.
fail() {
  status=$1
  shift
  printf 'error %s\n' "$*"
  exit "$status"
}

case $root in
  '~') root=$HOME ;;
  '~/'*) root=$HOME/${root#??} ;;
esac
state=$root/.drover

# A folder that another user could change would let them plant what we are about to trust.
refuse_unsafe_folder() {
  [ -d "$1" ] || return 0
  [ -O "$1" ] || [ "$(id -u)" = 0 ] || fail 17 "$1 belongs to another user; chown it to $(id -un)"
  case $(ls -ld "$1" 2>/dev/null) in
    ?????w*|????????w*)
      case $(ls -ld "$1") in
        ????????w*) fail 17 "$1 is writable by everybody; chmod o-w it" ;;
      esac
      ;;
  esac
}

# open_state: the app's folders exist and are ours.
open_state() {
  [ -n "$root" ] || fail 19 'no root was given'
  refuse_unsafe_folder "$root"
  if [ ! -d "$state" ]; then
    (umask 022 && mkdir -p "$root/releases") || fail 18 "cannot create $root/releases"
    mkdir -p "$state" || fail 18 "cannot create $state"
  fi
  refuse_unsafe_folder "$state"
  chmod 700 "$state" 2>/dev/null
  for folder in incoming manifests runs; do
    [ -d "$state/$folder" ] || mkdir -p "$state/$folder" || fail 18 "cannot create $state/$folder"
  done
  [ -d "$root/releases" ] || (umask 022 && mkdir -p "$root/releases") || fail 18 "cannot create $root/releases"
}

# enter: the critical section of this app on this host; left when the verb ends. Held for milliseconds.
enter() {
  command -v flock >/dev/null 2>&1 || fail 16 'flock is missing; install util-linux or BusyBox'
  trap '' HUP PIPE
  exec 9>>"$state/mutex" || fail 18 "cannot write $state/mutex"
  tries=0
  until flock -n 9; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || fail 21 "$state/mutex is held by another process"
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# flush: everything written below the root reaches the disk, by syncfs where sync -f is known.
flush() {
  sync -f "$root" 2>/dev/null || sync
}

# write_file PATH: standard input replaces PATH in one rename.
write_file() {
  cat >"$1.tmp.$$" && mv -f "$1.tmp.$$" "$1"
}

# Time that no clock change moves: seconds since boot, and which boot.
now=0
boot=none
if [ -r /proc/uptime ]; then
  IFS=' .' read -r now line </proc/uptime
  IFS= read -r boot </proc/sys/kernel/random/boot_id
else
  now=$(date +%s)
fi

read_epoch() {
  current_epoch=0
  if [ -f "$state/epoch" ]; then IFS= read -r current_epoch <"$state/epoch"; fi
  case $current_epoch in '' | *[!0-9]*) fail 18 "$state/epoch is damaged" ;; esac
}

# read_lease: lease_run is empty when nobody holds one; lease_left is seconds, 0 when it has expired or the host rebooted.
read_lease() {
  lease_run='' lease_epoch=0 lease_owner='' lease_reason='' lease_boot='' lease_until=0 lease_left=0
  [ -f "$state/lease" ] || return 0
  while IFS= read -r line; do
    value=${line#*=}
    case $line in
      run=*) lease_run=$value ;; epoch=*) lease_epoch=$value ;; owner=*) lease_owner=$value ;;
      reason=*) lease_reason=$value ;; boot=*) lease_boot=$value ;; until=*) lease_until=$value ;;
    esac
  done <"$state/lease"
  if [ "$lease_boot" = "$boot" ] && [ "$lease_until" -gt "$now" ]; then lease_left=$((lease_until - now)); fi
}

print_lease() {
  [ -n "$lease_run" ] || return 0
  printf 'lease-run %s\nlease-owner %s\nlease-reason %s\nlease-left %s\n' "$lease_run" "$lease_owner" "$lease_reason" "$lease_left"
}

write_lease() {
  printf 'run=%s\nepoch=%s\nowner=%s\nreason=%s\nboot=%s\nuntil=%s\n' \
    "$run" "$epoch" "$owner" "$reason" "$boot" $((now + ttl)) | write_file "$state/lease" || fail 18 "cannot write $state/lease"
}

# require_lease: the caller still holds the newest epoch. Nothing may change on this host otherwise.
require_lease() {
  read_epoch
  read_lease
  [ "$current_epoch" = "$epoch" ] && [ "$lease_run" = "$run" ] && [ "$lease_epoch" = "$epoch" ] && return 0
  print_lease
  fail 11 "this host was taken over: epoch is $current_epoch, this run has $epoch"
}

# record EVENT [DETAIL]: one line of the host's journal.
record() {
  printf '%s %s %s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${epoch:-0}" "$run" "$1" "${2:-}" >>"$state/journal" ||
    fail 18 "cannot write $state/journal"
}

# read_current: the release that is live; empty before the first deploy. Anything but our link is refused.
read_current() {
  live=''
  if [ -L "$root/current" ]; then
    live=$(readlink "$root/current")
    case $live in
      releases/*/* | releases/) fail 17 "$root/current points to $live, not to a release" ;;
      releases/*) live=${live#releases/} ;;
      *) fail 17 "$root/current points to $live, not to a release" ;;
    esac
  elif [ -e "$root/current" ]; then
    fail 17 "$root/current is not a link; move it away, so that drover can switch it"
  fi
}

# point_current ID: the one rename that changes what is served; an empty id takes the link away.
point_current() {
  if [ -z "$1" ]; then
    rm -f "$root/current" || fail 18 "cannot remove $root/current"
    return 0
  fi
  rm -f "$root/.drover-next.$$"
  ln -s "releases/$1" "$root/.drover-next.$$" || fail 18 "cannot write below $root"
  mv -T -f "$root/.drover-next.$$" "$root/current" || {
    rm -f "$root/.drover-next.$$"
    fail 18 "cannot switch $root/current: mv -T failed"
  }
}
