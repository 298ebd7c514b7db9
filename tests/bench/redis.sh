#!/bin/bash
# SPDX-License-Identifier: ISC
# What does the store in Redis cost? Two measurements on this machine:
#
#   tests/bench/redis.sh [--quick] [publish] [large]
#
#   publish  acknowledged publishes per second at 1, 16 and 64 publishers through nginx, with
#            appendfsync everysec and always, and beside them redis-benchmark of the same script with
#            as many clients, without nginx and fcgiwait before it; in turns
#   large    RESOURCES of 1 KB: how long a start takes while RATE changes per second are asked for (1,000:
#            a busy Redis takes less of them); and plain GETs per second, and one change for 4,000 who
#            wait, beside the memory store
#
# BUILD names a folder in which fcgiwait has been built. The files lie in OUT (a new temporary folder by
# default). Needs jq, nginx, spawn-fcgi and redis-server (with redis-benchmark and redis-cli).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=functions.sh
. "$here/functions.sh"
PATH=$PATH:/usr/sbin:/sbin
parts='' blocks=3 seconds=4 resources=${RESOURCES:-100000} rate=${RATE:-1000} calls=60000 waiting=4000
while [ $# -gt 0 ]; do
    case $1 in
    --quick) blocks=1 seconds=1 resources=2000 calls=5000 waiting=100 ;;
    publish | large) parts="$parts $1" ;;
    *) usage ;;
    esac
    shift
done
parts=${parts:-publish large}
build=${BUILD:?names no folder in which fcgiwait has been built}
begin
monitor_pid='' writer_pid=''

stop_all() {
    touch "$out/enough" # for write_on()
    end monitor_pid
    stop_fcgiwait
    end redis_pid
}

over_redis() {
    # An option that is given twice counts once; the type has to be given.
    start_fcgiwait "$out/over" -o store.type=redis -o "store.url=redis://127.0.0.1:$redis_port/0"
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
    # sha, count, nine keys, eight arguments, then: what, path, base, type, body, trace
    [ ${#call[@]} = 25 ] || { say "a call that is none: ${call[*]}"; exit 1; }
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

# RATE changes per second, by the script: what is due by the clock, however slow the machine is.
write_on() {
    local began=${EPOCHREALTIME/./} made=0 line
    line=$(printf '"%s" ' EVALSHA "${call[@]}")
    while [ ! -e "$out/enough" ]; do
        for ((; made < (${EPOCHREALTIME/./} - began) * rate / 1000000; made++)); do
            echo "${line//__rand_int__/$((made % 100))}"
        done
        sleep 0.02
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

# How long one change takes for each of those who wait, in microseconds.
waits() {
    "$out/load" broadcast --port "$port" --status /status --clients "$waiting" --rounds 5 \
        2>>"$out/load.log" >"$out/one.json"
    jq -e '.errors == 0 and .trouble == ""' "$out/one.json" >/dev/null || say "void: $out/one.json"
    jq '.rounds_us_per_waiter[]' "$out/one.json"
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
        waits >>"$out/waits.redis"
        stop_fcgiwait
        start_fcgiwait "$out/memory" -o store.type=memory
        start_nginx "$out/memory"
        gets >>"$out/gets.memory"
        waits >>"$out/waits.memory"
        stop_fcgiwait
    done
    end redis_pid
    echo "$resources resources of 1 KB, medians of $blocks:"
    echo
    echo "- a start while $(cut -d' ' -f2 "$out/starts" | median) changes per second go on:" \
        "$(cut -d' ' -f1 "$out/starts" | median) ms"
    echo "- plain GETs per second: $(median <"$out/gets.redis"), with the memory store" \
        "$(median <"$out/gets.memory")"
    echo "- one change for $waiting who wait, microseconds each: $(median <"$out/waits.redis")," \
        "with the memory store $(median <"$out/waits.memory")"
    echo
}

measure
