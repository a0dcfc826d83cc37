# take_part: this process alone writes the part now, at `offset`, and says so, so that stage-open can end it when its controller is dead.
take_part() {
  [ -d "$state/incoming" ] || fail 13 'stage-open comes first'
  [ -n "$part" ] && [ -n "$offset" ] || fail 19 'no part or offset was given'
  delta=$state/incoming/$part.delta
  holder=$state/incoming/$part.holder
  command exec 8>>"$state/incoming/$part.lock" || fail 18 "cannot write below $state/incoming"
  flock -n 8 || fail 21 'another transfer of this delta is under way'
  if [ -r "/proc/$$/stat" ]; then
    IFS= read -r line <"/proc/$$/stat"
    # shellcheck disable=SC2086 # fields of a line of the kernel
    set -- ${line##*) }
    printf '%s %s\n' "$$" "${20}" >"$holder"
  fi
  if [ "$offset" = 0 ]; then
    true >"$delta" || fail 18 "cannot write below $state/incoming"
    return 0
  fi
  have=0
  [ ! -f "$delta" ] || have=$(wc -c <"$delta")
  have=${have##* }
  [ "$have" = "$offset" ] || fail 12 "the part has $have bytes, not $offset"
}
