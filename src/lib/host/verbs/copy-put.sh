# Takes an archive of `m`, a manifest, and `t`, what is to be at `path`; proves all of it beside `path` and puts it there: a file or a new tree by
# one rename, with `merge` each file of a tree by one. Whatever ends it before that leaves `path` as it was.
open_target
judge_target
# What a power cut has left.
find "$parent/." ! -name . -prune -name '.drover-copy.*' -type d -user "$(id -u)" -mtime +6 -exec rm -rf {} + 2>/dev/null
work=$(mktemp -d "$parent/.drover-copy.XXXXXX") || fail 18 "cannot write below $parent"
trap 'status=$?; trap "" EXIT; cd /; rm -rf "$work"; printf "\ndrover %s end %s\n" "$nonce" "$status"' EXIT
trap '' HUP PIPE
trap 'exit 143' INT TERM
mkdir "$work/in" || fail 15 "cannot write below $parent; is the disk full?"
EXTRACT_UNSAFE_SYMLINKS=1
export EXTRACT_UNSAFE_SYMLINKS
said=$(tar -xpmf - -C "$work/in" 2>&1) || {
  case $said in
    *[Nn]'o space'* | *[Qq]uota* | *'Wrote only'*) fail 15 "the disk is full below $parent" ;;
    *) fail 14 "the copy did not arrive whole: $(printf '%s\n' "$said" | head -n 1)" ;;
  esac
}
cat >/dev/null
tree=$work/in/t
[ -f "$work/in/m" ] && [ -d "$tree" ] || fail 14 'the copy did not arrive whole'
# Folders hand their set-id bits down.
find "$tree" -type d -exec chmod u-s,g-s {} +
check_tree "$tree" "$work/in/m" "$work/seal" || fail 14 "the copy did not arrive whole: $mismatch"
[ ! -g "$parent" ] || find "$tree" -type d -exec chmod g+s {} +
sync -f "$work" 2>/dev/null || sync

# merge_tree: nothing changes before everything fits.
merge_tree() {
  cd "$tree" || fail 18 "cannot read $tree"
  find . -type d ! -name . | sort >"$work/folders" && find . ! -type d | sort >"$work/files" || fail 15 "cannot write below $parent"
  while IFS= read -r each; do
    if [ -L "$path/$each" ] || { [ -e "$path/$each" ] && [ ! -d "$path/$each" ]; }; then fail 12 "$path/${each#./} is no folder"; fi
  done <"$work/folders"
  while IFS= read -r each; do
    [ ! -d "$path/$each" ] || [ -L "$path/$each" ] || fail 12 "$path/${each#./} is a folder"
    [ ! -L "$path/$each" ] || [ -L "$each" ] || fail 12 "$path/${each#./} is a link to $(readlink "$path/$each")"
  done <"$work/files"
  # A folder that is not there yet comes whole.
  while IFS= read -r each; do
    [ ! -d "$each" ] || [ -d "$path/$each" ] || mv -T "$each" "$path/$each" || fail 18 "cannot write $path/${each#./}; some files are new, others not: copy again"
  done <"$work/folders"
  while IFS= read -r each; do
    { [ ! -e "$each" ] && [ ! -L "$each" ]; } || mv -f -T "$each" "$path/$each" || fail 18 "cannot write $path/${each#./}; some files are new, others not: copy again"
  done <"$work/files"
}
if [ "$kind" = merge ] && [ -d "$path" ]; then
  merge_tree
elif [ "$kind" = file ]; then
  judge_target
  mv -f -T "$tree/file" "$path" || fail 18 "cannot write $path"
else
  [ ! -e "$path" ] || fail 12 "$path is there since a moment ago"
  mv -T "$tree" "$path" || fail 18 "cannot write $path"
fi
sync -f "$parent" 2>/dev/null || sync
printf 'copied\n'
