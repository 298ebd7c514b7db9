#!/bin/bash
# SPDX-License-Identifier: ISC
# What does the store in Redis cost? Two measurements on this machine:
#
#   tests/bench/redis.sh [--quick] [publish] [large]
#
#   publish  acknowledged publishes per second at 1, 16 and 64 publishers through nginx, with
#            appendfsync everysec and always, and beside them redis-benchmark of the same script with
#            as many clients, without nginx and fcgiwait before it; in turns
#   large    RESOURCES of 1 KB: how long a start takes while 1,000 changes per second go on, and plain
#            GETs per second, beside the memory store with as many
#
# BUILD names a folder in which fcgiwait has been built. The files lie in OUT (a new temporary folder by
# default). Needs jq, nginx, spawn-fcgi and redis-server (with redis-benchmark and redis-cli).
set -euo pipefail
# shellcheck disable=SC2034  # end() reads the pids by name
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
parts='' blocks=3 seconds=4 resources=${RESOURCES:-100000} calls=60000
while [ $# -gt 0 ]; do
    case $1 in
    --quick) blocks=1 seconds=1 resources=2000 calls=5000 ;;
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
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-redis.XXXXXX")}
mkdir -p "$out"
out=$(cd "$out" && pwd)
fcgiwait_pid='' nginx_pid='' redis_pid='' writer_pid='' monitor_pid='' port='' redis_port=''

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
    touch "$out/enough" # for write_on()
    end monitor_pid
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

over_redis() {
    # An option that is given twice counts once; the type has to be given.
    start_fcgiwait "$out/over" -o store.type=redis -o "store.url=redis://127.0.0.1:$redis_port/0"
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

median() {
    sort -n | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'
}

# --- publish ---

# A publish as fcgiwait asks for it: the arguments of its call, as MONITOR shows them.
learn_call() {
    redis MONITOR >"$out/monitor" 2>&1 &
    monitor_pid=$!
    await 10 grep -q OK "$out/monitor"
    await 20 try_to_learn
    end monitor_pid
    call=()
    while IFS= read -r word; do
        call+=("$word")
    done < <(sed -n 's/^[^"]*"EVALSHA" \(.*"put".*\)$/\1/p' "$out/monitor" | head -n 1 |
        sed 's/^"//; s/"$//; s/" "/\n/g')
    # sha, count, nine keys, eight arguments, then: what, path, base, type, body
    [ ${#call[@]} = 24 ] || { say "a call that is none: ${call[*]}"; exit 1; }
    call[20]=/bench/__rand_int__
    call[21]='*'
    call[22]=text/plain
    call[23]=$(printf 'x%.0s' {1..64})
}

try_to_learn() {
    curl -sf -X PUT -H 'Content-Type: text/plain' --data-binary "$RANDOM" \
        "http://127.0.0.1:$port/publish/r/learn"
    grep -q '"put"' "$out/monitor"
}

bare_calls() {
    redis-benchmark -p "$redis_port" -c "$1" -n $((calls * ($1 + 8) / 72)) -r 100 --csv \
        EVALSHA "${call[@]}" 2>/dev/null | awk -F'"' '/EVALSHA/ { printf "%.0f\n", $4 }'
}

publishes() {
    "$out/load" publish --port "$port" --status /status --clients 100 --publishers "$1" \
        --seconds "$seconds" 2>>"$out/load.log" >"$out/one.json"
    jq -e '.errors == 0 and .trouble == ""' "$out/one.json" >/dev/null || say "void: $out/one.json"
    jq '.per_second.published' "$out/one.json"
}

measure_publish() {
    local publishers fsync block
    for ((block = 0; block < blocks; block++)); do
        for fsync in everysec always; do
            start_redis "$fsync"
            over_redis
            start_nginx "$out/over"
            learn_call
            for publishers in 1 16 64; do
                publishes "$publishers" >>"$out/$fsync.$publishers"
                bare_calls "$publishers" >>"$out/$fsync.bare.$publishers"
            done
            stop_fcgiwait
            end redis_pid
        done
    done
    echo "Acknowledged publishes per second through nginx, and bare calls, medians of $blocks:"
    echo
    echo "| publishers | everysec | bare | share | always | bare | share |"
    echo "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for publishers in 1 16 64; do
        echo "| $publishers |$(for fsync in everysec always; do
            echo "$(median <"$out/$fsync.$publishers") $(median <"$out/$fsync.bare.$publishers")" |
                awk '{ printf " %d | %d | %.2f |", $1, $2, $1 / $2 }'
        done)"
    done
    echo
}

# --- large ---

fill_redis() {
    redis EVAL "
        local tag = '{fcgiwait}:'
        local n = tonumber(redis.call('HGET', tag .. 'state', 'newest'))
        local body = 'text/plain\n' .. string.rep('x', 1024)
        for i = 1, $resources do
            local path = '/r/things/' .. i
            redis.call('ZADD', tag .. 'index', string.format('%.0f', n + i), path)
            redis.call('HSET', tag .. 'times', path, '0')
            redis.call('HSET', tag .. 'docs', path, body)
        end
        redis.call('HSET', tag .. 'state', 'newest', string.format('%.0f', n + $resources))
        return 1" 0 >/dev/null
}

# 1,000 changes per second, by the script.
write_on() {
    local i line
    line=$(printf '"%s" ' EVALSHA "${call[@]}")
    while [ ! -e "$out/enough" ]; do
        for i in {1..100}; do
            echo "${line//__rand_int__/$i}"
        done
        sleep 0.1
    done | redis >/dev/null
}

newest() {
    redis HGET '{fcgiwait}:state' newest
}

# From the start of the program until it serves, in milliseconds; and changes per second then.
start_takes() {
    local from=$EPOCHREALTIME index
    index=$(newest)
    over_redis
    awk -v from="$from" -v until="$EPOCHREALTIME" -v changes="$(($(newest) - index))" \
        'BEGIN { printf "%.0f %.0f\n", 1000 * (until - from), changes / (until - from) }'
}

gets() {
    "$out/load" get --port "$port" --clients 64 --seconds "$seconds" 2>>"$out/load.log" |
        jq '.per_second.gets'
}

measure_large() {
    local block
    start_redis everysec
    over_redis
    start_nginx "$out/over"
    learn_call
    stop_fcgiwait
    fill_redis
    for ((block = 0; block < blocks; block++)); do
        rm -f "$out/enough"
        write_on &
        writer_pid=$!
        sleep 1
        start_takes >>"$out/starts"
        touch "$out/enough"
        wait "$writer_pid"
        start_nginx "$out/over"
        gets >>"$out/gets.redis"
        stop_fcgiwait
        start_fcgiwait "$out/memory" -o store.type=memory
        start_nginx "$out/memory"
        gets >>"$out/gets.memory"
        stop_fcgiwait
    done
    end redis_pid
    echo "$resources resources of 1 KB, medians of $blocks:"
    echo
    echo "- a start while $(cut -d' ' -f2 "$out/starts" | median) changes per second go on:" \
        "$(cut -d' ' -f1 "$out/starts" | median) ms"
    echo "- plain GETs per second: $(median <"$out/gets.redis"), with the memory store" \
        "$(median <"$out/gets.memory")"
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
