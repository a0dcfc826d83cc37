# What is there already of what is to be copied to `path`: `same` when nothing needs to be sent. A tree comes as its manifest.
open_target
judge_target
work=$(mktemp -d "${TMPDIR:-/tmp}/drover.XXXXXX") || fail 18 "cannot write to ${TMPDIR:-/tmp}"
trap 'status=$?; trap "" EXIT; rm -rf "$work"; printf "\ndrover %s end %s\n" "$nonce" "$status"' EXIT
cat >"$work/manifest" || fail 18 "cannot write to $work"
case $kind in
  file)
    if [ -f "$path" ] && [ "$(sha256sum <"$path" 2>/dev/null | cut -d ' ' -f 1)" = "$digest" ] && [ -n "$(find "$path" -prune -perm "$mode")" ]; then
      printf 'same\n'
    fi
    ;;
  tree)
    if [ -d "$path" ]; then
      check_tree "$path" "$work/manifest" "$work/seal" 2>/dev/null || {
        each=${mismatch%%"$tab"*}
        each=${each#missing }
        fail 12 "$path is there and differs, first at ${each#unexpected }; --merge puts the files into it, or copy to another name"
      }
      printf 'same\n'
    fi
    ;;
esac
