# Appends the payload to the part at `offset`. What arrived stays, whatever cuts the link.
take_part
cat >>"$delta" 8>&- || fail 15 "cannot write all of the delta below $state/incoming; is the disk full?"
# An empty one names nobody.
true >"$holder"
have=$(wc -c <"$delta")
printf 'size %s\n' "${have##* }"
