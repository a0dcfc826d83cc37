# What this host says of itself. Changes nothing, needs no lease; works before the first push.
missing=''
for tool in awk base64 cmp comm cp cut dd df find flock gzip head ln mkfifo mktemp mv readlink rmdir sed sha256sum sort tail tar tr wc xargs; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
case $(mv -T "$root/.drover-none" "$root/.drover-none-either" 2>&1) in *option*) missing="$missing mv-T" ;; esac
printf 'missing%s\nuptime %s\nboot %s\nuser %s\nhome %s\nroot %s\n' "$missing" "$now" "$boot" "$(id -un)" "$HOME" "$root"
tools=''
for tool in zstd curl ssh; do
  command -v "$tool" >/dev/null 2>&1 && tools="$tools $tool"
done
# sshd is not on the path of a common login.
for file in /usr/sbin/sshd /usr/local/sbin/sshd /usr/lib/ssh/sshd; do
  [ -x "$file" ] && tools="$tools sshd" && break
done
printf 'tools%s\n' "$tools"
printf 'shell %s\n' "${SHELL:-}"
judge_current
[ -z "$unsafe" ] || printf 'unsafe %s\n' "$unsafe"
if [ ! -d "$state" ]; then
  printf 'fresh yes\n'
  exit 0
fi
read_epoch
printf 'epoch %s\n' "$current_epoch"
read_lease
print_lease
if [ -n "$live" ] && [ -z "$unsafe" ]; then
  printf 'current %s\n' "$live"
  [ -d "$root/current/" ] || printf 'unsafe %s\n' "$root/current points to a release that is gone"
fi
for release in "$root"/releases/*; do
  is_staged "${release##*/}" && printf 'release %s\n' "${release##*/}"
done
for file in "$state"/parts/*; do
  is_staged "${file##*/}" || continue
  while IFS= read -r line; do printf 'part-of %s %s\n' "${file##*/}" "$line"; done <"$file"
done
# A name with a dot is a file that was not finished.
for file in "$state"/pins/*; do
  case ${file##*/} in *.*) continue ;; esac
  [ -f "$file" ] && IFS= read -r line <"$file" && printf 'pin %s %s\n' "${file##*/}" "$line"
done
for file in "$state"/plans/*; do
  case ${file##*/} in *.*) continue ;; esac
  [ -f "$file" ] && IFS= read -r line <"$file" && printf 'plan %s %s\n' "${file##*/}" "$line"
done
[ ! -s "$state/pause/by" ] || { IFS=' ' read -r run line <"$state/pause/by" && printf 'paused %s\n' "$run"; }
[ ! -f "$state/pause/leaving" ] || printf 'pause-leaving yes\n'
for delta in "$state"/incoming/*.delta; do
  [ -f "$delta" ] && printf 'part %s\n' "${delta##*/}"
done
for folder in "$state"/runs/*; do
  [ -f "$folder/plan" ] || continue
  run=${folder##*/}
  [ -f "$folder/ended" ] || printf 'open-run %s\n' "$run"
  read_decision
  [ -z "$decision" ] || printf 'decision %s %s\n' "$run" "$decision"
  for kind in before after; do
    judge_task "$folder/once-$kind"
    [ "$task" = new ] || printf 'once %s %s %s %s\n' "$run" "$kind" "$task" "$(sed -n 's/^status //p' "$folder/once-$kind/result" 2>/dev/null)"
  done
done
# What a rollback is decided by is told however long ago it was.
[ ! -f "$state/journal" ] || awk 'NR == FNR {recent = NR - 400; next} FNR > recent || $4 ~ /^(confirmed|intent|reverted|rolled-back|contracted|once-ended)$/ {print "journal " $0}' \
  "$state/journal" "$state/journal"
exit 0
