# Appends the payload to the part at `offset`. What arrived stays, whatever cuts the link.
[ -d "$state/incoming" ] || fail 13 'stage-open comes first'
exec 8>>"$state/incoming/$part.lock" || fail 18 "cannot write below $state/incoming"
flock -n 8 || fail 21 'another transfer of this delta is under way'
have=0
[ ! -f "$state/incoming/$part.delta" ] || have=$(wc -c <"$state/incoming/$part.delta" | tr -d ' ')
if [ "$offset" = 0 ]; then
  : >"$state/incoming/$part.delta" || fail 18 "cannot write below $state/incoming"
elif [ "$have" != "$offset" ]; then
  fail 12 "the part has $have bytes, not $offset"
fi
cat >>"$state/incoming/$part.delta" || fail 15 "cannot write all of the delta below $state/incoming; is the disk full?"
have=$(wc -c <"$state/incoming/$part.delta" | tr -d ' ')
printf 'size %s\n' "$have"
