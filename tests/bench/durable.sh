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
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=functions.sh
. "$here/functions.sh"
PATH=$PATH:/usr/sbin:/sbin
parts='' blocks=3 seconds=4 resources=${RESOURCES:-100000} redis_sets=20000
while [ $# -gt 0 ]; do
    case $1 in
    --quick) blocks=1 seconds=1 resources=2000 redis_sets=2000 ;;
    publish | large) parts="$parts $1" ;;
    *) usage ;;
    esac
    shift
done
parts=${parts:-publish large}
build=${BUILD:?names no folder in which fcgiwait has been built}
begin

# over_file DIR [OPTION]...
over_file() {
    start_fcgiwait "$@" -o "store.file=$1/store.db"
}

# --- publish ---

# fcgiwait_publishes SYNC PUBLISHERS
fcgiwait_publishes() {
    over_file "$out/$1" -o "store.sync=$1"
    start_nginx "$out/$1"
    publishes "$2"
    stop_fcgiwait
}

redis_publishes() {
    local clients=$1
    start_redis always
    redis-benchmark -p "$redis_port" -t set -c "$clients" -n $((clients * redis_sets / 16 + 1000)) -r 100 \
        -d 64 --csv 2>/dev/null | awk -F'"' '/SET/ { printf "%.0f\n", $4 }'
    end redis_pid
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
    over_file "$1"
    echo $((($(date +%s%N) - from) / 1000000))
}

resident() {
    awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$fcgiwait_pid/status"
}

measure_large() {
    local block
    over_file "$out/large" && stop_fcgiwait
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

measure
