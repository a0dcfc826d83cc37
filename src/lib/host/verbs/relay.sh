# A relay: a private sshd of the login user, below .drover/relay/<token>, that hands one delta to peers. Its keeper ends it.
open_relay() {
  [ -n "$token" ] || fail 19 'no token was given'
  relay=$state/relay/$token
}

# size_of FILE: without reading it.
size_of() {
  if [ -f "$1" ]; then ls -ln "$1" | awk '{print $5; exit}'; else echo 0; fi
}

# lives FILE: the process that FILE names by id and start time; ids come again. `pid` is its id.
lives() {
  IFS=' ' read -r pid started <"$1" 2>/dev/null || return 1
  stat=''
  IFS= read -r stat <"/proc/$pid/stat" || return 1
  # shellcheck disable=SC2086 # fields of a line of the kernel
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$started" ]
} 2>/dev/null

# end_relay FOLDER: tells the keeper; where that one was killed, does its work.
end_relay() {
  rm -f "$1/until"
  tries=0
  while lives "$1/keeper"; do
    [ "$tries" -ne 30 ] || kill -TERM "$pid"
    [ "$tries" -lt 100 ] || fail 21 "the relay $1 does not end"
    tries=$((tries + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  for note in "$1/server" "$1"/serving.*; do
    ! lives "$note" || kill -KILL "$pid"
  done
  rm -rf "$1"
  rmdir "$state/relay" 2>/dev/null
  return 0
}

# sweep_relays: what a keeper that was killed or a power cut left.
sweep_relays() {
  for old in "$state"/relay/*; do
    [ -d "$old" ] && [ ! -f "$old/starting" ] || [ -n "$(find "$old" -prune -mmin +2 2>/dev/null)" ] || continue
    lives "$old/keeper" || end_relay "$old"
  done
}
