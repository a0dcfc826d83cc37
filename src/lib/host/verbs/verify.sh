# Every byte of a release again against its manifest.
[ -n "$id" ] && is_staged "$id" || fail 13 "release $id is not on this host"
copy=$state/incoming/verify-$$
cp "$state/manifests/$id" "$copy" || fail 18 "cannot write below $state/incoming"
found=$(sha256sum <"$copy")
if [ "${found%% *}" != "$id" ]; then
  rm -f "$copy"
  fail 14 "the manifest of release $id is damaged"
fi
if [ -s "$state/manifests/$id.links" ]; then
  list_links "$state/manifests/$id.links" | sort -o "$copy" - "$copy" || fail 18 "cannot write below $state/incoming"
fi
check_tree "$root/releases/$id" "$copy" "$copy.seal" || {
  rm -f "$copy" "$copy.seal"
  fail 14 "release $id is not what its manifest says: $mismatch"
}
rm -f "$copy" "$copy.seal"
