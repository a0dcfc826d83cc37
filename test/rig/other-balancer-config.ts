import type {RigHost} from './fleet.js';

/** nginx of a balancer host, run by the user `deploy`, who may test and reload it; its upstream is a file of its own. */
export function nginxBalancerConfig(host: RigHost): string {
  return `worker_processes 1;
worker_shutdown_timeout 1m;
pid /run/nginx/nginx.pid;
error_log /run/nginx/error.log warn;
events {
  worker_connections 1024;
}
http {
  access_log off;
  client_body_temp_path /run/nginx/body;
  proxy_temp_path /run/nginx/proxy;
  fastcgi_temp_path /run/nginx/fastcgi;
  uwsgi_temp_path /run/nginx/uwsgi;
  scgi_temp_path /run/nginx/scgi;
  upstream web {
    include /home/deploy/upstreams/*.conf;
    keepalive 8;
  }
  server {
    listen 80 default_server backlog=1024;
    location / {
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host site.example;
      proxy_next_upstream off;
      add_header x-balancer ${host.name} always;
    }
  }
}
`;
}

/** Written by hand, with what drover must leave alone. */
export function nginxUpstream(servers: readonly RigHost[]): string {
  return `# The web hosts.\n${servers.map(({address, name}) => `server ${name}:80 max_fails=0; # ${address}\n`).join('')}`;
}

/** Varnish of a balancer host, run by the user `deploy`. It caches nothing and retries nothing, so that a host that is switched in rotation shows. */
export function varnishConfig({host, servers}: {readonly host: RigHost; readonly servers: readonly RigHost[]}): string {
  const backends = servers.map(({name, address}) => `backend ${name} { .host = "${address}"; .port = "80"; .probe = site; }`);
  return `vcl 4.1;
import directors;
probe site { .request = "GET /healthz HTTP/1.1" "Host: site.example" "Connection: close"; .interval = 200ms; .timeout = 1s; .window = 3; .threshold = 2; }
${backends.join('\n')}
sub vcl_init {
  new pool = directors.round_robin();
  ${servers.map(({name}) => `pool.add_backend(${name});`).join(' ')}
}
sub vcl_recv {
  set req.backend_hint = pool.backend();
  set req.http.host = "site.example";
  return (pass);
}
sub vcl_deliver { set resp.http.x-balancer = "${host.name}"; }
`;
}
