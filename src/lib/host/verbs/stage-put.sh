# Appends the payload to the part at `offset`. What arrived stays, whatever cuts the link.
take_part
cat >>"$delta" 8>&- || fail 15 "cannot write all of the delta below $state/incoming; is the disk full?"
rm -f "$holder"
have=$(wc -c <"$delta" | tr -d ' ')
printf 'size %s\n' "$have"
