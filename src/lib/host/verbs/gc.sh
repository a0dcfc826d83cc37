# Removes releases beyond the newest `keep` and leftovers of dead transfers; never what is live, what was live and confirmed before it,
# what `protect` names, what an unfinished run refers to, or the base of a transfer.
[ -n "$keep" ] || fail 19 'no count was given'
open_state
enter
read_current
journal=$state/journal
[ -f "$journal" ] || true >"$journal"
order=$state/incoming/order.$$
kept=" $live $protect $(awk -v live="$live" '$4 == "confirmed" && $5 "" != live "" {last = $5} END {print last}' "$journal") "
for mark in "$state"/incoming/*.base; do
  if [ -f "$mark" ] && IFS= read -r line <"$mark"; then kept="$kept$line "; fi
done
true >"$order.open"
for folder in "$state"/runs/*; do
  [ -f "$folder/plan" ] && [ ! -f "$folder/ended" ] || continue
  cat "$folder/plan" >>"$order.open"
  awk -v run="${folder##*/}" '$3 == run && $4 == "intent"' "$journal" >>"$order.open"
done
# Newest first by when it was staged, as the journal tells; then what it does not tell of.
{
  awk -F'[ ]' '$4 == "staged" {line[++n] = $5} END {for (; n > 0; n--) if (!seen[line[n]]++) print line[n]}' "$journal"
  for release in "$root"/releases/*; do
    [ -d "$release" ] && printf '%s\n' "${release##*/}"
  done
} | awk '!seen[$0]++' >"$order"
number=0
while IFS= read -r old; do
  [ -n "$old" ] && [ -d "$root/releases/$old" ] || continue
  number=$((number + 1))
  [ "$number" -gt "$keep" ] || continue
  case $kept in *" $old "*) continue ;; esac
  ! grep -qF "$old" "$order.open" || continue
  # One rename makes it no release any more; its files go when nobody waits for us.
  chmod u+w "$root/releases/$old"
  mv -T "$root/releases/$old" "$state/incoming/gone-$old-$$" || continue
  rm -f "$state/manifests/$old" "$state/manifests/$old.links" "$state/manifests/$old.seal" "$state/parts/$old"
  record removed "$old"
  printf 'removed %s\n' "$old"
done <"$order"
rm -f "$order" "$order.open" "$root"/.drover-next.*
find "$state/runs" -type d -prune -o -name '*.tmp.*' -mtime +1 -exec rm -f {} +
ls -1 "$state/runs" | sort -r | awk 'NR > 30' | while IFS= read -r old; do
  [ -f "$state/runs/$old/ended" ] && rm -rf "$state/runs/${old:?}"
done
if [ "$(wc -l <"$journal")" -gt 2000 ]; then
  awk -v recent="$(($(wc -l <"$journal") - 1000))" 'NR > recent {print; next} $4 == "confirmed" {last[$5] = $0} END {for (id in last) print last[id]}' "$journal" |
    sort -s -k 1,1 | write_durably "$journal"
fi
leave
for leftover in "$state"/incoming/*; do
  case $leftover in
    */gone-*) remove_tree "$leftover" ;;
    *) [ -z "$(find "$leftover" -prune -mtime +1 2>/dev/null)" ] || remove_tree "$leftover" ;;
  esac
done
exit 0
