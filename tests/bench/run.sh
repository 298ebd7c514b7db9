#!/bin/bash
# SPDX-License-Identifier: ISC
# What does one gain or lose with fcgiwait against what one would use instead? Measures it and
# its peers behind the same nginx on this machine, in turns, and tells medians and ratios.
#
#   tests/bench/run.sh [--quick] [--readme] [PART]...
#   tests/bench/run.sh --build
#
#   broadcast  CLIENTS wait on one resource, a publish answers all of them, they ask again
#   scale      the same with fewer clients
#   distinct   each waits on a resource of its own, publishers go round them without a pause
#   groups     the same, but EACH wait on one resource: fewer publishes go through the same nginx
#   churn      as distinct, and every tenth client comes and goes all the time
#   get        plain GETs over 64 connections
#   memory     N wait, each N on a server that was started for it
#   publish    publishes without a pause, nobody waits
#   silence    CLIENTS wait and nothing happens: does anybody wake up?
#   kill       KILLED waiting clients hang up at once: how long does the server remember?
#   wrk        plain GETs as wrk counts them
#   feeds      distinct at RATE changes/s, waited for alone, and by name below one path
#   pages      another client's GETs while somebody reads RESOURCES of 1 KB, page by page, from
#              the beginning and again; and while somebody reads a document as large as a page
#   streams           broadcast, to CLIENTS that read an event stream each
#   streams-distinct  distinct, likewise
#   streams-groups    groups, likewise
#   streams-memory    memory, likewise
#   streams-silence   silence, likewise
# and, instead of single ones:
#   all         broadcast scale memory distinct churn get publish silence kill (the default)
#   foundation  fcgiwait and Go alone: broadcast memory wrk silence kill
#   soak        fcgiwait and nchan alone: distinct and churn, SOAK seconds each
#   streaming   broadcast and distinct, by long polls and by streams
#   streams-soak  fcgiwait alone: distinct by long polls and by streams, SOAK seconds each
#
# --quick    small and short: whether it works, not how fast it is
# --readme   writes the table into README's section "How fast" as well
# --build    builds what the measurements need, and ends
#
# PEERS="fcgiwait old" OLD=PROGRAM compares with an earlier build of fcgiwait alone.
#
# OUT (a new temporary folder by default) gets results.json, results.md and the plots. BUILD
# names a folder in which fcgiwait has been built; without it, it is built in OUT. Needs root
# only where Debian packages are missing. It fails where a measurement is void: the clients could
# not even come to wait.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
readme=$here/../../README
parts='' write_readme=false quick=false builds_only=false failed=0

while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=true ;;
    --readme) write_readme=true ;;
    --build) builds_only=true ;;
    all) parts="broadcast scale memory distinct churn get publish silence kill" ;;
    foundation)
        parts="broadcast memory wrk silence kill"
        PEERS=${PEERS:-fcgiwait go}
        ;;
    soak)
        parts="distinct churn"
        PEERS=${PEERS:-fcgiwait nchan}
        SECONDS_EACH=${SOAK:-300}
        ;;
    streaming) parts="broadcast streams distinct streams-distinct streams-memory streams-silence" ;;
    streams-soak)
        parts="distinct streams-distinct"
        PEERS=${PEERS:-fcgiwait}
        SECONDS_EACH=${SOAK:-300}
        ;;
    feeds | pages | streams | streams-distinct | streams-groups | streams-memory | streams-silence | broadcast | scale | memory | distinct | groups | churn | get | publish | silence | kill | wrk)
        parts="$parts $1"
        ;;
    *)
        sed -n '2,/^set -eu/{/^set -eu/!s/^# \{0,1\}//p}' "$0" >&2
        exit 64
        ;;
    esac
    shift
done
parts=${parts:-broadcast scale memory distinct churn get publish silence kill}

# value NAME FULL QUICK: from the environment, or one of the two.
value() {
    local default=$2
    ! $quick || default=$3
    printf -v "$1" '%s' "${!1:-$default}"
}
value CLIENTS 8000 200
value BLOCKS 4 1
value ROUNDS 5 2
value SCALE "1 1000 2000 4000" "1 100"
value SCALE_BLOCKS 2 1
value PUBLISHERS 16 4
value EACH 8 4
value SECONDS_EACH 12 1
value RATE 2000 500
value RESOURCES 99990 2000
value PAGES_TURNS 5 1
value GET_TIMES 3 1
value GET_SECONDS 4 1
value KILLED 5000 100
value SILENCE 30 1
peers=${PEERS:-fcgiwait nchan go node threads least ceiling}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-bench.XXXXXX")}
build=${BUILD:-$out/build}

wants() {
    [[ " $parts " = *" $1 "* ]]
}

# shellcheck source=peers.sh
. "$here/peers.sh"

# --- measuring ---

# load_at LIST PEER MODE [OPTION]...: one result, into the list.
load_at() {
    local list=$1 peer=$2 mode=$3 waiting='"waiting":'
    shift 3
    local processes=(--pid "nginx=${nginx_pid[$peer]}")
    if [ "$peer" = nchan ]; then
        waiting='subscribers: '
    else
        processes+=(--pid "server=${pid[$peer]}")
    fi
    printf '%-9s %s ' "$list" "$peer" >&2
    "$out/bin/load" "$mode" --port "${port[$peer]}" --status /status --waiting "$waiting" \
        "${processes[@]}" "$@" >"$out/one.json" || failed=1
    jq -c --arg peer "$peer" '. + {peer: $peer}' "$out/one.json" >>"$out/$list.jsonl"
}

# The peers that take part in $part.
taking_part() {
    local peer
    for peer in $peers; do
        if [[ " ${bounds[$peer]:-$part} " = *" $part "* ]]; then
            echo "$peer"
        fi
    done
}

# in_turn TIMES FUNCTION [ARGUMENT]...: FUNCTION PEER ARGUMENT..., for all that take part.
in_turn() {
    local times=$1 function=$2 peer
    shift 2
    for _ in $(seq "$times"); do
        for peer in $(taking_part); do
            "$function" "$peer" "$@"
        done
    done
}

broadcast_at() {
    load_at broadcast "$1" broadcast --clients "$CLIENTS" --rounds "$ROUNDS"
}
scale_at() {
    local rounds=$ROUNDS
    [ "$2" != 1 ] || rounds=$((20 * ROUNDS))
    load_at scale "$1" broadcast --clients "$2" --rounds "$rounds"
}
streams_at() {
    load_at streams "$1" broadcast --stream --clients "$CLIENTS" --rounds "$ROUNDS"
}
distinct_at() {
    local stream=
    [[ $2 != streams-* ]] || stream=--stream
    load_at "$2" "$1" "$3" $stream --clients "$CLIENTS" --publishers "$PUBLISHERS" \
        --seconds "$SECONDS_EACH" "${@:4}"
}
publish_at() {
    load_at publish "$1" publish --clients "$CLIENTS" --publishers "$2" --seconds "$GET_SECONDS"
}
memory_at() {
    [ "$2" -ge 100 ] || return 0 # pages are too coarse for less
    stop "$1"
    start "$1"
    load_at "${3:-memory}" "$1" hold ${3:+--stream} --clients "$2" --seconds 0
}
silence_at() {
    load_at "${2:-silence}" "$1" hold ${2:+--stream} --clients "$CLIENTS" --seconds "$SILENCE"
}
kill_at() {
    load_at kill "$1" hold --clients "$KILLED" --seconds 1 --kill
}

get_at() {
    load_at get "$1" get --clients 64 --seconds "$GET_SECONDS"
}

measure_broadcast() {
    in_turn "$BLOCKS" broadcast_at
}
feeds_at() {
    load_at "$2" "$1" distinct "${@:3}" --clients "$CLIENTS" --publishers "$PUBLISHERS" \
        --seconds "$SECONDS_EACH" --rate "$RATE"
}
measure_feeds() {
    local peers=fcgiwait
    in_turn 1 feeds_at singles
    in_turn 1 feeds_at feeds --feed --read /f
}
# aside_at LIST PEER [PREFIX]: while somebody reads what is at PREFIX.
aside_at() {
    local list=$1 peer=$2 reader=
    if [ $# -gt 2 ]; then
        "$out/bin/load" pages --port "${port[$peer]}" --clients 1 --read "$3" \
            --seconds $((GET_SECONDS + 1)) >"$out/reader.json" 2>"$out/reader" &
        reader=$!
        sleep 0.5
    fi
    load_at "$list" "$peer" aside --seconds "$GET_SECONDS"
    [ -z "$reader" ] || wait "$reader"
}
measure_pages() {
    local peers=fcgiwait peer=fcgiwait
    head -c 1048576 /dev/zero >"$out/large"
    curl -sf -o "$out/first" -T "$out/large" "http://127.0.0.1:${port[$peer]}/publish/large"
    "$out/bin/load" publish --port "${port[$peer]}" --clients "$RESOURCES" --publishers 32 \
        --body 1024 --seconds 0.01 >"$out/one.json"
    for _ in $(seq "$PAGES_TURNS"); do
        aside_at alone "$peer"
        aside_at pages "$peer" /f
        aside_at large "$peer" /large
    done
}
measure_streams() {
    in_turn "$BLOCKS" streams_at
}
measure_streams-distinct() {
    in_turn 1 distinct_at streams-distinct distinct
}
measure_streams-groups() {
    in_turn 1 distinct_at streams-groups distinct --each "$EACH"
}
measure_streams-memory() {
    in_turn 1 memory_at "$CLIENTS" streams-memory
}
measure_streams-silence() {
    local peers=fcgiwait
    in_turn 1 silence_at streams-silence
}
measure_scale() {
    local n
    for n in $SCALE; do
        in_turn "$SCALE_BLOCKS" scale_at "$n"
    done
}
measure_memory() {
    local n
    for n in $SCALE $CLIENTS; do
        in_turn 1 memory_at "$n"
    done
}
measure_distinct() {
    in_turn 1 distinct_at distinct distinct
}
measure_groups() {
    in_turn 1 distinct_at groups distinct --each "$EACH"
}
measure_churn() {
    in_turn 1 distinct_at churn churn
}
measure_publish() {
    local n
    for n in 1 16 64; do
        in_turn 1 publish_at "$n"
    done
}
measure_silence() {
    local peers=fcgiwait # nobody else claims it, and it takes its time
    in_turn 1 silence_at
}
measure_kill() {
    in_turn 1 kill_at
}
measure_get() {
    in_turn "$GET_TIMES" get_at
}

wrk_at() {
    local rate bad
    wrk -t1 -c64 -d"${GET_SECONDS}s" "http://127.0.0.1:${port[$1]}/r/all" >"$out/wrk.txt"
    rate=$(awk '/^Requests\/sec:/ { print $2 }' "$out/wrk.txt")
    bad=$(awk '/Non-2xx/ { n = $NF } /Socket errors/ { n += $4 + $6 + $8 + $10 }
               END { print n + 0 }' "$out/wrk.txt")
    say "wrk       $1 $rate/s, bad $bad"
    jq -nc --arg peer "$1" --argjson rate "$rate" --argjson bad "$bad" '$ARGS.named' \
        >>"$out/wrk.jsonl"
}
measure_wrk() {
    local peer
    for peer in $(taking_part); do # so that there is a document
        "$out/bin/load" get --port "${port[$peer]}" --seconds 0.1 >"$out/one.json"
    done
    in_turn "$GET_TIMES" wrk_at
}

# --- telling ---

machine() {
    local system
    system=$(. /etc/os-release && echo "$NAME ${VERSION_ID:-}")
    echo "$(nproc) cores, $(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo) GiB," \
        "${system/GNU\/Linux /}"
}

collect() {
    local list
    for list in broadcast scale memory distinct churn get publish silence kill wrk singles feeds alone pages large streams \
        groups streams-distinct streams-groups streams-memory streams-silence; do
        [ -e "$out/$list.jsonl" ] || : >"$out/$list.jsonl"
        printf -- '--slurpfile\n%s\n%s\n' "${list//-/_}" "$out/$list.jsonl"
    done | xargs jq -n --arg date "$(date -u +%F)" --arg machine "$(machine)" \
        --argjson cores "$(nproc)" --argjson each "$EACH" --arg busy "$busy" \
        --arg nginx_errors "$(cat "$out"/*/nginx.log | wc -l)" \
        -f "$here/summary.jq" >"$out/results.json"
    jq -r '.markdown' "$out/results.json" >"$out/results.md"
}

# The section "How fast", up to the next one; where there is none yet, before that on the source.
into_readme() {
    { echo "## How fast" && echo && jq -r '.readme' "$out/results.json" && echo; } >"$out/section"
    awk -v section="$out/section" '
        function put() { while ((getline line < section) > 0) print line; done = 1 }
        /^## / { inside = /^## How fast$/; if (!done && (inside || /^## The source$/)) put() }
        !inside
        END { if (!done) { print ""; put() } }' "$readme" >"$out/README"
    cat "$out/README" >"$readme"
}

mkdir -p "$out"
if $builds_only; then
    build_all
    exit
fi
rm -f "$out"/*.jsonl
busy=$(cut -d' ' -f1 /proc/loadavg)
ulimit -n "$(ulimit -Hn)"
install_missing
trap stop_all EXIT
trap 'exit 130' INT TERM
build_all
for peer in $peers; do
    start "$peer"
done
for part in $parts; do
    "measure_$part"
done
collect
"$here/plots.sh" "$out"
! $write_readme || into_readme
cat "$out/results.md"
say "all of it: $out"
exit "$failed"
