# Turns a received delta into a release: digest first, then a private tree, every file verified, then one rename.
# The payload is the app's links: `path<TAB>target below the root` lines.
trap '' HUP PIPE
[ -n "$id" ] && [ -n "$part" ] || fail 19 'no id or part was given'
[ -d "$state/incoming" ] || fail 13 'stage-open comes first'
work=$state/incoming/$part.tree
delta=$state/incoming/$part.delta
# By these names they go to the manifests.
manifest=$work/$id
links=$manifest.links
seal=$manifest.seal
command exec 8>>"$state/incoming/$part.lock" || fail 18 "cannot write below $state/incoming"
# A commit whose controller died goes on to its end, and is ours then.
tries=0
until flock -n 8; do
  tries=$((tries + 1))
  [ "$tries" -lt 1200 ] || fail 21 'another transfer of this delta is under way'
  sleep 0.5 2>/dev/null || sleep 1
done
read_payload

clean() {
  set -- "$work" "$state/incoming/$part.pull" "$delta" "$state/incoming/$part.base" "$state/incoming/$part.holder" "$state/incoming/$part.lock"
  rm -rf "$@" 2>/dev/null && return 0
  remove_tree "$work"
  rm -rf "$@"
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
mkdir "$work" "$work/delta" "$work/delta/tree" ${base:+"$work/tree"} || fail 18 "cannot write below $state/incoming"
# A folder that hands on its group has handed on its set-group-id bit as well.
[ ! -g "$work" ] || chmod -R g-s "$work" || fail 18 "cannot write below $state/incoming"
[ -z "$text" ] || text=$text$newline
printf '%s' "$text" >"$links" || give_up 18 "cannot write below $state/incoming"

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
if ! (umask 000 && "$encoding" -dc <"$delta" 2>/dev/null | head -c "$archive" | tar -x -p -o -m -f - -C "$work/delta") 2>"$work/errors" || [ -s "$work/errors" ]; then
  # Where there are no hard links, tar could not make those of the archive.
  if ln "$delta" "$work/twin" 2>/dev/null; then
    words=$(grep -v '^tar: Exiting' "$work/errors" | head -n 1)
    damaged "cannot unpack the delta: $words"
  fi
  linkless=yes
fi
for name in gone new; do
  [ -f "$work/delta/$name" ] && [ ! -L "$work/delta/$name" ] || damaged "the delta has no list $name"
done
for name in "$work"/delta/* "$work"/delta/.[!.]* "$work"/delta/..?*; do
  case ${name#"$work/delta/"} in
    gone | new) ;;
    tree | pieces) [ ! -L "$name" ] && [ -d "$name" ] || damaged 'the delta holds more than lists and a tree' ;;
    *) [ ! -e "$name" ] && [ ! -L "$name" ] || damaged 'the delta holds more than lists and a tree' ;;
  esac
done
# Files with several names are twins; nothing of what is elsewhere may be one. Without a base it is found out where the tree is listed anyway.
several=$work/several
refuse_strays() {
  [ -z "$(find_strays "$several")" ] || damaged 'the delta holds hard links to what it does not hold'
}
if [ -n "$base" ]; then
  # An answer says as well that this find can print.
  if find "$work/delta/tree" -type f -links +1 -printf '%i %n\n' >"$several" 2>/dev/null; then
    can_print=yes
  else
    find "$work/delta/tree" -type f -links +1 -exec stat -c '%i %h' {} + >"$several"
  fi
  [ ! -s "$several" ] || refuse_strays
  several=/dev/null
fi

fresh=$manifest
if [ -n "$base" ]; then
  is_staged "$base" || give_up 13 "base $base is not on this host"
  comm -23 "$state/manifests/$base" "$work/delta/gone" | sort -m - "$work/delta/new" >"$manifest"
else
  mv "$work/delta/new" "$manifest"
fi
found=$(sha256sum <"$manifest")
[ "${found%% *}" = "$id" ] || damaged "the manifest does not match the snapshot: ${found%% *}"
true >"$work/linked"
[ ! -s "$links" ] || list_links "$links" | sort >"$work/linked"

# shellcheck disable=SC2086 # a command and its words
# on_paths FILE COMMAND: gives the command the paths in the file, which are relative to the tree; by itself where they are few.
on_paths() {
  cd "$work/tree" || return
  list=$1 command=$2
  set --
  while IFS= read -r path; do
    set -- "$@" "$path"
    [ "$#" -lt 50 ] || {
      tr '\n' '\0' <"$list" | xargs -0 $command
      return
    }
  done <"$list"
  $command "$@"
}

# copy_range FILE OFFSET LENGTH: some dd count in blocks alone; tail is slow with them, and right.
copy_range() {
  if [ "$counted" = 23 ]; then
    dd if="$1" bs=65536 iflag=skip_bytes,count_bytes,fullblock skip="$2" count="$3" 2>/dev/null
  else
    tail -c "+$(($2 + 1))" "$1" | head -c "$3"
  fi
}

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
  for name in unlinked left fresh touched removed folders sums; do true >"$work/$name"; done
  [ ! -s "$old_links" ] || list_links "$old_links" | sort >"$work/unlinked"
  # The lines that only one of the two has (none that both have begins with a tab), the paths that are removed and the folders that are, children before
  # parents, and the folders in which something changes, parents first.
  comm -3 "$state/manifests/$base" "$manifest" | lists=$work/ awk -F"$tab" '
    function touch(path, above) {
      above = path
      if (seen[path]++) return
      if (sub("/[^/]*$", "", above)) touch(above)
      print path >touched
    }
    BEGIN {at = ENVIRON["lists"]; touched = at "touched"; left = at "left"; fresh = at "fresh"; removed = at "removed"; folders = at "folders"}
    {file = left}
    $1 == "" {file = fresh; $0 = substr($0, 2)}
    kind == "" {print >file}
    {
      above = $1
      if ($2 == "d") touch($1)
      else if (sub("/[^/]*$", "", above)) touch(above)
    }
    kind == "linked" || file == fresh {if ($2 == "d") kept[$1]; next}
    $2 == "d" {went[++d] = $1; next}
    {gone[++n] = $1}
    END {
      for (; n > 0; n--) print "./" gone[n] >removed
      for (; d > 0; d--) if (!(went[d] in kept)) print "./" went[d] >folders
    }' - kind=unlinked "$work/unlinked" kind=linked "$work/linked"
  fresh=$work/fresh
  copy_twins
  if [ -d "$work/delta/pieces" ]; then
    mkdir "$work/built" || give_up 18 "cannot write below $state/incoming"
    counted=$(printf 12345 | dd bs=65536 iflag=skip_bytes,count_bytes,fullblock skip=1 count=2 2>/dev/null)
    for list in "$work"/delta/pieces/*.list; do
      [ ! -e "$list" ] && [ ! -L "$list" ] || rebuild "$list"
    done
  fi
  link=-l
  cp -a -l "$root/releases/$base/." "$work/tree/" 2>"$work/errors" || {
    # Too many links, or a file system without them; one that can share blocks does.
    link=''
    remove_tree "$work/tree"
    mkdir "$work/tree" && { cp -a --reflink=auto "$root/releases/$base/." "$work/tree/" 2>/dev/null ||
      cp -a "$root/releases/$base/." "$work/tree/" 2>"$work/errors"; } ||
      give_up 15 "cannot copy the base: $(head -n 1 "$work/errors")"
  }
  [ -w "$work/tree" ] || chmod 700 "$work/tree"
  # Other folders than those stay as they are.
  while IFS= read -r path; do
    [ -L "$work/tree/$path" ] || [ ! -d "$work/tree/$path" ] || printf './%s\n' "$path"
  done <"$work/touched" >"$work/opened"
  [ ! -s "$work/opened" ] || (on_paths "$work/opened" 'chmod u+rwx') || give_up 18 "cannot write below $state/incoming"
  [ ! -s "$work/removed" ] || (on_paths "$work/removed" 'rm -f') || give_up 18 'cannot remove what the release does not have'
  [ ! -s "$work/folders" ] || (on_paths "$work/folders" rmdir) 2>"$work/errors" ||
    damaged "the base is not what its manifest says: $(head -n 1 "$work/errors")"
  # Where the base is linked, a file that is there already must not be written through: it is the live one.
  { cp -a $link "$work/delta/tree/." "$work/tree/" && { [ ! -d "$work/delta/pieces" ] || cp -a $link "$work/built/." "$work/tree/"; }; } 2>"$work/errors" || {
    words=$(head -n 1 "$work/errors")
    damaged "cannot join the delta and its base: $words"
  }
else
  copy_twins
  mv "$work/delta/tree" "$work/tree"
fi

if [ -s "$work/linked" ]; then
  awk -F"$tab" 'FILENAME == ARGV[1] {have[$1] = $2; next} {folder = $1; if (!sub("/[^/]*$", "", folder)) folder = ""
    if ($1 in have) {print "the release has a path " $1 " of its own, which link: would hide"; exit}
    if (folder != "" && have[folder] != "d") {print "link: wants " $1 ", but the release has no folder " folder; exit}}' \
    "$manifest" "$work/linked" >"$work/errors"
  [ ! -s "$work/errors" ] || give_up 17 "$(cat "$work/errors")"
fi
while IFS=$tab read -r path target; do
  [ -z "$target" ] || [ -e "$root/$target" ] || (umask 022 && mkdir -p "$root/$target") || give_up 18 "cannot create $root/$target"
done <"$links"
while IFS=$tab read -r path sign target; do
  [ "$sign" = l ] && ln -s "$target" "$work/tree/$path" || give_up 18 "cannot link $path"
done <"$work/linked"

# The modes of the folders that were made or opened, children before parents.
if [ -n "$base" ]; then
  set -- kind=touched "$work/touched" kind=all "$manifest"
  [ -s "$work/touched" ] || set --
else
  set -- "$manifest"
fi
[ "$#" = 0 ] || for mode in $(names=$work/mode- awk -F"$tab" '
  kind == "touched" {touched[$0]; next}
  $2 == "d" && (kind == "" || $1 in touched) {path[++n] = $1; mode[n] = $3}
  END {for (; n > 0; n--) {if (!seen[mode[n]]++) print mode[n]; print "./" path[n] >(ENVIRON["names"] mode[n])}}' "$@"); do
  (on_paths "$work/mode-$mode" "chmod $mode") 2>"$work/errors" || damaged "a folder is missing: $(head -n 1 "$work/errors")"
done
mismatch=unsealed
if [ -n "$base" ] && [ -s "$state/manifests/$base.seal" ]; then
  check_changes "$work/tree" "$state/manifests/$base.seal" "$seal" "$work"
fi
if [ -n "$mismatch" ]; then
  sort -m "$manifest" "$work/linked" >"$work/expected"
  check_tree "$work/tree" "$work/expected" "$seal" || damaged "the release is not what its manifest says: $mismatch"
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
  mv -f "$manifest" "$links" "$seal" "$state/manifests/" || give_up 18 "cannot write below $state/manifests"
  mv -T "$work/tree" "$root/releases/$id" || give_up 18 "cannot write below $root/releases"
  chmod 555 "$root/releases/$id"
  record staged "$id"
  flush
fi
close_run
clean
printf 'committed\n'
