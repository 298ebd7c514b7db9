#!/bin/bash
# SPDX-License-Identifier: ISC
# One who reads slowly among many who read fast: streams of one large document that changes all the time.
#
#   [OUT=DIR] [BUILD=DIR] [LISTEN=sndbuf=64k] tests/bench/slow.sh [PART]...
#
#   most   PEERS: as many changes as go, to READERS streams: what these cores can do
#   turns  RATE changes/s, alone and with one who reads PACE bytes/s, TURNS times in turns
#   full   as many changes as go, with the slow one
#
# A line for each run: changes/s, states told to each of the fast ones per second, ms until they are told,
# the CPU of all, the most memory that fcgiwait ever had; of the slow one its bytes/s, and how old
# what it knows ever was: what lies in buffers on the way, nginx's and the kernel's, at its pace.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
parts=${*:-most turns full}
peers=${PEERS:-fcgiwait go nchan}
readers=${READERS:-500} rate=${RATE:-8} pace=${PACE:-100000} body=${BODY:-50000}
seconds=${SECONDS_EACH:-15} turns=${TURNS:-4}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-slow.XXXXXX")}
build=${BUILD:-$out/build}

wants() { false; }

# shellcheck source=peers.sh
. "$here/peers.sh"

# crowd NAME PEER [OPTION]...
crowd() {
    local name=$1 peer=$2 processes=(--pid "nginx=${nginx_pid[$2]}")
    shift 2
    [ "$peer" = nchan ] || processes+=(--pid "server=${pid[$peer]}")
    "$out/bin/load" distinct --stream --port "${port[$peer]}" --clients "$readers" --each "$readers" \
        --publishers 1 --body "$body" --seconds "$seconds" "${processes[@]}" "$@" \
        >"$out/one.json" 2>>"$out/load.log"
    jq -r --arg name "$name $peer" '(.seconds * 10) as $percent
        | "\($name): \(.per_second.published) changes/s, \(.per_second.delivered / .clients * 10 | round / 10) told to each,"
        + " ms p50 \(.latency_ms.p50) p99 \(.latency_ms.p99) max \(.latency_ms.max), lost \(.lost), errors \(.errors);"
        + " CPU %" + ([.processes | to_entries[] | " \(.key) \((.value.end.cpu_ms - .value.waiting.cpu_ms) / $percent | round)"] | join(","))
        ' "$out/one.json"
}

most_memory() {
    awk '/^VmHWM/ { print "    the most memory ever: " $2 " kB" }' "/proc/${pid[fcgiwait]}/status"
}

# with_slow COMMAND...: while one reads slowly, who is there before the changes begin.
with_slow() {
    local slow
    "$out/bin/load" trickle --port "${port[fcgiwait]}" --clients 1 --pace "$pace" \
        --seconds $((seconds + 1)) >"$out/slow.json" 2>>"$out/load.log" &
    slow=$!
    "$@"
    wait "$slow"
    jq -r '"    slow: \(.per_second.bytes) bytes/s, \(.delivered) states, what it knows at most \(.stale_ms.max | round) ms old,"
        + " a state when it is told p50 \(.latency_ms.p50 | round) max \(.latency_ms.max | round) \(.trouble)"' "$out/slow.json"
    most_memory
}

measure_most() {
    local peer
    for peer in $peers; do
        crowd most "$peer"
    done
    most_memory
}

measure_turns() {
    local _
    for _ in $(seq "$turns"); do
        crowd alone fcgiwait --rate "$rate"
        with_slow crowd with fcgiwait --rate "$rate"
    done
}

measure_full() {
    with_slow crowd full fcgiwait
}

mkdir -p "$out"
ulimit -n "$(ulimit -Hn)"
install_missing
trap stop_all EXIT
trap 'exit 130' INT TERM
build_all
say "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
for peer in $peers; do
    start "$peer"
done
for part in $parts; do
    "measure_$part"
done | tee "$out/results.txt"
say "all of it: $out"
