# shellcheck shell=sh
# What a web host runs; read by init.sh inside the host's own root.
mkdir -p /run/sshd /run/app
chown deploy:deploy /run/app /srv /srv/site
/usr/sbin/sshd -E /var/log/sshd.log
while :; do
  setpriv --reuid deploy --regid deploy --init-groups env -i PATH=/usr/bin:/bin HOME=/home/deploy /opt/rig/node /opt/rig/app.mjs >>/var/log/app.log 2>&1 || :
  sleep 0.2
done &
nginx
