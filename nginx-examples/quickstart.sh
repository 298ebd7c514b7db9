#!/bin/bash
# SPDX-License-Identifier: ISC
# quickstart.sh: fcgiwait and nginx, running, from nothing but a clone on Debian 12.
#
#   sudo nginx-examples/quickstart.sh
#
# It installs what is missing, builds fcgiwait unless it is built already, starts both on
# 127.0.0.1:8080, publishes this machine's readings once a second and shows how to follow them.
# Ctrl-C stops everything. All of it lies in one temporary folder, which is removed at the end;
# what stays are the Debian packages.
#
#   PORT=8081                another port
#   QUICKSTART_SECONDS=20    stop after so many seconds
#   FCGIWAIT=/path/fcgiwait  the fcgiwait to start
#   TMPDIR=/var/tmp          where the temporary folder goes
#
# sudo hands on no more than what stands behind it: sudo PORT=8081 nginx-examples/quickstart.sh
# When nothing is missing it runs as an ordinary user, too.
set -eu
examples=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-8080}
limit=${QUICKSTART_SECONDS:-}
url=http://127.0.0.1:$port
. "$examples/functions.sh"

need_commands() {
    need nginx nginx
    need spawn-fcgi spawn-fcgi
    need curl curl
}

start_fcgiwait() {
    local as_whom=()
    if [ "$(id -u)" = 0 ]; then
        # Neither fcgiwait nor nginx's worker needs to be root. Nobody but them gets in here.
        as_whom=(-u www-data -g www-data)
        chgrp www-data "$dir"
        chmod 750 "$dir"
        # The clone may lie where www-data can't read.
        cp "$fcgiwait" "$dir/fcgiwait"
        fcgiwait=$dir/fcgiwait
    fi
    echo 'store = { type = "memory"; };' >"$dir/fcgiwait.conf"
    spawn-fcgi -s "$dir/fcgiwait.sock" "${as_whom[@]}" -n -- \
        "$fcgiwait" -c "$dir/fcgiwait.conf" >"$dir/fcgiwait.log" 2>&1 &
    started+=($!)
}

# longpoll.conf as it is, but for the port and the socket.
start_nginx() {
    cp -r "$examples/www" "$dir/www"
    sed -e "s|127\.0\.0\.1:8080|127.0.0.1:$port|" \
        -e "s|^\( *server unix:\)[^;]*|\1$dir/fcgiwait.sock|" \
        "$examples/longpoll.conf" >"$dir/nginx.conf"
    nginx -p "$dir" -c "$dir/nginx.conf" -g 'daemon off;' >"$dir/nginx.log" 2>&1 &
    started=($! "${started[@]}")
}

# This machine's readings, as JSON. The counters only grow: who reads them makes rates of them.
readings() {
    awk -v time="$EPOCHREALTIME" -v name="$(uname -n)" -v processors="$(nproc)" \
        -v ticks="$(getconf CLK_TCK)" '
        FILENAME == "/proc/loadavg" { load = $1 ", " $2 ", " $3 }
        /^cpu /          { busy = ($2 + $3 + $4 + $7 + $8 + $9) / ticks }
        /^MemTotal:/     { total = $2 * 1024 }
        /^MemAvailable:/ { available = $2 * 1024 }
        FILENAME == "/proc/net/dev" && sub(/:/, " ") && $1 != "lo" { received += $2; sent += $10 }
        END {
            printf "{\"time\": %s, \"name\": \"%s\", \"processors\": %d, ", time, name, processors
            printf "\"processor_seconds\": %.2f, \"load\": [%s], ", busy, load
            printf "\"memory\": {\"total\": %.0f, \"available\": %.0f}, ", total, available
            printf "\"network\": {\"received\": %.0f, \"sent\": %.0f}}\n", received, sent
        }' /proc/loadavg /proc/stat /proc/meminfo /proc/net/dev
}

publish() {
    readings | ask -X PUT -H 'Content-Type: application/json' --data-binary @- \
        "$url/publish/live/machine"
}

say_how() {
    cat <<EOF

Running. Look at $url/ with a browser, or try, in another terminal:

  curl -i $url/live/machine                   # the readings, and their X-Polling-Index
  curl -i "$url/live/note?index=0&wait=30"    # waits until there is a note

  curl -X PUT -H 'Content-Type: text/plain' --data-binary 'Hello' $url/publish/live/note
  curl $url/status                            # who waits; for browsers: $url/page

From another machine: ssh -L $port:127.0.0.1:$port $(uname -n), and the same addresses there.
Ctrl-C stops it and removes $dir.
EOF
}

check_port "$port"
find_fcgiwait
need_commands
install_missing
make_dir
[ -n "$fcgiwait" ] || build
start_fcgiwait
start_nginx
await "fcgiwait does not answer through nginx" ask "$url/health"
publish
say_how

SECONDS=0
while [ -z "$limit" ] || [ "$SECONDS" -lt "$limit" ]; do
    sleep 1
    publish || alive || fail_with_logs "fcgiwait or nginx has ended"
done
