# remove_tree PATH: a read-only tree goes away whole. Folders that cannot even be listed take the slow way.
remove_tree() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  find "$1" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
  rm -rf "$1" 2>/dev/null && return 0
  find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \;
  rm -rf "$1"
}

# list_links FILE: the app's links, `path<TAB>target below the root`, as manifest lines of a release.
list_links() {
  awk -F"$tab" '$1 != "" {up = "../../"; path = $1; for (n = gsub("/", "/", path); n > 0; n--) up = "../" up; print $1 "\tl\t" up $2}' "$1"
}

# list_tree MANIFEST: all that is below the working folder, as `kind mode<TAB>path`, sorted; what has a kind or mode that the manifest
# does not know at all is `other`.
list_tree() {
  known_files='' known_folders=''
  awk -F"$tab" '$2 == "f" || $2 == "d" {print $2, $3}' "$1" | sort -u >"$1.modes"
  {
    while IFS=' ' read -r sign mode; do
      if [ "$sign" = f ]; then known_files="$known_files ! -perm $mode"; else known_folders="$known_folders ! -perm $mode"; fi
      find . -path . -o -type "$sign" -perm "$mode" -print | sed "s/^/$sign $mode$tab/"
    done <"$1.modes"
    find . -type l | sed "s/^/l$tab/"
    # shellcheck disable=SC2086 # words of find
    find . -path . -o '(' -type f $known_files -o -type d $known_folders -o ! -type f ! -type d ! -type l ')' -print | sed "s/^/other$tab/"
  } | sort
  rm -f "$1.modes"
}

# check_tree TREE MANIFEST: every path, kind, mode, link and byte is what the manifest says, and nothing else is there.
# On a difference `mismatch` names the first one.
check_tree() {
  awk -F"$tab" '$2 == "l" {print "l\t./" $1; next} $1 != "" {print $2 " " $3 "\t./" $1}' "$2" | sort >"$2.want"
  (cd "$1" && list_tree "$2") >"$2.have"
  mismatch=$(awk 'FILENAME == ARGV[1] {want[$0]; next} $0 in want {delete want[$0]; next} {print "unexpected " $0; found = 1; exit}
    END {if (!found) for (line in want) {print "missing " line; exit}}' "$2.want" "$2.have")
  [ -n "$mismatch" ] || mismatch=$(check_links "$1" "$2")
  [ -n "$mismatch" ] || mismatch=$(check_bytes "$1" "$2")
  rm -f "$2.want" "$2.have"
  [ -z "$mismatch" ]
}

check_links() {
  awk -F"$tab" '$2 == "l" {print $1 "\t" $3}' "$2" | sort >"$2.want"
  [ -s "$2.want" ] || return 0
  (cd "$1" && find . -type l -printf '%P\t%l\n') 2>/dev/null | sort >"$2.have"
  ! cmp -s "$2.want" "$2.have" || return 0
  # A find without -printf, or a difference.
  while IFS=$tab read -r path target; do
    if [ "$(readlink "$1/$path")" != "$target" ]; then
      printf 'link %s does not point to %s\n' "$path" "$target"
      return 0
    fi
  done <"$2.want"
}

check_bytes() {
  awk -F"$tab" '$2 == "f" {print $5 "  ./" $1}' "$2" >"$2.want"
  [ -s "$2.want" ] || return 0
  (cd "$1" && sha256sum -c "$2.want" 2>&1) >"$2.have" || grep -v ': OK$' "$2.have" | head -n 1
}
