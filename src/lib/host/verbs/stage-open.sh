# Prepares to receive one delta. Replies `staged` when the release is here already, else how much of the delta is here and its
# digest, so that the sender continues from a prefix it has verified.
open_state
for tool in tar gzip sha256sum sort awk xargs find cp; do
  command -v "$tool" >/dev/null 2>&1 || fail 16 "$tool is missing on this host"
done
if [ -n "$run" ]; then
  mkdir -p "$state/runs/$run" || fail 18 "cannot write below $state/runs"
  write_file "$state/runs/$run/plan" || fail 18 "cannot write below $state/runs"
  rm -f "$state/runs/$run/ended"
fi
if [ -d "$root/releases/$id" ] && [ -f "$state/manifests/$id" ]; then
  [ "$kind" != push ] || [ -z "$run" ] || : >"$state/runs/$run/ended"
  printf 'staged\n'
  exit 0
fi
if [ -n "$base" ]; then
  { [ -d "$root/releases/$base" ] && [ -f "$state/manifests/$base" ]; } || fail 13 "base $base is not on this host"
fi
have=0
have_digest=''
if [ -f "$state/incoming/$part.delta" ]; then
  have=$(wc -c <"$state/incoming/$part.delta" | tr -d ' ')
  if [ "$have" -gt "$bytes" ]; then
    rm -f "$state/incoming/$part.delta"
    have=0
  elif [ "$have" -gt 0 ]; then
    have_digest=$(sha256sum <"$state/incoming/$part.delta")
    have_digest=${have_digest%% *}
  fi
fi
free=$(df -Pk "$root" | awk 'NR > 1 {print $4; exit}')
if [ "$((free * 1024))" -lt "$((need + bytes - have + 67108864))" ]; then
  fail 15 "not enough space below $root: $((free / 1024)) MiB free, $(((need + bytes - have) / 1048576 + 64)) MiB needed"
fi
inodes=$(df -Pi "$root" 2>/dev/null | awk 'NR > 1 {print $4; exit}')
case $inodes in
  '' | 0 | *[!0-9]*) ;;
  *) [ "$inodes" -ge "$((files + 100))" ] || fail 15 "not enough inodes below $root: $inodes free, $((files + 100)) needed" ;;
esac
printf 'part %s %s\n' "$have" "$have_digest"
