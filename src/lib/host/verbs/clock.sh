# Answers every line on standard input with what the host's own clock says then; ends with its input. Changes nothing.
start_clock
printf 'grain %s\n' "$grain"
while IFS= read -r line; do
  read_time
  printf 'tick %s\n' "$millis"
done
