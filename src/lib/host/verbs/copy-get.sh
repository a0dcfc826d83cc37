# Sends a file or a tree as an archive: the line `stream`, then the archive, then how tar ended.
open_target
[ ! -L "$path" ] || fail 12 "$path is a link to $(readlink "$path"); name what it points to"
[ -e "$path" ] || fail 13 "$path is not on this host, or $(id -un) may not look there"
[ -f "$path" ] || [ -d "$path" ] || fail 12 "$path is neither a file nor a folder"
[ -r "$path" ] || fail 18 "$(id -un) may not read $path"
# Files with several names come as often as they have names; BusyBox knows no such option.
set --
case $(tar --version 2>/dev/null) in *'GNU tar'*) set -- --hard-dereference --format=gnu ;; esac
printf 'stream\n'
tar -cf - "$@" -C "$parent" "./$name"
printf '\ntar-status %s\n' "$?"
exit 0
