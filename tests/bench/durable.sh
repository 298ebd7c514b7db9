#!/bin/bash
# SPDX-License-Identifier: ISC
# What does it cost that changes survive? Two measurements on this machine:
#
#   tests/bench/durable.sh [--quick] [publish] [large]
#
#   publish  durable publishes per second at 1, 16 and 64 publishers through nginx, for
#            store.sync "full" and "normal", and beside them Redis with appendfsync always
#            (redis-benchmark -t set, as many clients, without a proxy before it); in turns
#   large    RESOURCES of 1 KB: how long a start takes, how much memory, and plain GETs per
#            second, beside a server with one resource
#
# BUILD names a folder in which fcgiwait has been built. The files lie in OUT (a new temporary
# folder by default): it decides which disk is measured. Needs jq, nginx, spawn-fcgi, sqlite3
# and redis-server (with redis-benchmark).
set -euo pipefail
# shellcheck disable=SC2034  # end() reads the pids by name
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
parts='' blocks=3 seconds=4 resources=${RESOURCES:-100000} redis_sets=20000
while [ $# -gt 0 ]; do
    case $1 in
    --quick) blocks=1 seconds=1 resources=2000 redis_sets=2000 ;;
    publish | large) parts="$parts $1" ;;
    *)
        sed -n '2,/^set -eu/{/^set -eu/!s/^# \{0,1\}//p}' "$0" >&2
        exit 64
        ;;
    esac
    shift
done
parts=${parts:-publish large}
build=${BUILD:?names no folder in which fcgiwait has been built}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-durable.XXXXXX")}
mkdir -p "$out"
out=$(cd "$out" && pwd)
fcgiwait_pid='' nginx_pid='' redis_pid='' port=''

say() {
    echo "$*" >&2
}

# --- servers ---

end() {
    local pid=${!1}
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    printf -v "$1" ''
}

stop_all() {
    end nginx_pid
    end fcgiwait_pid
    end redis_pid
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

# start_fcgiwait DIR [OPTION]...
start_fcgiwait() {
    local dir=$1
    shift
    mkdir -p "$dir"
    rm -f "$dir/socket"
    : >"$dir/log"
    spawn-fcgi -s "$dir/socket" -n -b 4096 -- "$build/src/fcgiwait" -o "store.file=$dir/store.db" \
        -o limits.resources=10000000 "$@" 2>>"$dir/log" &
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

stop_fcgiwait() {
    end nginx_pid
    end fcgiwait_pid
}

# --- publish ---

fcgiwait_publishes() {
    local sync=$1 publishers=$2
    start_fcgiwait "$out/$sync" -o "store.sync=$sync"
    start_nginx "$out/$sync"
    "$out/load" publish --port "$port" --status /status --clients 100 --publishers "$publishers" \
        --seconds "$seconds" 2>>"$out/load.log" >"$out/one.json"
    stop_fcgiwait
    jq -e '.errors == 0 and .trouble == ""' "$out/one.json" >/dev/null || say "void: $out/one.json"
    jq '.per_second.published' "$out/one.json"
}

redis_publishes() {
    local clients=$1
    rm -rf "$out/redis" && mkdir "$out/redis"
    port=$(free_port)
    redis-server --port "$port" --bind 127.0.0.1 --dir "$out/redis" --appendonly yes \
        --appendfsync always --save '' >>"$out/redis/log" 2>&1 &
    redis_pid=$!
    await 10 redis-cli -p "$port" ping
    redis-benchmark -p "$port" -t set -c "$clients" -n $((clients * redis_sets / 16 + 1000)) -r 100 \
        -d 64 --csv 2>/dev/null | awk -F'"' '/SET/ { printf "%.0f\n", $4 }'
    end redis_pid
}

median() {
    sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'
}

measure_publish() {
    local publishers what block
    for publishers in 1 16 64; do
        for ((block = 0; block < blocks; block++)); do
            for what in full normal; do
                fcgiwait_publishes "$what" "$publishers" >>"$out/$what.$publishers"
            done
            redis_publishes "$publishers" >>"$out/redis.$publishers"
        done
    done
    echo "Durable publishes per second, medians of $blocks:"
    echo
    echo "| publishers | full | normal | Redis, appendfsync always | full / Redis |"
    echo "| ---: | ---: | ---: | ---: | ---: |"
    for publishers in 1 16 64; do
        echo "| $publishers | $(median <"$out/full.$publishers") |" \
            "$(median <"$out/normal.$publishers") | $(median <"$out/redis.$publishers") |" \
            "$(echo "$(median <"$out/full.$publishers") $(median <"$out/redis.$publishers")" |
                awk '{ printf "%.2f", $1 / $2 }') |"
    done
    echo
}

# --- large ---

fill() {
    sqlite3 "$1" "
        INSERT OR REPLACE INTO resource (idx, path, changed, type, body)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $resources)
        SELECT newest + i, printf('/r/things/%d', i), 0, 'text/plain', randomblob(1024)
        FROM n, state;
        UPDATE state SET newest = newest + $resources;"
}

# From the start of the program until it serves, in milliseconds.
start_takes() {
    local from
    from=$(date +%s%N)
    start_fcgiwait "$1"
    echo $((($(date +%s%N) - from) / 1000000))
}

resident() {
    awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$fcgiwait_pid/status"
}

gets() {
    "$out/load" get --port "$port" --clients 64 --seconds "$seconds" 2>>"$out/load.log" |
        jq '.per_second.gets'
}

measure_large() {
    local block
    start_fcgiwait "$out/large" && stop_fcgiwait
    fill "$out/large/store.db"
    for ((block = 0; block < blocks; block++)); do
        for dir in "$out/large" "$out/small"; do
            start_takes "$dir" >"$dir.took"
            cat "$dir.took" >>"$dir.starts"
            resident >>"$dir.mb" && echo >>"$dir.mb"
            start_nginx "$dir"
            gets >>"$dir.gets"
            stop_fcgiwait
        done
    done
    echo "$resources resources of 1 KB, medians of $blocks:"
    echo
    echo "| | one resource | $resources |"
    echo "| --- | ---: | ---: |"
    for what in "starts:start-up, ms" "mb:memory (RSS), MB" "gets:plain GETs per second"; do
        echo "| ${what#*:} | $(median <"$out/small.${what%%:*}") |" \
            "$(median <"$out/large.${what%%:*}") |"
    done
    echo
}

trap stop_all EXIT
trap 'exit 130' INT TERM
gcc -std=c17 -D_GNU_SOURCE -O2 -pthread "$here"/*.c -o "$out/load"
say "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
for part in $parts; do
    "measure_$part"
done | tee "$out/results.md"
say "all of it: $out"
