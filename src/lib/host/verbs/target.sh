# open_target: `path` is absolute from here on; `parent` and `name` are its two parts.
open_target() {
  case $path in
    \~/*)
      [ -n "$HOME" ] || fail 17 "HOME is not set; give an absolute path in place of $path"
      path=$HOME/${path#??}
      ;;
  esac
  case $path in /*) ;; *) fail 19 "$path is not absolute" ;; esac
  name=${path##*/}
  parent=${path%/*}
  case $name in '' | . | ..) fail 19 "$path names neither a file nor a folder" ;; esac
  [ -n "$parent" ] || parent=/
}

# judge_target: what is at `path` may be replaced by what comes, or is not there.
judge_target() {
  [ -d "$parent" ] || fail 13 "folder $parent is not on this host; make it first"
  [ ! -L "$path" ] || fail 12 "$path is a link to $(readlink "$path"); name what it points to"
  case $kind in
    file)
      [ ! -d "$path" ] || fail 12 "$path is a folder; end it with / to copy into it"
      [ ! -e "$path" ] || [ -f "$path" ] || fail 12 "$path is no regular file"
      ;;
    tree | merge) [ ! -e "$path" ] || [ -d "$path" ] || fail 12 "$path is no folder" ;;
    *) fail 19 'the kind of copy is unknown' ;;
  esac
  [ -w "$parent" ] || fail 18 "$(id -un) may not write in $parent"
}
