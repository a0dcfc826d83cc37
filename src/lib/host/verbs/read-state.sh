# What this host says of itself. Changes nothing, needs no lease; works before the first push.
missing=''
for tool in flock tar gzip sha256sum sort awk sed df cp mv ln readlink find xargs base64 tr; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
printf 'missing%s\nuptime %s\nboot %s\nuser %s\nhome %s\nroot %s\n' "$missing" "$now" "$boot" "$(id -un)" "$HOME" "$root"
printf 'shell %s\n' "${SHELL:-}"
if [ ! -d "$state" ]; then
  printf 'fresh yes\n'
  [ ! -e "$root/current" ] || [ -L "$root/current" ] || printf 'unsafe %s\n' "$root/current is not a link; move it away, so that drover can switch it"
  exit 0
fi
read_epoch
printf 'epoch %s\n' "$current_epoch"
read_lease
print_lease
if [ -L "$root/current" ]; then
  live=$(readlink "$root/current")
  case $live in
    releases/*) printf 'current %s\n' "${live#releases/}" ;;
    *) printf 'unsafe %s\n' "$root/current points to $live, not to a release" ;;
  esac
  [ -d "$root/current/" ] || printf 'unsafe %s\n' "$root/current points to a release that is gone"
elif [ -e "$root/current" ]; then
  printf 'unsafe %s\n' "$root/current is not a link; move it away, so that drover can switch it"
fi
for release in "$root"/releases/*; do
  [ -d "$release" ] || continue
  [ -f "$state/manifests/${release##*/}" ] && printf 'release %s\n' "${release##*/}"
done
for delta in "$state"/incoming/*.delta; do
  [ -f "$delta" ] && printf 'part %s\n' "${delta##*/}"
done
for folder in "$state"/runs/*; do
  [ -f "$folder/plan" ] || continue
  [ -f "$folder/ended" ] || printf 'open-run %s\n' "${folder##*/}"
  [ ! -f "$folder/decision" ] || { IFS= read -r line <"$folder/decision" && printf 'decision %s %s\n' "${folder##*/}" "$line"; }
done
[ ! -f "$state/journal" ] || tail -n 400 "$state/journal" | sed 's/^/journal /'
exit 0
