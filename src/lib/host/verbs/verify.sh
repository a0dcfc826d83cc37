# Every byte of a release again against its manifest.
[ -d "$root/releases/$id" ] && [ -f "$state/manifests/$id" ] || fail 13 "release $id is not on this host"
copy=$state/incoming/verify-$$
cp "$state/manifests/$id" "$copy" || fail 18 "cannot write below $state/incoming"
found=$(sha256sum <"$copy")
if [ "${found%% *}" != "$id" ]; then
  rm -f "$copy"
  fail 14 "the manifest of release $id is damaged"
fi
if [ -s "$state/manifests/$id.links" ]; then
  while IFS=$tab read -r path target; do
    depth=$(printf '%s' "$path" | tr -cd / | wc -c)
    up=../../
    while [ "$depth" -gt 0 ]; do up=../$up depth=$((depth - 1)); done
    printf '%s\tl\t%s\n' "$path" "$up$target"
  done <"$state/manifests/$id.links" >>"$copy"
fi
check_tree "$root/releases/$id" "$copy" || {
  rm -f "$copy"
  fail 14 "release $id is not what its manifest says: $mismatch"
}
rm -f "$copy"
