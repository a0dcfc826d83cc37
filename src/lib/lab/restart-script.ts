/** `bin/restart-site` of each web host: what `systemctl reload` is on a real one. POSIX sh. */
export const restartScript = `#!/bin/sh
# Asks the web app of this host to reload, and returns when it serves what "current" names.
set -eu
run=$HOME/run
tree=$(cd "$HOME/site/current" && pwd -P)
release=\${tree##*/}
request="$$-$(date +%s)"
printf '%s\\n' "$request" > "$run/reload.$$"
mv "$run/reload.$$" "$run/reload"
tries=0
until [ "$(cat "$run/reloaded" 2>/dev/null)" = "$release $request" ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 200 ]; then
    echo "the web app did not load $release; it says: $(cat "$run/reloaded" 2>/dev/null)" >&2
    exit 1
  fi
  sleep 0.05 2>/dev/null || sleep 1
done
`;
