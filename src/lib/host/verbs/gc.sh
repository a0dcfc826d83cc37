# Removes releases beyond the newest `keep` and leftovers of dead transfers; never what is live, what was live and confirmed before it,
# what `protect` names, or what an unfinished run refers to.
open_state
enter
read_current
kept=" $live $protect "
[ ! -f "$state/journal" ] || kept="$kept$(grep ' confirmed ' "$state/journal" | sed 's/.* confirmed //' | awk -v live="$live" '$0 != live' | tail -n 1) "
for folder in "$state"/runs/*; do
  [ -f "$folder/plan" ] && [ ! -f "$folder/ended" ] && kept="$kept$(grep " ${folder##*/} intent " "$state/journal" 2>/dev/null | sed 's/.* intent //' | tr '\n' ' ') "
done
number=0
# Newest first by when it was staged, as the journal tells.
{
  [ ! -f "$state/journal" ] || grep ' staged ' "$state/journal" | sed 's/.* staged //'
} | awk '{line[++n] = $0} END {for (; n > 0; n--) if (!seen[line[n]]++) print line[n]}' >"$state/incoming/order.$$"
for release in "$root"/releases/*; do
  [ -d "$release" ] || continue
  grep -qx "${release##*/}" "$state/incoming/order.$$" || printf '%s\n' "${release##*/}" >>"$state/incoming/order.$$"
done
while IFS= read -r old; do
  [ -d "$root/releases/$old" ] || continue
  number=$((number + 1))
  [ "$number" -gt "$keep" ] || continue
  case $kept in *" $old "*) continue ;; esac
  rm -f "$state/manifests/$old" "$state/manifests/$old.links"
  remove_tree "$root/releases/$old" && record removed "$old" && printf 'removed %s\n' "$old"
done <"$state/incoming/order.$$"
rm -f "$state/incoming/order.$$"
for leftover in "$state"/incoming/*; do
  [ -e "$leftover" ] || continue
  [ -n "$(find "$leftover" -prune -mtime +1 2>/dev/null)" ] && remove_tree "$leftover"
done
ls -1 "$state/runs" 2>/dev/null | sort -r | awk 'NR > 30' | while IFS= read -r old; do
  [ -f "$state/runs/$old/ended" ] && rm -rf "$state/runs/${old:?}"
done
if [ -f "$state/journal" ] && [ "$(wc -l <"$state/journal")" -gt 2000 ]; then
  tail -n 1000 "$state/journal" | write_file "$state/journal"
fi
exit 0
