# Appends to the part at `offset` what curl fetches. The payload is curl's config: its address is a secret, and goes to curl's standard input,
# never into an argument or a file. What arrived stays. A line a second tells that the fetch is alive; when nobody reads it, the fetch ends.
[ -n "$bytes" ] || fail 19 'no size was given'
command -v curl >/dev/null 2>&1 || fail 9 'curl is missing on this host'
take_part
words=$state/incoming/$part.words
size_of_part() {
  have=0
  if [ -f "$delta" ]; then have=$(wc -c <"$delta" | tr -d ' '); fi
}

# An object that has grown ends at the size of the delta, give or take a block. What curl holds open keeps the lock.
command exec 7<&0
(
  ulimit -f "$((bytes / 512 + 2))"
  exec curl -q -sS -f -g -C "$offset" -o "$delta" --max-filesize "$bytes" --connect-timeout 15 --speed-limit 1 --speed-time 30 -K - <&7 2>"$words"
) &
curl=$!
command exec 7<&-
trap '' PIPE HUP
seen=-1
while kill -0 "$curl" 2>/dev/null; do
  size_of_part
  if [ "$have" != "$seen" ]; then
    seen=$have
    printf 'at %s\n' "$have" 2>/dev/null || {
      kill "$curl" 2>/dev/null
      wait "$curl"
      exit 21
    }
  fi
  sleep 0.2 2>/dev/null || sleep 1
done
wait "$curl"
status=$?
said=$(sed 's/[?][^ ]*//g; s/^curl: //' "$words" 2>/dev/null | head -n 1)
rm -f "$words" "$holder"
size_of_part
[ "$have" -le "$bytes" ] || {
  rm -f "$delta"
  fail 9 "the bucket holds more than the delta has"
}
case $status in
  0) ;;
  23) fail 15 "cannot write all of the delta below $state/incoming; is the disk full?" ;;
  *) fail 9 "curl cannot fetch the delta: ${said:-it ended with status $status}" ;;
esac
printf 'size %s\n' "$have"
