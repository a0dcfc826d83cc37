# Removes releases beyond the newest `keep` that were proven here (confirmed, and not taken back), beyond as many that were not yet, and leftovers
# of dead transfers; never what is live, what was proven before it, what `protect` names, what an unfinished run refers to, the base of a
# transfer, or one of the newest `keep` that are pinned out: somebody may want to look into them.
[ -n "$keep" ] || fail 19 'no count was given'
open_state
enter
read_current
journal=$state/journal
[ -f "$journal" ] || true >"$journal"
order=$state/incoming/order.$$
proven=$state/incoming/proven.$$
awk 'NR == FNR {if ($4 == "reverted") taken[$3] = 1; next}
  $4 == "confirmed" && !($3 in taken) {line[++n] = $5}
  END {for (; n > 0; n--) if (!seen[line[n]]++) print line[n]}' "$journal" "$journal" | while IFS= read -r old; do
  [ ! -d "$root/releases/$old" ] || [ -f "$state/pins/$old" ] || printf '%s\n' "$old" || exit 1
done >"$proven" || fail 18 "cannot write below $state/incoming"
kept=" $live $protect $(grep -vxFe "${live:--}" "$proven" | head -n 1) "
[ ! -d "$state/pins" ] || kept="$kept$(ls -1t "$state/pins" | sed '/[.]/d' | head -n "$keep" | tr '\n' ' ')"
for mark in "$state"/incoming/*.base; do
  if [ -f "$mark" ] && IFS= read -r line <"$mark"; then kept="$kept$line "; fi
done
true >"$order.open" || fail 18 "cannot write below $state/incoming"
for folder in "$state"/runs/*; do
  [ -f "$folder/plan" ] && [ ! -f "$folder/ended" ] || continue
  { cat "$folder/plan" && awk -v run="${folder##*/}" '$3 == run && $4 == "intent"' "$journal"; } >>"$order.open" ||
    fail 18 "cannot write below $state/incoming"
done
# The proven, newest first; then the others by when they were staged, as the journal tells; then what it does not tell of.
{
  cat "$proven"
  printf 'others\n'
  awk -F'[ ]' '$4 == "staged" {line[++n] = $5} END {for (; n > 0; n--) if (!seen[line[n]]++) print line[n]}' "$journal"
  for release in "$root"/releases/*; do
    [ -d "$release" ] && printf '%s\n' "${release##*/}"
  done
} | awk '!seen[$0]++' >"$order" || fail 18 "cannot write below $state/incoming"
number=0
while IFS= read -r old; do
  [ "$old" != others ] || number=0
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
rm -f "$order" "$order.open" "$proven" "$root"/.drover-next.*
# What a killed gc left of releases that are gone, and files that were never finished.
for file in "$state"/manifests/* "$state"/parts/*; do
  old=${file##*/}
  [ -d "$root/releases/${old%%.*}" ] || rm -f "$file"
done
find "$state" \( -name incoming -o -name relay \) -prune -o -type f -name '*.tmp.*' -mtime +1 -exec rm -f {} +
ls -1 "$state/runs" | sort -r | awk 'NR > 30' | while IFS= read -r old; do
  [ -f "$state/runs/$old/ended" ] && rm -rf "$state/runs/${old:?}"
done
# No plan that is older than this can be taken up, however long it was to hold.
[ ! -d "$state/plans" ] || find "$state/plans" -type f -mtime +8 -exec rm -f {} +
[ ! -d "$state/pins" ] || ls -1t "$state/pins" | awk 'NR > 50' | while IFS= read -r old; do rm -f "$state/pins/${old:?}"; done
if [ "$(wc -l <"$journal")" -gt 2000 ]; then
  awk -v recent="$(($(wc -l <"$journal") - 1000))" 'NR == FNR {if ($4 == "reverted") taken[$3] = 1; next} FNR > recent {print; next}
    ($4 == "confirmed" && !($3 in taken)) || $4 == "contracted" {last[$4 $5] = $0} END {for (id in last) print last[id]}' "$journal" "$journal" |
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
