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
  rm -rf "$state/incoming/$part.pull"
  rm -f "$delta" "$links" "$state/incoming/$part.base" "$state/incoming/$part.holder" "$state/incoming/$part.lock"
}
# give_up STATUS WORDS…: the delta stays for another try.
give_up() {
  remove_tree "$work"
  fail "$@"
}
# damaged WORDS…: another try needs another delta. On a full disk nothing is what it should be, not even the words of the tools that failed.
damaged() {
  head -c 65536 /dev/zero >"$state/incoming/$part.probe" 2>/dev/null || {
    rm -f "$state/incoming/$part.probe"
    give_up 15 "not enough space below $root to unpack the delta"
  }
  rm -f "$state/incoming/$part.probe"
  rm -f "$delta"
  give_up 14 "$@"
}
# close_run: a push ends where its release is staged.
close_run() {
  [ -z "$run" ] || [ "$kind" != push ] || [ ! -d "$state/runs/$run" ] || true >"$state/runs/$run/ended"
}

if is_staged "$id"; then
  # Whoever was killed right after the rename has not come to this.
  chmod 555 "$root/releases/$id" 2>/dev/null
  close_run
  clean
  printf 'staged\n'
  exit 0
fi
[ -f "$delta" ] || fail 13 'no delta was received'
found=$(sha256sum <"$delta")
[ "${found%% *}" = "$digest" ] || damaged "the delta arrived damaged: its digest is ${found%% *}, not $digest"
remove_tree "$work"
# A folder that hands on its group would hand on its set-group-id bit as well.
mkdir "$work" && chmod g-s "$work" && mkdir "$work/delta" || fail 18 "cannot write below $state/incoming"

# An empty folder of its own, so that nothing in the archive can reach what is there already. Times are those of this host: an old one
# would make web servers call a changed file unchanged.
# BusyBox applies the umask in spite of -p unless it is root.
# The digest has proved every byte of what is unpacked; its size is held to what was declared, so that no archive can fill the disk.
case $encoding in
  gzip | zstd) ;;
  *) give_up 19 'the encoding is malformed' ;;
esac
[ -n "$archive" ] || give_up 19 'no size of the archive was given'
linkless=''
ln "$delta" "$work/twin" 2>/dev/null && rm "$work/twin" || linkless=yes
(umask 000 && "$encoding" -dc <"$delta" 2>/dev/null | head -c "$archive" | tar -x -p -o -m -f - -C "$work/delta") 2>"$work/errors" || [ -n "$linkless" ] || {
  words=$(grep -v '^tar: Exiting' "$work/errors" | head -n 1)
  damaged "cannot unpack the delta: $words"
}
[ ! -s "$work/errors" ] || [ -n "$linkless" ] || damaged "cannot unpack the delta: $(head -n 1 "$work/errors")"
for name in gone new; do
  [ -f "$work/delta/$name" ] && [ ! -L "$work/delta/$name" ] || damaged "the delta has no list $name"
  mv "$work/delta/$name" "$work/$name"
done
if [ -d "$work/delta/pieces" ] && [ ! -L "$work/delta/pieces" ]; then mv "$work/delta/pieces" "$work/pieces"; fi
[ -d "$work/delta/tree" ] || mkdir "$work/delta/tree" || damaged 'the delta has no tree'
[ ! -L "$work/delta/tree" ] && [ "$(ls -A "$work/delta")" = tree ] || damaged 'the delta holds more than lists and a tree'
chmod 700 "$work/delta/tree"
# Files with several names are twins; nothing of what is elsewhere may be one. Without a base it is found out where the tree is listed anyway.
several=$work/several
refuse_strays() {
  [ -z "$(find_strays "$several")" ] || damaged 'the delta holds hard links to what it does not hold'
}
if [ -n "$base" ]; then
  (cd "$work/delta/tree" && list_tree) >"$work/listing"
  refuse_strays
  several=/dev/null
fi

fresh=$work/manifest
if [ -n "$base" ]; then
  is_staged "$base" || give_up 13 "base $base is not on this host"
  sort "$work/gone" | comm -23 "$state/manifests/$base" - | sort -m - "$work/new" >"$work/manifest"
else
  mv "$work/new" "$work/manifest"
fi
found=$(sha256sum <"$work/manifest")
[ "${found%% *}" = "$id" ] || damaged "the manifest does not match the snapshot: ${found%% *}"
list_links "$links" | sort >"$work/linked"

# paths KINDS FILE: the paths of those kinds among manifest lines, each after ./ and ended by NUL, children before parents.
paths() {
  awk -F"$tab" -v kinds="$1" 'index(kinds, $2) && $1 != "" {path[++n] = "./" $1} END {for (; n > 0; n--) print path[n]}' "$2" | tr '\n' '\0'
}

# copy_range FILE OFFSET LENGTH: some dd count in blocks alone; tail is slow with them, and right.
if [ "$(printf 12345 | dd bs=65536 iflag=skip_bytes,count_bytes,fullblock skip=1 count=2 2>/dev/null)" = 23 ]; then
  copy_range() { dd if="$1" bs=65536 iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" 2>/dev/null; }
else
  copy_range() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; }
fi

# rebuild LIST: a large file that changed in places, from the base's and from the bytes that travelled. Its digest is judged later, as that of
# every file that came; its path and size are those of the manifest, whatever the list says.
rebuild() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -f "${1%.list}.bytes" ] && [ ! -L "${1%.list}.bytes" ] || damaged 'the delta has pieces of no file'
  IFS= read -r path <"$1"
  found=$(awk -F"$tab" 'FILENAME == ARGV[1] {if (FNR == 1) path = $0; next} $2 == "f" && $1 == path {print $3 " " $4; exit}' "$1" "$work/fresh")
  [ -n "$found" ] || damaged "the delta rebuilds a file that the manifest does not have: $path"
  case $path in
    */*) mkdir -p "$work/built/${path%/*}" || give_up 18 "cannot write below $state/incoming" ;;
  esac
  sed 1d "$1" | while read -r source offset length; do
    case $offset$length in '' | *[!0-9]*) break ;; esac
    if [ "$source" = base ]; then
      copy_range "$root/releases/$base/$path" "$offset" "$length"
    else
      copy_range "${1%.list}.bytes" "$offset" "$length"
    fi
  done | head -c "${found#* }" >"$work/built/$path" || give_up 15 "cannot rebuild $path; is the disk full?"
  chmod "${found%% *}" "$work/built/$path"
}

# copy_twins: what tar could not link where the file system has no hard links.
copy_twins() {
  [ -n "$linkless" ] || return 0
  # The first of them may be rebuilt from pieces, later; the copies are of one that is here.
  awk -F"$tab" '$2 == "f" {print $3 " " $5 FS $1}' "$fresh" | sort -s -t "$tab" -k 1,1 >"$work/twins"
  last='' from=''
  while IFS=$tab read -r key path; do
    [ "$key" = "$last" ] || last=$key from=''
    if [ -e "$work/delta/tree/$path" ]; then
      from=$path
    elif [ -n "$from" ]; then
      cp -p "$work/delta/tree/$from" "$work/delta/tree/$path"
    fi
  done <"$work/twins" 2>"$work/errors"
}

if [ -n "$base" ]; then
  # From here on the lines come from manifests that have been verified, not from the delta.
  old_links=$state/manifests/$base.links
  [ ! -s "$old_links" ] || list_links "$old_links" | sort >"$work/unlinked"
  [ -s "$work/unlinked" ] || true >"$work/unlinked"
  split_lists "$state/manifests/$base" "$work/manifest" "$work/left" "$work/fresh"
  fresh=$work/fresh
  copy_twins
  mkdir "$work/built" || give_up 18 "cannot write below $state/incoming"
  for list in "$work"/pieces/*.list; do
    [ ! -e "$list" ] && [ ! -L "$list" ] || rebuild "$list"
  done
  mkdir "$work/tree" || give_up 18 "cannot write below $state/incoming"
  link=-l
  cp -a -l "$root/releases/$base/." "$work/tree/" 2>"$work/errors" || {
    # Too many links, or a file system without them; one that can share blocks does.
    link=''
    remove_tree "$work/tree"
    mkdir "$work/tree" && { cp -a --reflink=auto "$root/releases/$base/." "$work/tree/" 2>/dev/null ||
      cp -a "$root/releases/$base/." "$work/tree/" 2>"$work/errors"; } ||
      give_up 15 "cannot copy the base: $(head -n 1 "$work/errors")"
  }
  chmod 700 "$work/tree"
  # Folders in which something changes, parents first; the others stay as they are.
  sort "$work/left" "$work/fresh" "$work/unlinked" "$work/linked" | awk -F"$tab" '
    {if ($2 == "d" && !seen[$1]++) print $1; path = $1; while (sub("/[^/]*$", "", path) && !seen[path]++) print path}' | sort >"$work/touched"
  while IFS= read -r path; do
    [ -L "$work/tree/$path" ] || [ ! -d "$work/tree/$path" ] || printf './%s\n' "$path"
  done <"$work/touched" | tr '\n' '\0' >"$work/names"
  [ ! -s "$work/names" ] || (cd "$work/tree" && xargs -0 chmod u+rwx <"$work/names") || give_up 18 "cannot write below $state/incoming"
  sort "$work/left" "$work/unlinked" >"$work/removed"
  paths fl "$work/removed" >"$work/names"
  [ ! -s "$work/names" ] || (cd "$work/tree" && xargs -0 rm -f <"$work/names") || give_up 18 'cannot remove what the release does not have'
  awk -F"$tab" 'FILENAME == ARGV[1] {if ($2 == "d") kept[$1]; next} $2 == "d" && !($1 in kept)' "$work/fresh" "$work/left" >"$work/folders"
  paths d "$work/folders" >"$work/names"
  [ ! -s "$work/names" ] || (cd "$work/tree" && xargs -0 rmdir <"$work/names") 2>"$work/errors" ||
    damaged "the base is not what its manifest says: $(head -n 1 "$work/errors")"
  # Where the base is linked, a file that is there already must not be written through: it is the live one.
  { cp -a $link "$work/delta/tree/." "$work/tree/" && cp -a $link "$work/built/." "$work/tree/"; } 2>"$work/errors" || {
    words=$(head -n 1 "$work/errors")
    damaged "cannot join the delta and its base: $words"
  }
  awk -F"$tab" 'FILENAME == ARGV[1] {touched[$1]; next} $2 == "d" && $1 in touched' "$work/touched" "$work/manifest" >"$work/folders"
else
  copy_twins
  mv "$work/delta/tree" "$work/tree"
  awk -F"$tab" '$2 == "d"' "$work/manifest" >"$work/folders"
fi

if [ -s "$work/linked" ]; then
  awk -F"$tab" 'FILENAME == ARGV[1] {have[$1] = $2; next} {folder = $1; if (!sub("/[^/]*$", "", folder)) folder = ""
    if ($1 in have) {print "the release has a path " $1 " of its own, which link: would hide"; exit}
    if (folder != "" && have[folder] != "d") {print "link: wants " $1 ", but the release has no folder " folder; exit}}' \
    "$work/manifest" "$work/linked" >"$work/errors"
  [ ! -s "$work/errors" ] || give_up 17 "$(cat "$work/errors")"
fi
while IFS=$tab read -r path target; do
  [ -z "$target" ] || [ -e "$root/$target" ] || (umask 022 && mkdir -p "$root/$target") || give_up 18 "cannot create $root/$target"
done <"$links"
while IFS=$tab read -r path sign target; do
  [ "$sign" = l ] && ln -s "$target" "$work/tree/$path" || give_up 18 "cannot link $path"
done <"$work/linked"

for mode in $(awk -F"$tab" '{print $3}' "$work/folders" | sort -u); do
  awk -F"$tab" -v mode="$mode" '$3 == mode' "$work/folders" >"$work/same"
  paths d "$work/same" >"$work/names"
  (cd "$work/tree" && xargs -0 chmod "$mode" <"$work/names") 2>"$work/errors" || damaged "a folder is missing: $(head -n 1 "$work/errors")"
done
mismatch=unsealed
if [ -n "$base" ] && [ -s "$state/manifests/$base.seal" ]; then
  comm -23 "$work/unlinked" "$work/linked" | sort - "$work/left" >"$work/expected-left"
  comm -13 "$work/unlinked" "$work/linked" | sort - "$fresh" >"$work/expected-fresh"
  check_changes "$work/tree" "$work/expected-left" "$work/expected-fresh" "$state/manifests/$base.seal" "$work/seal"
fi
if [ -n "$mismatch" ]; then
  sort -m "$work/manifest" "$work/linked" >"$work/expected"
  check_tree "$work/tree" "$work/expected" "$work/seal" || damaged "the release is not what its manifest says: $mismatch"
  [ -n "$base" ] || refuse_strays
fi

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
  mv -f "$work/manifest" "$state/manifests/$id" && mv -f "$links" "$state/manifests/$id.links" &&
    mv -f "$work/seal" "$state/manifests/$id.seal" || give_up 18 "cannot write below $state/manifests"
  mv -T "$work/tree" "$root/releases/$id" || give_up 18 "cannot write below $root/releases"
  chmod 555 "$root/releases/$id"
  record staged "$id"
  flush
fi
close_run
clean
printf 'committed\n'
