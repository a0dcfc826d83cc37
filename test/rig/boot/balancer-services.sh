# shellcheck shell=sh
# What a balancer host runs; read by init.sh inside the host's own root.
mkdir -p /run/sshd /run/haproxy
chown deploy:deploy /srv /srv/site
/usr/sbin/sshd -E /var/log/sshd.log
haproxy -D -q -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid >>/var/log/haproxy.log 2>&1
