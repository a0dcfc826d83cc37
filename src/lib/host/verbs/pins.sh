# write_pin RELEASE: nobody ships it to this host again unasked. When, by which run, of which snapshot (`id`), whose, and why (`detail`); the
# first pin of a release stands.
write_pin() {
  [ ! -f "$state/pins/$1" ] || return 0
  mkdir -p "$state/pins" &&
    printf '%s %s %s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$run" "${id:--}" "$lease_owner" "$detail" | write_durably "$state/pins/$1"
}
