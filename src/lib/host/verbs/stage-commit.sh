# Turns a received delta into a release: digest first, then a private tree, every file verified, then one rename.
# The payload is the app's links: `path<TAB>target below the root` lines.
trap '' HUP PIPE
[ -n "$id" ] && [ -n "$part" ] || fail 19 'no id or part was given'
[ -d "$state/incoming" ] || fail 13 'stage-open comes first'
work=$state/incoming/$part.tree
delta=$state/incoming/$part.delta
links=$state/incoming/$part.links
command exec 8>>"$state/incoming/$part.lock" || fail 18 "cannot write below $state/incoming"
# A commit whose controller died goes on to its end, and is ours then.
tries=0
until flock -n 8; do
  tries=$((tries + 1))
  [ "$tries" -lt 1200 ] || fail 21 'another transfer of this delta is under way'
  sleep 0.5 2>/dev/null || sleep 1
done
cat >"$links" || fail 18 "cannot write below $state/incoming"

clean() {
  remove_tree "$work"
  rm -f "$delta" "$links" "$state/incoming/$part.base" "$state/incoming/$part.holder" "$state/incoming/$part.lock"
}
# give_up STATUS WORDS…: the delta stays for another try.
give_up() {
  remove_tree "$work"
  fail "$@"
}
# damaged WORDS…: another try needs another delta.
damaged() {
  rm -f "$delta"
  give_up 14 "$@"
}
# close_run: a push ends where its release is staged.
close_run() {
  [ -z "$run" ] || [ "$kind" != push ] || [ ! -d "$state/runs/$run" ] || true >"$state/runs/$run/ended"
}

if is_staged "$id"; then
  close_run
  clean
  printf 'staged\n'
  exit 0
fi
[ -f "$delta" ] || fail 13 'no delta was received'
found=$(sha256sum <"$delta")
[ "${found%% *}" = "$digest" ] || damaged "the delta arrived damaged: its digest is ${found%% *}, not $digest"
remove_tree "$work"
mkdir "$work" "$work/delta" || fail 18 "cannot write below $state/incoming"

# An empty folder of its own, so that nothing in the archive can reach what is there already. Times are those of this host: an old one
# would make web servers call a changed file unchanged.
# BusyBox applies the umask in spite of -p unless it is root.
(umask 000 && tar -x -p -o -m -z -f "$delta" -C "$work/delta") 2>"$work/errors" || {
  words=$(grep -v '^tar: Exiting' "$work/errors" | head -n 1)
  case $words in
    *[Nn]'o space left'* | *'quota exceeded'*) give_up 15 "cannot unpack the delta: $words" ;;
    *) damaged "cannot unpack the delta: $words" ;;
  esac
}
[ ! -s "$work/errors" ] || damaged "cannot unpack the delta: $(head -n 1 "$work/errors")"
for name in gone new; do
  [ -f "$work/delta/$name" ] && [ ! -L "$work/delta/$name" ] || damaged "the delta has no list $name"
  mv "$work/delta/$name" "$work/$name"
done
[ -d "$work/delta/tree" ] || mkdir "$work/delta/tree" || damaged 'the delta has no tree'
[ ! -L "$work/delta/tree" ] && [ "$(ls -A "$work/delta")" = tree ] || damaged 'the delta holds more than lists and a tree'
chmod 700 "$work/delta/tree"
twins=$(find "$work/delta/tree" -type f -links +1 | head -n 1)
[ -z "$twins" ] || damaged "the delta holds hard links: $twins"

if [ -n "$base" ]; then
  is_staged "$base" || give_up 13 "base $base is not on this host"
  awk 'FILENAME == ARGV[1] {gone[$0]; next} !($0 in gone)' "$work/gone" "$state/manifests/$base" | cat - "$work/new" | sort >"$work/manifest"
else
  sort "$work/new" >"$work/manifest"
fi
found=$(sha256sum <"$work/manifest")
[ "${found%% *}" = "$id" ] || damaged "the manifest does not match the snapshot: ${found%% *}"

# paths KINDS FILE: the paths of those kinds among manifest lines, each after ./ and ended by NUL, children before parents.
paths() {
  awk -F"$tab" -v kinds="$1" 'index(kinds, $2) && $1 != "" {path[++n] = "./" $1} END {for (; n > 0; n--) print path[n]}' "$2" | tr '\n' '\0'
}

if [ -n "$base" ]; then
  mkdir "$work/tree" || give_up 18 "cannot write below $state/incoming"
  link=-l
  cp -a -l "$root/releases/$base/." "$work/tree/" 2>"$work/errors" || {
    # Too many links, or a file system without them.
    link=''
    remove_tree "$work/tree"
    mkdir "$work/tree" && cp -a "$root/releases/$base/." "$work/tree/" 2>"$work/errors" ||
      give_up 15 "cannot copy the base: $(head -n 1 "$work/errors")"
  }
  find "$work/tree" -type d ! -perm -700 -exec chmod u+rwx {} +
  [ ! -s "$state/manifests/$base.links" ] || list_links "$state/manifests/$base.links" >"$work/linked"
  # The lines come from manifests that have been verified, not from the delta.
  awk 'FILENAME == ARGV[1] {kept[$0]; next} !($0 in kept)' "$work/manifest" "$state/manifests/$base" | cat - "$work/linked" >"$work/left" 2>/dev/null
  paths fl "$work/left" >"$work/names"
  [ ! -s "$work/names" ] || (cd "$work/tree" && xargs -0 rm -f <"$work/names") || give_up 18 'cannot remove what the release does not have'
  awk -F"$tab" 'FILENAME == ARGV[1] {if ($2 == "d") kept[$1]; next} $2 == "d" && !($1 in kept)' "$work/manifest" "$work/left" >"$work/folders"
  paths d "$work/folders" >"$work/names"
  [ ! -s "$work/names" ] || (cd "$work/tree" && xargs -0 rmdir <"$work/names") 2>"$work/errors" ||
    damaged "the base is not what its manifest says: $(head -n 1 "$work/errors")"
  # Where the base is linked, a file that is there already must not be written through: it is the live one.
  cp -a $link "$work/delta/tree/." "$work/tree/" 2>"$work/errors" || {
    words=$(head -n 1 "$work/errors")
    case $words in
      *[Nn]'o space left'* | *'quota exceeded'*) give_up 15 "cannot join the delta and its base: $words" ;;
      *) damaged "cannot join the delta and its base: $words" ;;
    esac
  }
else
  mv "$work/delta/tree" "$work/tree"
fi

list_links "$links" >"$work/linked"
awk -F"$tab" 'FILENAME == ARGV[1] {have[$1] = $2; next} {folder = $1; if (!sub("/[^/]*$", "", folder)) folder = ""
  if ($1 in have) {print "the release has a path " $1 " of its own, which link: would hide"; exit}
  if (folder != "" && have[folder] != "d") {print "link: wants " $1 ", but the release has no folder " folder; exit}}' \
  "$work/manifest" "$work/linked" >"$work/errors"
[ ! -s "$work/errors" ] || give_up 17 "$(cat "$work/errors")"
while IFS=$tab read -r path target; do
  [ -z "$target" ] || [ -e "$root/$target" ] || (umask 022 && mkdir -p "$root/$target") || give_up 18 "cannot create $root/$target"
done <"$links"
while IFS=$tab read -r path sign target; do
  [ "$sign" = l ] && ln -s "$target" "$work/tree/$path" || give_up 18 "cannot link $path"
done <"$work/linked"

find "$work/tree" -type d -perm -2000 -exec chmod g-s {} +
for mode in $(awk -F"$tab" '$2 == "d" {print $3}' "$work/manifest" | sort -u); do
  awk -F"$tab" -v mode="$mode" '$2 == "d" && $3 == mode' "$work/manifest" >"$work/folders"
  paths d "$work/folders" >"$work/names"
  (cd "$work/tree" && xargs -0 chmod "$mode" <"$work/names") 2>"$work/errors" || damaged "a folder is missing: $(head -n 1 "$work/errors")"
done
sort "$work/manifest" "$work/linked" >"$work/expected"
check_tree "$work/tree" "$work/expected" || damaged "the release is not what its manifest says: $mismatch"

chmod 755 "$work/tree"
flush
enter
if is_staged "$id"; then
  leave
else
  if [ -e "$root/releases/$id" ]; then
    # What an interrupted removal left.
    chmod u+w "$root/releases/$id"
    mv -T "$root/releases/$id" "$work/replaced" || give_up 18 "cannot write below $root/releases"
  fi
  mv -f "$work/manifest" "$state/manifests/$id" && mv -f "$links" "$state/manifests/$id.links" || give_up 18 "cannot write below $state/manifests"
  mv -T "$work/tree" "$root/releases/$id" || give_up 18 "cannot write below $root/releases"
  chmod 555 "$root/releases/$id"
  record staged "$id"
  flush
fi
close_run
clean
printf 'committed\n'
