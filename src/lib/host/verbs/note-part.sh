# Remembers which snapshot a release was cut from, the newest last; two snapshots may share a part.
[ -n "$id" ] && [ -n "$from" ] && [ -n "$run" ] || fail 19 'no release, snapshot or run was given'
open_state
enter
mkdir -p "$state/parts" || fail 18 "cannot create $state/parts"
{
  [ ! -f "$state/parts/$id" ] || awk -v snapshot="$from" '$1 "" != snapshot ""' "$state/parts/$id" | tail -n 50
  printf '%s %s\n' "$from" "$run"
} | write_durably "$state/parts/$id" || fail 18 "cannot write $state/parts/$id"
