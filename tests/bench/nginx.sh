#!/bin/sh
# Prints an nginx configuration with fcgiwait below /fw/ and the Go peer below /go/, as alike as
# the two can be:  nginx.sh DIR PORT FCGIWAIT_SOCKET PEER_SOCKET [DESCRIPTORS]
#
#   GET /fw/r/PATH          GET /go/r/PATH            read, and wait
#   PUT /fw/publish/r/PATH  PUT /go/publish/r/PATH    publish
#   GET /fw/status          GET /go/status            how many wait
#
# A waiting client takes two descriptors. The kernel spreads clients over the workers' own
# listening sockets (reuseport); were all 8,000 on one of them, they would still fit.
set -eu
dir=$1 port=$2 fcgiwait=$3 peer=$4 descriptors=${5:-20000}
user=
[ "$(id -u)" != 0 ] || user="user $(id -un) $(id -gn);"
cat <<END
$user
worker_processes 2;
worker_rlimit_nofile $descriptors;
daemon off;
pid $dir/nginx.pid;
error_log $dir/nginx.log error;
events { worker_connections $descriptors; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    fastcgi_temp_path $dir/fastcgi;
    proxy_temp_path $dir/proxy;
    scgi_temp_path $dir/scgi;
    uwsgi_temp_path $dir/uwsgi;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_max_body_size 1m;
    reset_timedout_connection off;

    upstream fcgiwait {
        server unix:$fcgiwait max_fails=0;
        keepalive 9000;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    upstream peer {
        server unix:$peer max_fails=0;
        keepalive 9000;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    server {
        listen 127.0.0.1:$port reuseport backlog=4096;

        fastcgi_keep_conn on;
        fastcgi_read_timeout 75s;
        fastcgi_next_upstream off;
        fastcgi_param QUERY_STRING \$query_string;
        fastcgi_param REQUEST_METHOD \$request_method;
        fastcgi_param CONTENT_TYPE \$content_type;
        fastcgi_param CONTENT_LENGTH \$content_length;
        fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
        fastcgi_param REQUEST_URI \$request_uri;
        fastcgi_param SERVER_PROTOCOL \$server_protocol;
        fastcgi_param GATEWAY_INTERFACE CGI/1.1;
        fastcgi_param REMOTE_ADDR \$remote_addr;
        location ^~ /fw/r/ {
            fastcgi_pass fcgiwait;
        }
        location ~ ^/fw/publish(?<resource>/.+)\$ {
            fastcgi_param FCGIWAIT_ACCESS publish;
            fastcgi_param FCGIWAIT_RESOURCE /fw\$resource;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
            fastcgi_param SERVER_PROTOCOL \$server_protocol;
            fastcgi_pass fcgiwait;
        }
        location = /fw/status {
            fastcgi_param FCGIWAIT_ENDPOINT status;
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
            fastcgi_param SERVER_PROTOCOL \$server_protocol;
            fastcgi_pass fcgiwait;
        }

        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_read_timeout 75s;
        proxy_next_upstream off;
        location ^~ /go/ {
            proxy_pass http://peer;
        }
    }
}
END
