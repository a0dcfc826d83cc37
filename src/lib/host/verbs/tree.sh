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

# list_tree: all that is below the working folder, sorted: `path<TAB>f mode size inode mtime`, `path<TAB>d mode`, `path<TAB>l target`, and
# `path<TAB>o` for what no release holds. Into the file `several` goes `inode links` for each name of a file that has more than one. Whoever knows already that
# this find can print says so in `can_print`.
several=/dev/null can_print=''
list_tree() {
  {
    if [ -n "$can_print" ] || find . -prune -printf '' 2>/dev/null; then
      find . -mindepth 1 -type f -printf '%P\tf %m %s %i %T@\n' \( -links 1 -o -fprintf "$several" '%i %n\n' \) -o -type d ! -path . -printf '%P\td %m\n' \
        -o -type l -printf '%P\tl %l\n' -o ! -path . -printf '%P\to\n'
    else
      [ "$several" = /dev/null ] || find . -type f -links +1 -exec stat -c '%i %h' {} + >"$several"
      find . -type f -print0 | xargs -0 stat -c "%n${tab}f %a %s %i %y" 2>/dev/null | cut -c 3-
      find . -type d -print0 | xargs -0 stat -c "%n${tab}d %a" | sed "s,^\./,,; /^\.$tab/d"
      find . -type l | while IFS= read -r path; do printf '%s\tl %s\n' "${path#./}" "$(readlink "$path")"; done
      find . ! -type f ! -type d ! -type l | sed "s,^\./,,; s/\$/${tab}o/"
    fi
  } | sort
}

# find_strays FILE: of the files that list_tree told of as `several`, those of which some name is elsewhere.
find_strays() {
  awk '{names[$1]++; links[$1] = $2} END {for (inode in names) if (names[inode] != links[inode]) print inode}' "$1"
}

# describe_listing, describe_manifest: what both tell of each path, `path<TAB>f mode size`, `path<TAB>d mode` or `path<TAB>l target`.
describe_listing() {
  awk -F"$tab" '$2 ~ /^f / {split($2, word, " "); print $1 "\tf " word[2] " " word[3]; next} {print}' "$1" | sort
}
describe_manifest() {
  awk -F"$tab" '$1 == "" {next} $2 == "f" {print $1 "\tf " $3 " " $4; next} {print $1 "\t" $2 " " $3}' "$@" | sort
}

# compare_lists HAVE WANT: names the first path that is not as it should be.
compare_lists() {
  cmp -s "$1" "$2" && return 0
  line=$(comm -13 "$1" "$2" | head -n 1)
  [ -z "$line" ] || { printf 'missing %s\n' "$line" && return 0; }
  comm -23 "$1" "$2" | sed -n '1s/^/unexpected /p'
}

# list_sums MANIFEST: what sha256sum checks of the manifest's lines.
list_sums() {
  awk -F"$tab" '$2 == "f" {print $5 "  ./" $1}' "$1"
}

# check_sums TREE SUMS: names the first file that has another digest.
check_sums() {
  [ -s "$2" ] || return 0
  (cd "$1" && sha256sum -c "$2" 2>&1) >"$2.have" && return 0
  # One that was killed has said nothing of the files that it did not come to.
  line=$(grep -v ': OK$' "$2.have" | head -n 1)
  printf '%s\n' "${line:-sha256sum did not read all files}"
}

# match_listing LISTING MANIFEST: both are sorted, and tell the same of the same paths: one look at each line, where compare_lists sorts
# both again. Gives the list for sha256sum; of a file with several names that all must have one digest, the first.
match_listing() {
  listing=$1 awk -F"$tab" '
    BEGIN {listing = ENVIRON["listing"]}
    $1 == "" {next}
    (getline line <listing) <= 0 {bad = 1; exit}
    {want = $1 FS $2 " " $3}
    $2 == "f" {split(substr(line, length($1) + 2), word, " "); line = substr(line, 1, length($1) + 1) word[1] " " word[2] " " word[3]; want = want " " $4}
    line "" != want "" {bad = 1; exit}
    $2 == "f" && digest[word[4]] "" != $5 "" {print (digest[word[4]] = $5) "  ./" $1}
    END {if (!bad && (getline line <listing) > 0) bad = 1; exit bad}' "$2"
}

# check_tree TREE MANIFEST SEAL: every path, kind, mode, size, link and byte is what the sorted manifest says, and nothing else is there;
# every file is read. SEAL becomes the listing of what was proved. On a difference `mismatch` names the first one.
check_tree() {
  (cd "$1" && list_tree) >"$3"
  mismatch=''
  match_listing "$3" "$2" >"$2.sums" || {
    describe_listing "$3" >"$2.found"
    describe_manifest "$2" >"$2.want"
    mismatch=$(compare_lists "$2.found" "$2.want")
    list_sums "$2" >"$2.sums" || mismatch=${mismatch:-its files cannot be listed}
  }
  [ -n "$mismatch" ] || mismatch=$(check_sums "$1" "$2.sums")
  rm -f "$2.found" "$2.want" "$2.sums" "$2.sums.have"
  [ -z "$mismatch" ]
}

# check_changes TREE OLD SEAL LISTS: as check_tree for a tree that is linked from one that was proved when its listing was OLD. A file that is
# the same inode, of the same size and time, is that proved file; what differs must be the lines of `left` and `unlinked` of the folder LISTS,
# which went away, and those of `fresh` and `linked`, which came and are read. A link that is in both stayed.
check_changes() {
  (cd "$1" && list_tree) >"$3"
  mismatch=$(comm -3 "$2" "$3" | sums=$4/sums awk -F"$tab" '
    kind != "seen" {
      if ($1 == "") next
      key = $1 FS ($2 == "f" ? "f " $3 " " $4 : $2 " " $3)
      if (kind == "linked" && ("left", key) in want) {delete want["left", key]; next}
      want[(kind == "left" || kind == "unlinked") ? "left" : "fresh", key]
      if (kind == "fresh" && $2 == "f") print $5 "  ./" $1 >ENVIRON["sums"]
      next
    }
    {
      side = "left"
      if ($1 == "") {side = "fresh"; $0 = substr($0, 2)}
      key = $1 FS $2
      if ($2 ~ /^f /) {split($2, word, " "); key = $1 FS "f " word[2] " " word[3]}
      if (!((side, key) in want)) {print "unexpected " key; bad = 1; exit}
      delete want[side, key]
    }
    END {if (!bad) for (key in want) {print "missing " key; exit}}' \
    kind=left "$4/left" kind=unlinked "$4/unlinked" kind=fresh "$4/fresh" kind=linked "$4/linked" kind=seen -) ||
    mismatch=${mismatch:-its files cannot be compared}
  [ -n "$mismatch" ] || mismatch=$(check_sums "$1" "$4/sums")
  [ -z "$mismatch" ]
}
