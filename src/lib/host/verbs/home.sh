# is_home RELEASE: a host may go back to it. Not to one that a run brought here and nobody ever confirmed.
is_home() {
  [ -f "$state/journal" ] || return 0
  brought=$(awk -F'[ ]' -v id="$1" '
    $4 == "intent" && $6 == id && $5 != id {brought = "unproven"}
    $4 == "confirmed" && $5 == id {good = 1}
    END {if (!good) print brought}' "$state/journal")
  [ -z "$brought" ]
}
# find_home RELEASE LEFT: `home` is where a host goes back to that leaves LEFT: RELEASE, or else the last one that was proven here, is whole and is not
# pinned out. Status 1 where there is none.
find_home() {
  home=$1
  ! is_home "$1" || return 0
  for home in $(awk -F'[ ]' '
    $4 == "reverted" {taken[$3]}
    $4 == "confirmed" {by[++n] = $3; id[n] = $5}
    END {for (; n > 0; n--) if (!(by[n] in taken)) print id[n]}' "$state/journal"); do
    [ "$home" = "$2" ] || [ -f "$state/pins/$home" ] || ! is_staged "$home" || return 0
  done
  return 1
}
