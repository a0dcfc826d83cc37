import {cacheHeaders} from './cache-verdict.js';

/** Status of the program on a host without curl. */
export const noCurlStatus = 3;

/**
 * Lanes beside each other. A lane gives one curl a slice of URLs at a time, as blocks of its config that share connections. Its
 * first slices wait as long as it is told; each that follows waits until the oldest of as many before it has the age of `period`,
 * from its end on, so that no request of it is younger than thought, however its answers were spread. Each slice begins with a
 * transfer that must fail: curls before 7.66 tell why after a transfer's mark, later ones before it. An alarm ends the curl of
 * each lane at the deadline. Nothing here is newer than curl 7.58.
 *
 * The payload is curl's options, an empty line, then for each lane the waits, its slices (`number<TAB>path<TAB>path…`), and an empty line.
 * A line of the reply is shorter than a pipe's atomic write: the lane, then what its curl said up to a mark, apart by tabs.
 */
export const curlProgram = `
write_block() {
  printf '%surl = "%s"\\nwrite-out = "\\\\ndrover %s %%{http_code} %%{time_total}\\\\n"\\n' "$config" "$2" "$1"
}
write_slice() {
  IFS=$tab
  set -f
  set -- $1
  number=$1
  shift
  write_block - file:///dev/null/drover
  for path do
    echo next
    write_block "$number" "http://$address:$port$path"
    number=$((number + 1))
  done
}
round_up() {
  case $whole$1 in whole*.*) length=$((\${1%.*} + 1)) ;; *) length=$1 ;; esac
}
rest() {
  round_up "$1"
  sleep "$length" </dev/null >/dev/null 2>&1 &
  resting="$resting$! "
}
lane() {
  stopped='' curl='' resting=''
  for delay in $1; do
    if [ "$delay" = 0 ]; then resting="\${resting}0 "; else rest "$delay"; fi
  done
  shift
  trap 'stopped=yes; [ -z "$curl" ] || kill "$curl"' TERM
  round_up "$seconds"
  sh -c 'trap "kill \\$nap" TERM; sleep "$1" & nap=$!; wait "$nap" && kill "$PPID"' sh "$length" </dev/null >/dev/null 2>&1 &
  alarm=$!
  for slice do
    oldest=\${resting%% *}
    resting=\${resting#* }
    [ "$oldest" = 0 ] || wait "$oldest"
    [ -z "$stopped" ] || break
    write_slice "$slice" | curl -q -K - 2>&1 &
    curl=$!
    [ -z "$stopped" ] || kill "$curl"
    wait "$curl"
    curl=''
    rest "$period"
  done
  kill "$alarm"
  [ -z "$stopped" ] || echo 'drover stopped'
}
main() {
  command -v curl >/dev/null 2>&1 || return ${noCurlStatus}
  LC_ALL=C
  export LC_ALL
  whole=''
  sleep 0.01 2>/dev/null || whole=whole
  address=\${DROVER_LOCAL_ADDRESS:-127.0.0.1}
  case $address in *:*) address="[$address]" ;; esac
  tab=$(printf '\\t')
  config='' number=0
  while IFS= read -r line && [ -n "$line" ]; do config="$config$line
"; done
  set --
  while IFS= read -r line; do
    if [ -n "$line" ]; then
      set -- "$@" "$line"
      continue
    fi
    lane "$@" </dev/null 2>/dev/null | awk -v lane="$number" '
      {sub(/\\r$/, "")}
      tolower($0) ~ /^(drover |curl: |${cacheHeaders.join(':|')}:)/ && (/^drover / || length(text) < 3000) {text = text "\\t" substr($0, 1, 300)}
      /^drover / {print lane text; fflush(); text = ""}
      END {if (text != "") print lane text}' &
    number=$((number + 1))
    set --
  done
  wait
}
`;
