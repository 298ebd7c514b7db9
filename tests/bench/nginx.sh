#!/bin/bash
# SPDX-License-Identifier: ISC
# Prints the nginx configuration of one peer: two workers, upstream connections kept for
# everybody, and the same three URLs whatever is behind it.
#
#   nginx.sh KIND DIR PORT SOCKET [DESCRIPTORS]      KIND: fastcgi, proxy or nchan (no SOCKET)
#
#   GET /r/PATH           read, and wait
#   GET /f/?only=PATH     the same of what is below /r (fastcgi)
#   GET /large/           the document /large, as /f/ is read (fastcgi)
#   PUT /publish/r/PATH   publish
#   GET /status           how many wait
#
# LISTEN adds to the listening socket, as in LISTEN=sndbuf=64k.
#
# A waiting client takes two descriptors. The kernel spreads clients over the workers' own
# listening sockets (reuseport); were all 8,000 on one of them, they would still fit.
set -eu
kind=$1 dir=$2 port=$3 socket=$4 descriptors=${5:-20000}
user=
[ "$(id -u)" != 0 ] || user="user $(id -un) $(id -gn);"

module() {
    [ "$kind" != nchan ] || echo "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;"
}

upstream() {
    if [ "$kind" = nchan ]; then
        echo "    nchan_shared_memory_size 512m;"
        return
    fi
    cat <<END
    upstream peer {
        server unix:$socket max_fails=0;
        keepalive 9000;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
END
}

# What fcgiwait reads, and nothing else: every parameter costs both sides of the connection.
fastcgi_params() {
    cat <<END
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
            fastcgi_param QUERY_STRING \$query_string;
END
}

fastcgi_locations() {
    cat <<END
        fastcgi_keep_conn on;
        fastcgi_read_timeout 75s;
        fastcgi_next_upstream off;
        location ^~ /r/ {
$(fastcgi_params)
            fastcgi_pass peer;
        }
        location ^~ /f/ {
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param QUERY_STRING \$query_string;
            fastcgi_param FCGIWAIT_RESOURCE /r;
            fastcgi_param FCGIWAIT_SCOPE below;
            fastcgi_buffers 16 64k;
            fastcgi_pass peer;
        }
        location ^~ /large/ {
            fastcgi_param REQUEST_METHOD \$request_method;
            fastcgi_param FCGIWAIT_RESOURCE /large;
            fastcgi_buffers 16 64k;
            fastcgi_pass peer;
        }
        location ~ ^/publish(?<resource>/.+)\$ {
$(fastcgi_params)
            fastcgi_param CONTENT_TYPE \$content_type;
            fastcgi_param CONTENT_LENGTH \$content_length;
            fastcgi_param FCGIWAIT_ACCESS publish;
            fastcgi_param FCGIWAIT_RESOURCE \$resource;
            fastcgi_pass peer;
        }
        location = /page {
$(fastcgi_params)
            fastcgi_param FCGIWAIT_ENDPOINT page;
            fastcgi_pass peer;
        }
        location = /status {
$(fastcgi_params)
            fastcgi_param FCGIWAIT_ENDPOINT status;
            fastcgi_pass peer;
        }
END
}

proxy_locations() {
    cat <<END
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_read_timeout 75s;
        proxy_next_upstream off;
        location / {
            proxy_pass http://peer;
        }
END
}

# A message's id is the index: the next poll brings it along, and gets the message after it.
nchan_locations() {
    cat <<END
        nchan_message_buffer_length 1;
        nchan_message_timeout 0;
        location ^~ /r/ {
            nchan_subscriber longpoll eventsource;
            nchan_channel_id \$uri;
            nchan_subscriber_last_message_id \$arg_index;
            nchan_subscriber_first_message oldest;
            nchan_subscriber_timeout 60s;
            add_header X-Polling-Index \$nchan_message_id;
        }
        location ~ ^/publish(?<resource>/.+)\$ {
            nchan_publisher;
            nchan_channel_id \$resource;
        }
        location = /status {
            nchan_stub_status;
        }
END
}

cat <<END
$(module)
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
$(upstream)
    server {
        listen 127.0.0.1:$port reuseport backlog=4096${LISTEN:+ $LISTEN};
$("${kind}_locations")
    }
}
END
