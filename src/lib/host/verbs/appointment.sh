# A switch at an instant of the host's own clock. Standard input carries the line `go`, and stays open until the switch is done: who gives no
# `go`, or goes away before the instant, has called the switch off.

left=0 millis=0 refusal=''

# listen: notes what comes on standard input, beside everything else.
listen() {
  word=$state/runs/$run/word.$$
  command exec 3<&0
  (
    command exec 9>&- >/dev/null 2>&1
    while IFS= read -r line <&3; do
      [ "$line" != go ] || true >"$word.go"
    done
    true >"$word.gone"
  ) &
  listener=$!
  trap 'status=$?; trap "" EXIT; kill "$listener" 2>/dev/null; rm -f "$word".*; printf "\ndrover %s end %s\n" "$nonce" "$status"' EXIT
}

# judge_instant: sets `left`, milliseconds until the instant, and `refusal`, why nothing may be switched any more; it begins with the status.
judge_instant() {
  read_time
  left=$((instant - millis)) refusal=''
  [ "$left" -ge "-$late" ] || refusal="23 too late by $((-left)) ms: nothing was switched"
  [ ! -e "$word.gone" ] || refusal='20 called off before its time: nothing was switched'
}

# await_go: until somebody said `go` and the instant is near.
await_go() {
  said=''
  while
    judge_instant
    [ -z "$refusal" ] || fail "${refusal%% *}" "${refusal#* }"
    [ -n "$said" ] || printf 'armed\n'
    said=armed
    [ ! -e "$word.go" ] || [ "$left" -gt 2000 ]
  do
    nap 200
  done
}

# await_instant: the last moment, inside the critical section, so that nothing but the rename is left to do then.
await_instant() {
  while
    judge_instant
    [ -z "$refusal" ] || call_off "${refusal%% *}" "${refusal#* }"
    [ "$left" -gt 0 ]
  do
    [ "$left" -lt 200 ] || left=200
    nap "$left"
  done
}

# call_off STATUS WORDS…: the intent comes to nothing.
call_off() {
  stamp=''
  disarm_dead_man
  rm -f "$root"/.drover-next.*
  record called-off "$from $to"
  flush
  fail "$@"
}
