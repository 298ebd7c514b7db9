#!/bin/bash
# SPDX-License-Identifier: ISC
# many.sh: several machines over one Redis, on one machine, from nothing but a clone on Debian 12.
#
#   sudo nginx-examples/many.sh
#
# It installs what is missing, builds fcgiwait unless it is built already, and starts a private Redis and
# two "machines", on 127.0.0.1:8080 and 8081: an nginx with two fcgiwait, and one with a single one. Then
# a document that is published at the first arrives in a curl that waits at the second; the fcgiwait
# there is killed, and nobody misses anything. Ctrl-C stops everything. All of it lies in one temporary
# folder, which is removed at the end; what stays are the Debian packages.
#
#   PORT=8081                another port, and the one above it
#   QUICKSTART_SECONDS=20    stop after so many seconds
#   FCGIWAIT=/path/fcgiwait  the fcgiwait to start
#   TMPDIR=/var/tmp          where the temporary folder goes
#
# sudo hands on no more than what stands behind it: sudo PORT=8081 nginx-examples/many.sh
# When nothing is missing it runs as an ordinary user, too.
set -eu
examples=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-8080}
limit=${QUICKSTART_SECONDS:-}
first=http://127.0.0.1:$port
second=http://127.0.0.1:$((port + 1))
. "$examples/functions.sh"
libraries=(libhiredis-dev)
engine_library=hiredis

need_commands() {
    need nginx nginx
    need spawn-fcgi spawn-fcgi
    need curl curl
    need redis-server redis-server
    need redis-cli redis-tools
}

redis() {
    redis-cli -s "$dir/redis.sock" "$@"
}

start_redis() {
    (cd "$dir" && exec "${as_whom[@]}" redis-server --port 0 --unixsocket "$dir/redis.sock" \
        --dir "$dir" --save '' --appendonly yes --appendfsync always \
        --maxmemory-policy noeviction) >"$dir/redis.log" 2>&1 &
    engine_pid=$!
    await "Redis does not answer" redis PING
    cat >"$dir/fcgiwait.conf" <<END
store = { type = "redis"; url = "redis+unix:$dir/redis.sock"; };
END
}

# fcgiwait $2 of machine $1. Sets $last.
start_fcgiwait() {
    local name=machine$1/fcgiwait$2
    "${as_whom[@]}" spawn-fcgi -s "$dir/$name.sock" -n -- \
        "$fcgiwait" -c "$dir/fcgiwait.conf" >>"$dir/$name.log" 2>&1 &
    last=$!
    started+=("$last")
}

# Machine $1 serves port $2, with so many fcgiwait: $3.
start_machine() {
    local folder=$dir/machine$1 servers='' i
    mkdir "$folder"
    [ ${#as_whom[@]} = 0 ] || chown www-data:www-data "$folder"
    for i in $(seq "$3"); do
        servers+="server unix:$folder/fcgiwait$i.sock fail_timeout=1s; "
        start_fcgiwait "$1" "$i"
    done
    sed -e "s|127\.0\.0\.1:8080|127.0.0.1:$2|" \
        -e "s|^ *server unix:/run/fcgiwait/fcgiwait.sock fail_timeout.*|$servers|" \
        -e "s|unix:/run/fcgiwait/fcgiwait.sock|unix:$folder/fcgiwait1.sock|" \
        "$examples/many-machines.conf" >"$folder/nginx.conf"
    "${as_whom[@]}" nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log" \
        -g 'daemon off;' >"$folder/nginx.log" 2>&1 &
    started=($! "${started[@]}")
}

publish() {
    echo "\$ curl -X PUT ... $first/publish/live/note       # $1"
    ask -X PUT -H 'Content-Type: text/plain' --data-binary "$1" "$first/publish/live/note"
}

# What is published at the first machine, while somebody waits at the second.
show() {
    show_arrival "$first" /live/note publish "$1"
    echo
    [ "$(cat "$dir/answer")" = "$1" ] || fail_with_logs "another change has arrived"
}

# Its successor has everything.
kill_second() {
    local other
    echo "\$ kill -9 $last                                     # the fcgiwait of the second machine"
    kill -KILL "$last"
    wait "$last" 2>/dev/null || true
    unset 'started[-1]'
    publish "Written meanwhile"
    start_fcgiwait 2 1
    await "its successor does not answer" ask "$second/health"
    other=$(ask "$second/live/note")
    printf '%s\n' "$other"
    [ "$other" = "Written meanwhile" ] || fail_with_logs "a change is lost"
}

say_how() {
    cat <<END

Running. Try, in another terminal:

  curl -i $first/live/note                     # the same index at both
  curl -i $second/live/note
  curl -N -H 'Accept: text/event-stream' $second/live/note
  curl -X PUT -H 'Content-Type: text/plain' --data-binary 'Hello' $first/publish/live/note
  curl $second/status                          # engine: where it is, and how
  ${sudo}redis-cli -s $dir/redis.sock MONITOR    # what Redis is asked

Ctrl-C stops it and removes $dir.
END
}

check_port "$port"
check_port $((port + 1))
find_fcgiwait
need_commands
install_missing
make_dir
[ -n "$fcgiwait" ] || build
drop_rights
start_redis
start_machine 1 "$port" 2
start_machine 2 $((port + 1)) 1
await "fcgiwait does not answer through nginx" ask "$first/health"
await "fcgiwait does not answer through nginx" ask "$second/health"
publish "First"
show "Hello"
kill_second
say_how
stay
