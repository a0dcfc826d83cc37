# shellcheck shell=sh
# What a balancer host runs; read by init.sh inside the host's own root. Other balancers than HAProxy belong to deploy, who may reload them.
mkdir -p /run/sshd /run/haproxy /run/nginx /run/varnish
chown deploy:deploy /srv /srv/site /run/nginx /run/varnish
/usr/sbin/sshd -E /var/log/sshd.log
as_deploy() {
  echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
  setpriv --reuid deploy --regid deploy --init-groups env -i PATH=/usr/sbin:/usr/bin:/bin HOME=/home/deploy "$@"
}
if [ -e /etc/haproxy/haproxy.cfg ]; then
  haproxy -W -S /run/haproxy/master.sock,mode,660,group,deploy -D -q -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid >>/var/log/haproxy.log 2>&1
elif [ -e /etc/varnish/default.vcl ]; then
  as_deploy varnishd -n /run/varnish/site -a :80 -f /etc/varnish/default.vcl -s malloc,32m -j none -P /run/varnish/pid >>/var/log/varnish.log 2>&1 || {
    cat /var/log/varnish.log >&2
    exit 1
  }
else
  as_deploy nginx -e /run/nginx/error.log
fi
