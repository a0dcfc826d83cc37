import type {RigHost} from './fleet.js';

/** nginx of a web host: port 80, kept connections on both sides, everything answered by the app on 127.0.0.1:8080. */
export function proxyConfig(): string {
  return `user deploy;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
events {
  worker_connections 1024;
}
http {
  access_log off;
  server_tokens off;
  keepalive_timeout 75s;
  client_body_temp_path /var/lib/nginx/body;
  proxy_temp_path /var/lib/nginx/proxy;
  fastcgi_temp_path /var/lib/nginx/fastcgi;
  uwsgi_temp_path /var/lib/nginx/uwsgi;
  scgi_temp_path /var/lib/nginx/scgi;
  upstream app {
    server 127.0.0.1:8080 max_fails=0;
    keepalive 16;
  }
  server {
    listen 80 default_server backlog=1024;
    # Stands in for the Host header that a balancer's HTTP/1.0 check does not send.
    server_name site.example;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_connect_timeout 2s;
      proxy_read_timeout 30s;
    }
    location = /ws {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_read_timeout 1h;
    }
  }
}
`;
}

/**
 * HAProxy of a balancer host. Nothing is redispatched to another server, so that a host which is switched while it is in rotation shows. Checks
 * are fast: down after 400 ms, up after 200 ms. Hosts that take WebSockets are in a backend of their own.
 */
export function balancerConfig(options: {readonly host: RigHost; readonly servers: readonly RigHost[]}): string {
  const sockets = options.servers.filter(({takesSockets}) => takesSockets);
  const list = (servers: readonly RigHost[]) => servers.map(({name, address}) => `  server ${name} ${address}:80`).join('\n');
  const socketBackend =
    sockets.length === 0
      ? ''
      : `
backend socket
  balance leastconn
  option httpchk GET /healthz
  http-check expect status 200
  default-server check inter 200 fall 5 rise 1
${list(sockets)}
`;
  return `global
  stats socket /run/haproxy/admin.sock mode 660 group deploy level admin expose-fd listeners
  stats timeout 30s
  nbthread 1
  maxconn 2000
  user haproxy
  group haproxy

defaults
  mode http
  option http-keep-alive
  http-reuse safe
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  timeout queue 2s
  timeout check 1s
  timeout http-request 5s
  timeout http-keep-alive 10s

frontend site
  bind :80
  http-response set-header x-balancer ${options.host.name}
${sockets.length === 0 ? '' : '  use_backend socket if { path /ws }\n'}  default_backend web

backend web
  balance roundrobin
  option httpchk GET /healthz
  http-check expect status 200
  default-server check inter 200 fall 2 rise 1
${list(options.servers.filter(({takesSockets}) => !takesSockets))}
${socketBackend}`;
}
