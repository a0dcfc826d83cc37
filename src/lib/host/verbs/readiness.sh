# check_readiness: in the critical section: our epoch, a complete target, and nobody has taken the release back. Sets `live`.
check_readiness() {
  require_lease
  read_current
  [ -n "$to" ] && is_staged "$to" || fail 13 "release $to is not on this host"
  read_decision
  [ "$decision" != reverted ] || fail 22 'this host took the release back by itself; nobody confirmed it in time'
}

# lay_in: what the way back needs: room, should the disk fill up, and the restart command, which is `text`. A rollback is the way back, and
# has been given that room. A stage-commit that was killed right after its rename has left the release's own folder open to writing; a file
# system that refuses has it as it is.
lay_in() {
  [ ! -w "$root/releases/$to" ] || chmod 555 "$root/releases/$to" 2>/dev/null
  [ -s "$state/ballast" ] || grep -q '"command":"rollback"' "$state/runs/$run/plan" 2>/dev/null ||
    head -c 131072 /dev/zero | write_file "$state/ballast" || fail 15 "not enough space below $root"
  [ -z "$text" ] || write_line "$state/runs/$run/restart" "$text" || fail 18 "cannot write below $state/runs"
}
