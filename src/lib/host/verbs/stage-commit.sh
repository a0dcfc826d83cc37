# Turns a received delta into a release: digest first, then a private tree, every file verified, then one rename.
# The payload is the app's links: `path<TAB>target below the root` lines.
trap '' HUP PIPE
exec 8>>"$state/incoming/$part.lock" || fail 13 'stage-open comes first'
flock -n 8 || fail 21 'another transfer of this delta is under way'
work=$state/incoming/$part.tree
delta=$state/incoming/$part.delta
links=$state/incoming/$part.links
cat >"$links" || fail 18 "cannot write below $state/incoming"

clean() {
  remove_tree "$work"
  rm -f "$delta" "$links" "$state/incoming/$part.lock"
}

if [ -d "$root/releases/$id" ] && [ -f "$state/manifests/$id" ]; then
  clean
  printf 'staged\n'
  exit 0
fi
[ -f "$delta" ] || fail 13 'no delta was received'
found=$(sha256sum <"$delta")
if [ "${found%% *}" != "$digest" ]; then
  rm -f "$delta"
  fail 14 "the delta arrived damaged: its digest is ${found%% *}, not $digest"
fi
remove_tree "$work"
mkdir "$work" "$work/tree" || fail 18 "cannot write below $state/incoming"

unpack() {
  tar -x -p -o -z -f "$delta" -C "$work" "$@" 2>"$work/errors" && return 0
  words=$(grep -v '^tar: Exiting' "$work/errors" | head -n 1)
  remove_tree "$work"
  case $words in
    *[Nn]'o space left'* | *'quota exceeded'*) fail 15 "cannot unpack the delta: $words" ;;
    *) fail 14 "cannot unpack the delta: $words" ;;
  esac
}
# paths KIND FILE: the paths of that kind among manifest lines, each after ./ and ended by NUL, children before parents.
paths() {
  awk -F"$tab" -v kind="$1" 'index(kind, $2) && $1 != "" {path[++n] = "./" $1} END {for (; n > 0; n--) print path[n]}' "$2" | tr '\n' '\0'
}

unpack gone new
if [ -n "$base" ]; then
  cp -a -l "$root/releases/$base/." "$work/tree/" 2>"$work/errors" || {
    words=$(head -n 1 "$work/errors")
    remove_tree "$work"
    fail 15 "cannot link the base: $words"
  }
  find "$work/tree" -type d ! -perm -700 -exec chmod u+rwx {} +
  [ ! -s "$state/manifests/$base.links" ] ||
    while IFS=$tab read -r path target; do rm -f "$work/tree/$path"; done <"$state/manifests/$base.links"
  paths fl "$work/gone" >"$work/remove"
  [ ! -s "$work/remove" ] || (cd "$work/tree" && xargs -0 rm -f <"$work/remove") || fail 18 'cannot remove what the release does not have'
  awk -F"$tab" 'NR == FNR {if ($2 == "d") kept[$1]; next} $2 == "d" && !($1 in kept)' "$work/new" "$work/gone" >"$work/folders"
  paths d "$work/folders" >"$work/remove"
  [ ! -s "$work/remove" ] || (cd "$work/tree" && xargs -0 rmdir <"$work/remove") 2>"$work/errors" ||
    fail 14 "the base is not what its manifest says: $(head -n 1 "$work/errors")"
  awk 'NR == FNR {gone[$0]; next} !($0 in gone)' "$work/gone" "$state/manifests/$base" | cat - "$work/new" | sort >"$work/manifest"
else
  sort "$work/new" >"$work/manifest"
fi
found=$(sha256sum <"$work/manifest")
if [ "${found%% *}" != "$id" ]; then
  remove_tree "$work"
  rm -f "$delta"
  fail 14 "the manifest does not match the snapshot: ${found%% *}"
fi
unpack
find "$work/tree" -type d -perm -2000 -exec chmod g-s {} +
awk -F"$tab" '$2 == "d" {print $3}' "$work/manifest" | sort -u >"$work/modes"
while IFS= read -r mode; do
  awk -F"$tab" -v mode="$mode" '$2 == "d" && $3 == mode' "$work/manifest" >"$work/folders"
  paths d "$work/folders" >"$work/remove"
  (cd "$work/tree" && xargs -0 chmod "$mode" <"$work/remove") || fail 18 'cannot set the modes of folders'
done <"$work/modes"

check_tree "$work/tree" "$work/manifest" || {
  rm -f "$delta"
  remove_tree "$work"
  fail 14 "the release is not what its manifest says: $mismatch"
}

while IFS=$tab read -r path target; do
  [ -n "$path" ] || continue
  up=../../
  rest=$path
  while [ "$rest" != "${rest#*/}" ]; do
    up=../$up
    rest=${rest#*/}
  done
  if [ -e "$work/tree/$path" ] || [ -L "$work/tree/$path" ]; then
    remove_tree "$work"
    fail 17 "the release has a path $path of its own, which link: would hide"
  fi
  folder=$work/tree/$path
  folder=${folder%/*}
  (umask 022 && mkdir -p "$root/$target") || fail 18 "cannot create $root/$target"
  mode=$(stat -c %a "$folder" 2>/dev/null) || {
    remove_tree "$work"
    fail 17 "link: wants $path, but the release has no folder ${path%/*}"
  }
  chmod u+w "$folder" && ln -s "$up$target" "$work/tree/$path" && chmod "$mode" "$folder" || fail 18 "cannot link $path"
done <"$links"

mv -f "$work/manifest" "$state/manifests/$id" && mv -f "$links" "$state/manifests/$id.links" || fail 18 "cannot write below $state/manifests"
chmod 755 "$work/tree"
flush
enter
remove_tree "$root/releases/$id"
mv -T "$work/tree" "$root/releases/$id" || fail 18 "cannot write below $root/releases"
chmod 555 "$root/releases/$id"
record staged "$id"
[ -z "$run" ] || [ "$kind" != push ] || : >"$state/runs/$run/ended"
flush
clean
printf 'committed\n'
