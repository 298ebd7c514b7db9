# SPDX-License-Identifier: ISC
# functions.sh: what durable.sh and redis.sh have in common; peers.sh has of it what is above the servers.
# Sourced, with $here set. A script that measures sets $build, $parts and $seconds, and has a function
# for each part.
# shellcheck shell=bash

say() {
    echo "$*" >&2
}

free_port() {
    local candidate
    for candidate in $(shuf -i 20000-30000 -n 50); do
        if ! (: </dev/tcp/127.0.0.1/"$candidate") 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    exit 1
}

# --- servers ---

end() {
    local pid=${!1}
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    printf -v "$1" ''
}

stop_fcgiwait() {
    end nginx_pid
    end fcgiwait_pid
}

stop_all() {
    stop_fcgiwait
    end redis_pid
}

# await SECONDS COMMAND...: until it succeeds.
await() {
    local i most=$(($1 * 100))
    shift
    for ((i = 0; i < most; i++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.01
    done
    say "this did not come true: $*"
    exit 1
}

# start_fcgiwait DIR OPTION...
start_fcgiwait() {
    local dir=$1
    shift
    mkdir -p "$dir"
    rm -f "$dir/socket"
    : >"$dir/log"
    spawn-fcgi -s "$dir/socket" -n -b 4096 -- "$build/src/fcgiwait" -o limits.resources=10000000 \
        "$@" 2>>"$dir/log" &
    fcgiwait_pid=$!
    await 60 grep -q ' serves,' "$dir/log"
}

start_nginx() {
    local dir=$1
    port=$(free_port)
    "$here/nginx.sh" fastcgi "$dir" "$port" "$dir/socket" >"$dir/nginx.conf"
    nginx -e "$dir/nginx.log" -p "$dir" -c "$dir/nginx.conf" 2>>"$dir/log" &
    nginx_pid=$!
    await 10 curl -sf -o "$dir/first" "http://127.0.0.1:$port/status"
}

redis() {
    redis-cli -p "$redis_port" "$@"
}

# start_redis FSYNC
start_redis() {
    rm -rf "$out/redis" && mkdir "$out/redis"
    redis_port=$(free_port)
    redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$out/redis" --appendonly yes \
        --appendfsync "$1" --save '' >>"$out/redis/log" 2>&1 &
    redis_pid=$!
    await 10 redis ping
}

# --- measuring ---

median() {
    sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'
}

# publishes PUBLISHERS: acknowledged ones per second.
publishes() {
    "$out/load" publish --port "$port" --status /status --clients 100 --publishers "$1" \
        --seconds "$seconds" 2>>"$out/load.log" >"$out/one.json"
    jq -e '.errors == 0 and .trouble == ""' "$out/one.json" >/dev/null || say "void: $out/one.json"
    jq '.per_second.published' "$out/one.json"
}

# Plain ones per second.
gets() {
    "$out/load" get --port "$port" --clients 64 --seconds "$seconds" 2>>"$out/load.log" |
        jq '.per_second.gets'
}

# The comment at the head of the script.
usage() {
    sed -n '2,/^set -eu/{/^set -eu/!s/^# \{0,1\}//p}' "$0" >&2
    exit 64
}

# Sets $out, a folder; nothing is started yet.
begin() {
    fcgiwait_pid='' nginx_pid='' redis_pid='' port='' redis_port=''
    out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-$(basename "$0" .sh).XXXXXX")}
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
}

# All the parts; what they say is kept. They know what they started, and are a process of their own.
measure() {
    local part
    gcc -std=c17 -D_GNU_SOURCE -O2 -pthread "$here"/*.c -o "$out/load"
    say "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
    {
        trap stop_all EXIT
        trap 'exit 130' INT TERM
        for part in $parts; do
            "measure_$part"
        done
    } | tee "$out/results.md"
    say "all of it: $out"
}
