# Removes releases beyond the newest `keep` that were proven here (confirmed, and not taken back), beyond as many that were not yet, and leftovers
# of dead transfers; never what is live, what was proven before it, what `protect` names, what an unfinished run refers to, the base of a
# transfer, or one of the newest `keep` that are pinned out: somebody may want to look into them.
[ -n "$keep" ] || fail 19 'no count was given'
open_state
enter
read_current
journal=$state/journal
[ -f "$journal" ] || true >"$journal"
# How many lines there are; the proven, newest first; then the others by when they were staged.
order=$(awk -F'[ ]' '$4 == "reverted" {taken[$3]} $4 == "confirmed" {by[++n] = $3; proven[n] = $5} $4 == "staged" {staged[++m] = $5}
  END {print NR; for (; n > 0; n--) if (!(by[n] in taken) && !seen[proven[n]]++) print proven[n]
    print "others"; for (; m > 0; m--) if (!old[staged[m]]++) print staged[m]}' "$journal") || fail 18 "cannot read $journal"
lines=${order%%"$newline"*} order=${order#*"$newline"}

# is_proven RELEASE: whole, and not pinned out.
is_proven() {
  [ -d "$root/releases/$1" ] && [ ! -f "$state/pins/$1" ]
}

# read_kept: sets `kept`, what stays whatever its number, and `open`, all that unfinished runs say.
read_kept() {
  kept=" $live $protect " open=''
  for old in ${order%%others*}; do
    [ "$old" != "$live" ] && is_proven "$old" || continue
    kept="$kept$old "
    break
  done
  set -- "$state"/pins/*
  [ ! -e "$1" ] || kept="$kept$(ls -1t "$state/pins" | sed '/[.]/d' | head -n "$keep" | tr '\n' ' ')"
  for mark in "$state"/incoming/*.base; do
    if [ -f "$mark" ] && IFS= read -r line <"$mark"; then kept="$kept$line "; fi
  done
  for folder in "$state"/runs/*; do
    [ -f "$folder/plan" ] && [ ! -f "$folder/ended" ] || continue
    open=$open$(cat "$folder/plan" && awk -v run="${folder##*/}" '$3 == run && $4 == "intent"' "$journal") || fail 18 "cannot read $folder/plan"
  done
}

# consider RELEASE: it goes when it is one too many.
consider() {
  [ -n "$1" ] && [ -d "$root/releases/$1" ] || return 0
  case $seen in *" $1 "*) return 0 ;; esac
  seen="$seen$1 "
  number=$((number + 1))
  [ "$number" -gt "$keep" ] || return 0
  case $kept in *" $1 "*) return 0 ;; esac
  case $open in *"$1"*) return 0 ;; esac
  # A host that cannot write down what goes keeps it.
  printf '%s\n' "$order" >"$noted" || fail 18 "cannot write below $state/incoming"
  # One rename makes it no release any more; its files go when nobody waits for us.
  [ -w "$root/releases/$1" ] || chmod u+w "$root/releases/$1"
  mv -T "$root/releases/$1" "$state/incoming/gone-$1-$$" || return 0
  rm -f "$state/manifests/$1" "$state/manifests/$1.links" "$state/manifests/$1.seal" "$state/parts/$1" "$noted"
  record removed "$1"
  printf 'removed %s\n' "$1"
}

# Where there are no more than `keep` in all, none is one too many.
set -- "$root"/releases/*
if [ "$#" -gt "$keep" ]; then
  read_kept
  number=0 seen=' ' noted=$state/incoming/order.$$
  for old in ${order%%others*}; do
    ! is_proven "$old" || consider "$old"
  done
  number=0
  for old in ${order#*others}; do consider "$old"; done
  # What the journal does not tell of.
  for old in "$root"/releases/*; do consider "${old##*/}"; done
fi
drop "$root"/.drover-next.* "$state/incoming/order.$$"
# What a killed gc left of releases that are gone, and files that were never finished.
for file in "$state"/manifests/* "$state"/parts/*; do
  old=${file##*/}
  [ -d "$root/releases/${old%%.*}" ] || drop "$file"
done
for file in "$state"/*.tmp.* "$state"/*/*.tmp.* "$state"/runs/*/*.tmp.* "$state"/runs/*/*/*.tmp.*; do
  [ -e "$file" ] || continue
  find "$state" \( -name incoming -o -name relay \) -prune -o -type f -name '*.tmp.*' -mtime +1 -exec rm -f {} +
  break
done
set -- "$state"/runs/*
while [ "$#" -gt 30 ]; do
  [ ! -f "$1/ended" ] || rm -rf "${1:?}"
  shift
done
# No plan that is older than this can be taken up, however long it was to hold.
set -- "$state"/plans/*
[ ! -e "$1" ] || find "$state/plans" -type f -mtime +8 -exec rm -f {} +
set -- "$state"/pins/*
[ "$#" -le 50 ] || ls -1t "$state/pins" | awk 'NR > 50' | while IFS= read -r old; do rm -f "$state/pins/${old:?}"; done
if [ "$lines" -gt 2000 ]; then
  awk -v recent="$((lines - 1000))" 'NR == FNR {if ($4 == "reverted") taken[$3] = 1; next} FNR > recent {print; next}
    ($4 == "confirmed" && !($3 in taken)) || $4 == "contracted" {last[$4 $5] = $0} END {for (id in last) print last[id]}' "$journal" "$journal" |
    sort -s -k 1,1 | write_durably "$journal"
fi
leave
for leftover in "$state"/incoming/*; do
  case $leftover in
    */gone-*) remove_tree "$leftover" ;;
    *) [ ! -e "$leftover" ] || [ -z "$(find "$leftover" -prune -mtime +1 2>/dev/null)" ] || remove_tree "$leftover" ;;
  esac
done
exit 0
