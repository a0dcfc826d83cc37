# shellcheck shell=sh
# What a host of a large fleet runs; read by init.sh inside the host's own root.
mkdir -p /run/sshd
chown deploy:deploy /srv /srv/site
/usr/sbin/sshd -E /var/log/sshd.log
