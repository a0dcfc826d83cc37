/** Statuses of the program that are not a failure of the host's. */
export const nginxStatus = {changedMeanwhile: 4, testFailed: 5, reloadFailed: 6, notTaken: 7, notReady: 8} as const;

/**
 * nginx on a balancer host. Values: `action`, `file`, `pid_file`, `test`, `reload`, `expected` (the digest of the file that the payload
 * replaces), `patience` (seconds that a reload may take), `remotes` (addresses whose connections are counted, apart by spaces). What it prints begins with facts, a line each; after
 * the line `text` comes the file, and a dot at its end.
 *
 * A change is one critical section under a lock on the folder: digest, new file by rename, test, reload, and the old file back where one of
 * them fails. It is over when every worker of before is gone or on its way out; the digest of what was loaded is kept
 * beside the file, so that a change that was cut before its reload shows.
 */
export const nginxProgram = `
digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

find_master() {
  master=$(cat -- "$pid_file" 2>/dev/null | tr -dc 0-9)
  [ -n "$master" ] && [ -d "/proc/$master" ] || { echo "nginx is not running: $pid_file names no process"; return ${nginxStatus.notReady}; }
}

# Seconds since the file was written, and since boot, as of one moment: workers are judged to be younger or older than the file by them. A
# fraction where the tools know it.
look_at_clocks() {
  read -r up _ </proc/uptime
  now=$(date +%s.%N)
  read -r after _ </proc/uptime
  case $now in *[!0-9.]*) now=$(date +%s) ;; esac
  written=$(stat -c %.2Y -- "$file" 2>/dev/null)
  case $written in '' | *[!0-9.]*) written=$(stat -c %Y -- "$file") ;; esac
  up=$(awk -v a="$up" -v b="$after" 'BEGIN { printf "%.3f", (a + b) / 2 }')
  echo "age $(awk -v now="$now" -v written="$written" 'BEGIN { printf "%.3f", now - written }')"
}

# Process number, current or leaving, and seconds of age of each worker, as of the look at the clocks.
list_workers() {
  [ -n "\${up-}" ] || read -r up _ </proc/uptime
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v master="$master" -v up="$up" '{
    pid = $1; sub(/^.*[)] /, "")
    if ($2 == master) printf "%s %.2f\\n", pid, up - $20 / 100
  }' | while read -r pid age; do
    title=$(tr '\\000' ' ' <"/proc/$pid/cmdline") 2>/dev/null || continue
    case $title in
      'nginx: worker process is shutting down'*) echo "worker $pid leaving $age" ;;
      'nginx: worker process'*) echo "worker $pid current $age" ;;
    esac
  done
}

# Connections from here to an address and port; nothing where that cannot be counted.
count_connections() {
  address=$1
  if command -v ss >/dev/null; then
    seen=$(ss -tn dst "$address" 2>/dev/null) || return 0
    printf '%s\\n' "$seen" | grep -c '^ESTAB'
    return 0
  fi
  port=\${address##*:} place=\${address%:*}
  case $place in *[!0-9.]*) place=$(getent hosts "$place" 2>/dev/null | { read -r first _; echo "$first"; }) ;; esac
  case $place in '' | *[!0-9.]*) return ;; esac
  IFS=.
  set -f
  set -- $place
  unset IFS
  wanted=$(printf '%02X%02X%02X%02X:%04X' "$4" "$3" "$2" "$1" "$port")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v wanted="$wanted" '$4 == "01" && substr($3, length($3) - 12) == wanted { count++ } END { print count + 0 }'
}

pause_briefly() { sleep 0.1 2>/dev/null || sleep 1; }

# lock [-s]: of all drovers here; gives up after 15 s.
lock() {
  exec 9<"$folder" || return
  give_up=$(($(date +%s) + 15))
  until flock "$@" -n 9; do
    [ "$(date +%s)" -lt "$give_up" ] || { echo "another change holds the lock of $folder"; return 1; }
    pause_briefly
  done
}

view() {
  find_master || return
  lock -s || return
  [ -f "$file" ] || { echo "$file is not a file"; return ${nginxStatus.notReady}; }
  found=$(digest "$file") || { echo "$file cannot be read"; return ${nginxStatus.notReady}; }
  echo "digest $found"
  echo "loaded $(cat -- "$mark" 2>/dev/null)"
  look_at_clocks
  list_workers
  for remote in $remotes; do echo "connections $(count_connections "$remote") $remote"; done
  echo text
  cat -- "$file"
  printf .
}

examine() {
  find_master || return
  for tool in flock sha256sum awk stat; do command -v "$tool" >/dev/null || { echo "$tool is not installed"; return ${nginxStatus.notReady}; }; done
  [ -w "$file" ] || { echo "$file is not writable"; return ${nginxStatus.notReady}; }
  [ -w "$folder" ] || { echo "$folder is not writable, and the file is replaced by a rename"; return ${nginxStatus.notReady}; }
  said=$(sh -c "$test" 2>&1 </dev/null) || { echo "$test: $(last_line "$said")"; return ${nginxStatus.testFailed}; }
  configuration=$(tr '\\000' ' ' <"/proc/$master/cmdline" | sed -n 's/.* -c *\\([^ ]*\\).*/\\1/p')
  [ -n "$configuration" ] || configuration=$(nginx -V 2>&1 | tr ' ' '\\n' | sed -n 's/^--conf-path=//p')
  [ -n "$configuration" ] || configuration=/etc/nginx/nginx.conf
  if grep -rqs '^[[:space:]]*worker_shutdown_timeout[[:space:]]' "\${configuration%/*}"; then echo bounded; else echo "unbounded \${configuration%/*}"; fi
}

last_line() { printf '%s\\n' "$1" | grep -v 'test failed$' | tail -n 1; }

# Every worker of before is gone or on its way out, and another one is there.
is_taken() {
  now=$(list_workers)
  for pid in $before; do
    case "$now
" in *"worker $pid current"*) return 1 ;; esac
  done
  case $now in *' current '*) ;; *) return 1 ;; esac
}

await_taken() {
  give_up=$(($(date +%s) + patience))
  until is_taken; do
    [ "$(date +%s)" -lt "$give_up" ] || return 1
    pause_briefly
  done
}

put_old_back() {
  mv -f -- "$old" "$file"
  if [ -n "$marked" ]; then echo "$marked" >"$mark"; else rm -f -- "$mark"; fi
}

change() {
  find_master || return
  lock || return
  [ "$(digest "$file")" = "$expected" ] || return ${nginxStatus.changedMeanwhile}
  old=$folder/.\${file##*/}.drover-old new=$folder/.\${file##*/}.drover-new
  marked=$(cat -- "$mark" 2>/dev/null)
  echo changing >"$mark" || return 1
  { cp -p -- "$file" "$old" && cp -p -- "$file" "$new" && cat >"$new" && mv -f -- "$new" "$file"; } 2>&1 || { rm -f -- "$new"; put_old_back; return 1; }
  said=$(sh -c "$test" 2>&1 </dev/null 9<&-) || { put_old_back; echo "$test: $(last_line "$said")"; return ${nginxStatus.testFailed}; }
  before=$(list_workers | while read -r _ pid state _; do [ "$state" = leaving ] || echo "$pid"; done)
  said=$(sh -c "$reload" 2>&1 </dev/null 9<&-) || { put_old_back; echo "$reload: $(last_line "$said")"; return ${nginxStatus.reloadFailed}; }
  await_taken || {
    put_old_back
    sh -c "$reload" >/dev/null 2>&1 </dev/null 9<&-
    echo "nginx did not take the configuration within $patience s; see its error log"
    return ${nginxStatus.notTaken}
  }
  rm -f -- "$old"
  digest "$file" >"$mark"
  for pid in $before; do echo "before $pid"; done
}

main() {
  folder=\${file%/*}
  [ -n "$folder" ] || folder=/
  mark=$folder/.\${file##*/}.drover-loaded
  "$action"
}
`;
