# Start of every verb: reads the header from standard input, frames the reply, and holds what verbs share.
# Header: a nonce, then name=value lines, then an empty line; what follows on standard input is the verb's payload.
# Values are only ever assigned and quoted, never evaluated.
set -u
outer_locale=${LC_ALL-}
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV TAR_OPTIONS GZIP GREP_OPTIONS 2>/dev/null
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
umask 077
tab='	'
newline='
'

root='' app='' run='' epoch='' owner='' reason='' ttl='' id='' base='' from='' to='' part='' digest='' bytes='' need=''
files='' offset='' seconds='' keep='' protect='' event='' detail='' kind='' path='' cwd='' max='' encoding='' archive=''
instant='' late='' expect='' wait=''
token='' port='' address='' user='' rate='' mode=''
stamp='' whole=''
IFS= read -r nonce
while IFS= read -r line && [ -n "$line" ]; do
  value=${line#*=}
  case $line in
    root=*) root=$value ;; app=*) app=$value ;; run=*) run=$value ;; epoch=*) epoch=$value ;; owner=*) owner=$value ;;
    reason=*) reason=$value ;; ttl=*) ttl=$value ;; id=*) id=$value ;; base=*) base=$value ;; from=*) from=$value ;;
    to=*) to=$value ;; part=*) part=$value ;; digest=*) digest=$value ;; bytes=*) bytes=$value ;; need=*) need=$value ;;
    files=*) files=$value ;; offset=*) offset=$value ;; seconds=*) seconds=$value ;; keep=*) keep=$value ;;
    protect=*) protect=$value ;; event=*) event=$value ;; detail=*) detail=$value ;; kind=*) kind=$value ;;
    path=*) path=$value ;; cwd=*) cwd=$value ;; max=*) max=$value ;;
    encoding=*) encoding=$value ;; archive=*) archive=$value ;;
    instant=*) instant=$value ;; late=*) late=$value ;; expect=*) expect=$value ;; wait=*) wait=$value ;;
    token=*) token=$value ;; port=*) port=$value ;; address=*) address=$value ;; user=*) user=$value ;;
    rate=*) rate=$value ;; mode=*) mode=$value ;;
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

# Ids and runs become names of files, numbers are calculated with: whatever else they might hold is refused before it is used.
case $id$base$digest$from$to$token in *[!0-9a-f]*) fail 19 'an id is malformed' ;; esac
case $part in *[!0-9a-f-]*) fail 19 'the name of the part is malformed' ;; esac
case $address$user in *[!0-9A-Za-z._:-]*) fail 19 'an address or user is malformed' ;; esac
case $protect in *[!0-9a-f\ ]*) fail 19 'an id is malformed' ;; esac
case $run$event$kind$encoding in *[!0-9a-z-]*) fail 19 'the run, event or kind is malformed' ;; esac
case $epoch$ttl$bytes$need$files$offset$seconds$keep$max$archive$instant$late$wait$port$rate$expect$mode in *[!0-9]*) fail 19 'a number is malformed' ;; esac

HOME=${HOME-}
case $root in
  \~ | \~/*) [ -n "$HOME" ] || fail 17 "HOME is not set, and the root is $root; give an absolute root" ;;
esac
case $root in
  \~) root=$HOME ;;
  \~/*) root=$HOME/${root#??} ;;
esac
state=$root/.drover

# Whoever owns a folder of ours, or may rename one above it, could plant what we are about to trust.
refuse_unsafe_folders() {
  for folder in "$root" "$root/releases" "$state"; do
    [ -O "$folder" ] || fail 17 "$folder belongs to another user; chown it to $(id -un)"
  done
  for folder in "$root/releases" "$state"; do
    [ ! -L "$folder" ] || fail 17 "$folder is a link; replace it by a folder"
  done
  set -- "$state"
  folder=$root linked=''
  while [ -n "$folder" ]; do
    [ ! -L "$folder" ] || linked=yes
    set -- "$@" "$folder"
    folder=${folder%/*}
  done
  # Without a link on the way there are no other folders above.
  [ -z "$linked" ] || folder=$(cd "$root" && pwd -P)
  while [ -n "$folder" ]; do
    set -- "$@" "$folder"
    folder=${folder%/*}
  done
  loose=$(find "$@" / -prune -type d -perm -0002 ! -perm -1000)
  [ -z "$loose" ] || fail 17 "$(printf '%s\n' "$loose" | tail -n 1) is writable by everybody; chmod o-w it"
}

# open_state: the app's folders exist and are ours. Below a folder with a default ACL the umask says nothing, so modes are given.
open_state() {
  [ -n "$root" ] || fail 19 'no root was given'
  [ -d "$root/releases" ] || { (umask 022 && mkdir -p "$root") && mkdir -m 755 "$root/releases"; } || [ -d "$root/releases" ] ||
    fail 18 "cannot create $root/releases"
  [ -d "$state" ] || mkdir -m 700 "$state" || [ -d "$state" ] || fail 18 "cannot create $state"
  refuse_unsafe_folders
  for folder in incoming manifests runs; do
    [ -d "$state/$folder" ] || mkdir -p "$state/$folder" || fail 18 "cannot create $state/$folder"
  done
}

# open_run: as open_state, and the run's own folder exists.
open_run() {
  [ -n "$run" ] || fail 19 'no run was given'
  open_state
  [ -d "$state/runs/$run" ] || mkdir -p "$state/runs/$run" || fail 18 "cannot write below $state/runs"
}

# read_payload: sets `text` to the rest of standard input. Byte by byte, for what is short: no program is started.
read_payload() {
  text=''
  while IFS= read -r line || [ -n "$line" ]; do text=$text$newline$line; done
  text=${text#"$newline"}
}

# enter: the critical section of this app on this host; left when the verb ends. Held for milliseconds.
enter() {
  command -v flock >/dev/null 2>&1 || fail 16 'flock is missing; install util-linux or BusyBox'
  trap '' HUP PIPE
  command exec 9>>"$state/mutex" || fail 18 "cannot write $state/mutex"
  tries=0
  until flock -n 9; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || fail 21 "$state/mutex is held by another process"
    sleep 0.1 2>/dev/null || sleep 1
  done
  read_clock
}

leave() {
  command exec 9>&-
}

# flush: everything written below the root reaches the disk, by syncfs where sync -f is known.
flush() {
  sync -f "$root" 2>/dev/null || sync
}

# write_file PATH: standard input replaces PATH in one rename.
write_file() {
  cat >"$1.tmp.$$" && mv -f "$1.tmp.$$" "$1" && return 0
  rm -f "$1.tmp.$$"
  return 1
}

# write_line PATH LINE: as write_file, of what is at hand.
write_line() {
  printf '%s\n' "$2" >"$1.tmp.$$" && mv -f "$1.tmp.$$" "$1" && return 0
  rm -f "$1.tmp.$$"
  return 1
}

# write_durably PATH: as write_file, and a power cut leaves the old or the new, never an empty file.
write_durably() {
  cat >"$1.tmp.$$" && { sync "$1.tmp.$$" 2>/dev/null || sync; } && mv -f "$1.tmp.$$" "$1" && return 0
  rm -f "$1.tmp.$$"
  return 1
}

# write_line_durably PATH LINE: as write_durably, of what is at hand.
write_line_durably() {
  printf '%s\n' "$2" >"$1.tmp.$$" && { sync "$1.tmp.$$" 2>/dev/null || sync; } && mv -f "$1.tmp.$$" "$1" && return 0
  rm -f "$1.tmp.$$"
  return 1
}

# drop FILE…: removes what is there of them; where nothing is, no program is started.
drop() {
  for dropped; do
    [ ! -e "$dropped" ] && [ ! -L "$dropped" ] || {
      rm -f "$@"
      return
    }
  done
}

# Time that no clock change moves: seconds since boot, and which boot.
read_clock() {
  boot=none
  if [ -r /proc/uptime ]; then
    IFS=' .' read -r now line </proc/uptime
    IFS= read -r boot </proc/sys/kernel/random/boot_id
  else
    now=$(date +%s)
  fi
}
read_clock

read_epoch() {
  current_epoch=0
  if [ -f "$state/epoch" ]; then IFS= read -r current_epoch <"$state/epoch"; fi
  case $current_epoch in '' | *[!0-9]*) fail 18 "$state/epoch is damaged" ;; esac
}

# read_lease: lease_run is empty when nobody holds one; lease_left is seconds, 0 when it has expired or the host rebooted.
read_lease() {
  lease_run='' lease_epoch=0 lease_owner='' lease_reason='' lease_boot='' lease_until=0 lease_left=0 lease_since='' lease_beat=''
  [ -f "$state/lease" ] || return 0
  while IFS= read -r line; do
    value=${line#*=}
    case $line in
      run=*) lease_run=$value ;; epoch=*) lease_epoch=$value ;; owner=*) lease_owner=$value ;;
      reason=*) lease_reason=$value ;; boot=*) lease_boot=$value ;; until=*) lease_until=$value ;;
      since=*) lease_since=$value ;; beat=*) lease_beat=$value ;;
    esac
  done <"$state/lease"
  case $lease_until in '' | *[!0-9]*) lease_until=0 ;; esac
  if [ "$lease_boot" = "$boot" ] && [ "$lease_until" -gt "$now" ]; then lease_left=$((lease_until - now)); fi
}

print_lease() {
  [ -n "$lease_run" ] || return 0
  printf 'lease-run %s\nlease-owner %s\nlease-reason %s\nlease-left %s\nlease-epoch %s\nlease-since %s\n' \
    "$lease_run" "$lease_owner" "$lease_reason" "$lease_left" "$lease_epoch" "$lease_since"
  case $lease_beat in
    '' | *[!0-9]*) ;;
    *) [ "$lease_boot" != "$boot" ] || printf 'lease-beat %s\n' $((now - lease_beat)) ;;
  esac
}

# write_lease SINCE: the lease from now on; `since` and `beat` are for people.
write_lease() {
  write_line "$state/lease" "run=$run
epoch=$epoch
owner=$owner
reason=$reason
boot=$boot
until=$((now + ttl))
since=$1
beat=$now" || fail 18 "cannot write $state/lease"
}

# is_holder: the caller still holds the newest epoch.
is_holder() {
  [ -n "$run" ] && [ -n "$epoch" ] || fail 19 'no run or epoch was given'
  read_epoch
  read_lease
  [ "$current_epoch" = "$epoch" ] && [ "$lease_run" = "$run" ] && [ "$lease_epoch" = "$epoch" ]
}

# require_lease: nothing may change on this host otherwise.
require_lease() {
  is_holder && return 0
  print_lease
  fail 11 "this host was taken over: epoch is $current_epoch, this run has $epoch"
}

# read_stamp: sets `stamp`, the time for people; a verb asks for it once, unless it waits in between.
read_stamp() {
  [ -n "$stamp" ] || stamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)
}

# write_record EVENT [DETAIL]: one line of the host's journal; after a line that a power cut has torn, on a line of its own. The last line of the
# same verb is `whole`: all of them are written in one critical section.
write_record() {
  read_stamp
  [ -n "$whole" ] || [ ! -s "$state/journal" ] || [ -z "$(tail -c 1 "$state/journal")" ] || printf '\n' >>"$state/journal"
  printf '%s %s %s %s %s\n' "$stamp" "${epoch:-0}" "$run" "$1" "${2:-}" >>"$state/journal" && whole=yes
}

record() {
  write_record "$@" || fail 18 "cannot write $state/journal"
}

# last_detail EVENT: the detail of this run's last such record.
last_detail() {
  [ -f "$state/journal" ] || return 0
  awk -F'[ ]' -v run="$run" -v event="$1" '$3 == run && $4 == event {last = substr($0, length($1 $2 $3 $4) + 5)} END {print last}' "$state/journal"
}

# read_decision: how the dead-man's switch of this run was decided; empty until then.
read_decision() {
  decision=''
  if [ -s "$state/runs/$run/decision" ]; then IFS= read -r decision <"$state/runs/$run/decision"; fi
}

# decide WORD: only ever called in the critical section.
decide() {
  write_line_durably "$state/runs/$run/decision" "$1" || fail 18 "cannot write below $state/runs"
}

# is_staged ID: a complete release of this host; its folder comes last, by one rename.
is_staged() {
  [ -d "$root/releases/$1" ] && [ -f "$state/manifests/$1" ]
}

# judge_current: `live` is the release that is live, empty before the first deploy; `unsafe` says why the link must not be touched.
judge_current() {
  live='' unsafe=''
  if [ -L "$root/current" ]; then
    live=$(readlink "$root/current")
    case $live in
      releases/*[!0-9a-f]* | releases/) unsafe="$root/current points to $live, not to a release" ;;
      releases/*) live=${live#releases/} ;;
      *) unsafe="$root/current points to $live, not to a release" ;;
    esac
  elif [ -e "$root/current" ]; then
    unsafe="$root/current is not a link; move it away, so that drover can switch it"
  fi
}

read_current() {
  judge_current
  [ -z "$unsafe" ] || fail 17 "$unsafe"
}

# make_link ID: the link that is about to become `current`. In the critical section only, so that links of that name are leftovers.
make_link() {
  drop "$root"/.drover-next.*
  ln -s "releases/$1" "$root/.drover-next.$$" || fail 18 "cannot write below $root"
}

# move_link: the one rename that changes what is served.
move_link() {
  mv -T -f "$root/.drover-next.$$" "$root/current" || {
    rm -f "$root/.drover-next.$$"
    fail 18 "cannot switch $root/current: mv -T failed"
  }
}

# point_current ID: changes what is served; an empty id takes the link away.
point_current() {
  if [ -n "$1" ]; then
    make_link "$1"
    move_link
    return 0
  fi
  drop "$root"/.drover-next.*
  rm -f "$root/current" || fail 18 "cannot remove $root/current"
}
