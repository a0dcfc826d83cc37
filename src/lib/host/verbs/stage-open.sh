# Prepares to receive one delta. Replies `staged` when the release is here already, else how much of the delta is here and its
# digest, so that the sender continues from a prefix it has verified.
[ -n "$id" ] && [ -n "$part" ] && [ -n "$bytes" ] || fail 19 'no id, part or size was given'
for tool in flock tar gzip sha256sum sort comm awk xargs find cp dd head; do
  command -v "$tool" >/dev/null 2>&1 || fail 16 "$tool is missing on this host"
done
if [ -n "$run" ]; then
  open_run
  write_file "$state/runs/$run/plan" || fail 18 "cannot write below $state/runs"
  drop "$state/runs/$run/ended"
else
  open_state
fi
if is_staged "$id"; then
  [ "$kind" != push ] || [ -z "$run" ] || true >"$state/runs/$run/ended"
  printf 'staged\n'
  exit 0
fi
delta=$state/incoming/$part.delta
holder=$state/incoming/$part.holder
if [ -n "$base" ]; then
  is_staged "$base" || fail 13 "base $base is not on this host"
  printf '%s\n' "$base" >"$state/incoming/$part.base" || fail 18 "cannot write below $state/incoming"
fi

# size_of_part: 0 before the first byte.
size_of_part() {
  have=0
  [ ! -s "$delta" ] || have=$(wc -c <"$delta")
  have=${have##* }
}

# end_holder: the transfer whose link died without a word holds the part until its TCP gives up. It is ended by process group, after a look
# at its start time, since pids come again.
end_holder() {
  IFS=' ' read -r pid started <"$holder" || return 1
  stat=''
  IFS= read -r stat <"/proc/$pid/stat" || return 1
  # shellcheck disable=SC2086 # fields of a line of the kernel
  set -- ${stat##*) }
  [ "${20}" = "$started" ] || return 1
  if [ "$3" = "$pid" ]; then kill -KILL "-$pid"; else kill -KILL "$pid"; fi
}

command exec 8>>"$state/incoming/$part.lock" || fail 18 "cannot write below $state/incoming"
size_of_part
tries=0
until flock -n 8; do
  # Without a holder it is being unpacked; stage-commit waits for that.
  [ -s "$holder" ] || break
  seen=$have
  [ "$tries" -lt 10 ] || { end_holder 2>/dev/null && sleep 1; }
  tries=$((tries + 1))
  [ "$tries" -lt 15 ] || fail 21 'another transfer of this delta is under way'
  sleep 1
  size_of_part
  [ "$have" = "$seen" ] || fail 21 'another transfer of this delta is under way'
done
# What a pull that was killed left, its key among it.
[ ! -e "$state/incoming/$part.pull" ] || rm -rf "$state/incoming/$part.pull"
size_of_part
have_digest=''
if [ "$have" -gt "$bytes" ]; then
  rm -f "$delta"
  have=0
elif [ "$have" -gt 0 ]; then
  have_digest=$(sha256sum <"$delta")
  have_digest=${have_digest%% *}
fi
# GNU df tells of both in one line; others have a line for each, in which it is the fourth word.
if words=$(df -k --output=avail,iavail "$root" 2>/dev/null); then
  IFS=' ' read -r free inodes line <<EOF
${words#*"$newline"}
EOF
else
  words=$(df -Pk "$root")
  IFS=' ' read -r line line line free line <<EOF
${words#*"$newline"}
EOF
  words=$(df -Pi "$root" 2>/dev/null)
  IFS=' ' read -r line line line inodes line <<EOF
${words#*"$newline"}
EOF
fi
lacking=$(((need + bytes - have) / 1024 + 65536))
case $free in
  '' | *[!0-9]*) ;;
  *) [ "$free" -ge "$lacking" ] || fail 15 "not enough space below $root: $((free / 1024)) MiB free, $((lacking / 1024)) MiB needed" ;;
esac
case $inodes in
  '' | 0 | *[!0-9]*) ;;
  *) [ "$inodes" -ge "$((files + 100))" ] || fail 15 "not enough inodes below $root: $inodes free, $((files + 100)) needed" ;;
esac
printf 'part %s %s\n' "$have" "$have_digest"
