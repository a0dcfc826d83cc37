# write_pin RELEASE: nobody ships it to this host again unasked. When, by which run, of which snapshot (`id`), whose, and why (`detail`); the
# first pin of a release stands.
write_pin() {
  [ ! -f "$state/pins/$1" ] || return 0
  read_stamp
  { [ -d "$state/pins" ] || mkdir -p "$state/pins"; } &&
    write_line_durably "$state/pins/$1" "$stamp $run ${id:--}$tab$lease_owner$tab$detail"
}
