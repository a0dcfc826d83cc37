# remove_tree PATH: a read-only tree goes away whole.
remove_tree() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  find "$1" -type d ! -perm -700 -exec chmod u+rwx {} +
  rm -rf "$1"
}

# check_tree TREE MANIFEST: every path, kind, mode and byte is what the manifest says, and nothing else is there.
# On a difference `mismatch` names the first one.
check_tree() {
  mismatch=''
  counts=$(awk -F"$tab" '$2 == "f" {f++} $2 == "l" {l++} $2 == "d" {d++} END {print f + 0, l + 0, d + 0}' "$2")
  found="$(find "$1" -type f | wc -l | tr -d ' ') $(find "$1" -type l | wc -l | tr -d ' ') $(($(find "$1" -type d | wc -l) - 1))"
  others=$(find "$1" ! -type f ! -type l ! -type d | head -n 1)
  if [ "$counts" != "$found" ] || [ -n "$others" ]; then
    mismatch="it has $found files, links and folders, not $counts"
    return 1
  fi
  awk -F"$tab" '$2 == "f" {print $5 "  ./" $1}' "$2" >"$2.sums"
  if [ -s "$2.sums" ] && ! (cd "$1" && sha256sum -c "$2.sums" 2>&1) >"$2.checked"; then
    mismatch=$(grep -v ': OK$' "$2.checked" | head -n 1)
    rm -f "$2.sums" "$2.checked"
    return 1
  fi
  rm -f "$2.sums" "$2.checked"
  awk -F"$tab" '$2 == "f" || $2 == "d" {n[$2 " " $3]++} END {for (key in n) print key, n[key]}' "$2" >"$2.modes"
  while read -r sort mode count; do
    found=$(find "$1" -type "$sort" -perm "$mode" ! -path "$1" | wc -l | tr -d ' ')
    [ "$found" = "$count" ] || mismatch="$found paths of kind $sort have mode $mode, not $count"
  done <"$2.modes"
  rm -f "$2.modes"
  [ -z "$mismatch" ] || return 1
  awk -F"$tab" '$2 == "l" {print $1 "\t" $3}' "$2" >"$2.links"
  while IFS=$tab read -r path target; do
    [ "$(readlink "$1/$path")" = "$target" ] || mismatch="link $path does not point to $target"
  done <"$2.links"
  rm -f "$2.links"
  [ -z "$mismatch" ]
}
