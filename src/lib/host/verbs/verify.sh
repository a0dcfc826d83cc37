# Every byte of a release again against its manifest. Nothing is written: a full disk must not keep a host from going back.
[ -n "$id" ] && is_staged "$id" || fail 13 "release $id is not on this host"
manifest=$state/manifests/$id
found=$(sha256sum <"$manifest")
[ "${found%% *}" = "$id" ] || fail 14 "the manifest of release $id is damaged"
links=$manifest.links
[ -s "$links" ] || links=/dev/null

# find_mismatch: the first thing that is not as the manifest says; empty when all is. What is wanted and what is there come as one sorted stream, of
# which the lines of what is there end with a tab: no name in the tree can pass for a line of the manifest. `total` tells a stream that was cut.
find_mismatch() {
  { list_tree | sed "s/\$/$tab/" && list_links "$links"; } | sort | sort -m "$manifest" - | total=$1 awk -F"$tab" '
    BEGIN {check = "(sha256sum -c 2>&1 || echo sha256sum did not read all files) | grep -v \": OK$\""}
    function refuse(words) {print words; bad = 1; exit}
    !/\t$/ {
      wanted++
      if (open != "") refuse("missing " open)
      if ($1 == "") next
      open = $1 FS ($2 == "f" ? "f " $3 " " $4 : $2 " " $3)
      sum = $5
      next
    }
    {
      there = substr($0, 1, length($0) - 1)
      split(substr(there, length($1) + 2), word, " ")
      inode = ""
      if (word[1] == "f") {there = $1 FS "f " word[2] " " word[3]; inode = word[4]}
      if (open "" != there "") refuse(open == "" ? "unexpected " there : "missing " open)
      open = ""
      if (inode != "" && digest[inode] "" != sum "") print (digest[inode] = sum) "  ./" $1 | check
    }
    END {
      close(check)
      if (bad) exit
      if (open != "") print "missing " open
      if (wanted != ENVIRON["total"]) print "its files cannot be listed"
    }'
}
total=$({ cat "$manifest" && list_links "$links"; } | wc -l)
mismatch=$(cd "$root/releases/$id" && find_mismatch "$total") || mismatch=${mismatch:-its files cannot be read}
[ -z "$mismatch" ] || fail 14 "release $id is not what its manifest says: $(printf '%s\n' "$mismatch" | head -n 1)"
