#!/bin/bash
# SPDX-License-Identifier: ISC
# A long life: hour after hour of polls, publishes, streams, lists and hang-ups over the durable store,
# with somebody who looks at the live page, and after each round everybody else goes and one looks what
# is left: memory, descriptors, threads.
#
#   [SOAK=3600] [CLIENTS=1000] [RATE=300] [OUT=DIR] [BUILD=DIR] tests/bench/soak.sh
#
# SOAK seconds of rounds; in each of them CLIENTS wait as long polls, come and go, stream, follow a list,
# and hang up all at once, while RATE changes/s are published. OUT gets rest.tsv, a line for each round, and
# load.jsonl, what the clients saw. It fails where a client lost a change, where something grew, or
# where fcgiwait does not end with status 0.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=fcgiwait
soak=${SOAK:-3600} clients=${CLIENTS:-1000} rate=${RATE:-300} each=${SECONDS_EACH:-25}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-soak.XXXXXX")}
build=${BUILD:-$out/build}
failed=0 viewer=''

wants() { false; }

# shellcheck source=peers.sh
. "$here/peers.sh"

# Instead of the bench's: the store that keeps what it is told.
serve() {
    local dir=$out/$1
    printf '%s\n' 'max_waiting = 10000;' "store = { type = \"sqlite\"; file = \"$dir/db\"; };" \
        >"$dir/fcgiwait.conf"
    spawn "${FCGIWAIT:-$build/src/fcgiwait}" -c "$dir/fcgiwait.conf"
}

number() {
    curl -s "http://127.0.0.1:${port[fcgiwait]}/status" |
        jq -r --arg name "$1" '.[$name] // 0'
}

load() {
    local name=$1
    shift
    "$out/bin/load" "$@" --port "${port[fcgiwait]}" --status /status --clients "$clients" \
        --seconds "$each" >"$out/one.json" 2>>"$out/load.log" || true
    jq -c --arg name "$name" '{name: $name} + .' "$out/one.json" >>"$out/load.jsonl"
}

# Whose stream ends (stream.max) comes back.
look_at_page() {
    while sleep 1; do
        curl -sN "http://127.0.0.1:${port[fcgiwait]}/page?events" | grep -a -c '^data:' >>"$out/viewer" || true
    done
}

# Polls, streams and lists are told the same topics, in turns.
one_round() {
    load polls distinct --publishers 4 --rate "$rate"
    load churn churn --publishers 4 --rate "$rate"
    load streams distinct --stream --publishers 4 --rate "$rate"
    load lists distinct --feed --read /f --publishers 4 --rate "$rate"
    load leaving hold --kill
}

# seconds rss_kb descriptors threads cpu_ms waiting delivered
look() {
    local process=/proc/${pid[fcgiwait]}
    for _ in $(seq 100); do
        [ "$(number waiting)" != 0 ] || break
        sleep 0.1
    done
    sleep 2 # connections that nginx lets go of
    printf '%d\t%d\t%d\t%d\t%d\t%d\t%d\n' "$SECONDS" \
        "$(awk '/^VmRSS/ { print $2 }' "$process/status")" "$(find "$process/fd" -mindepth 1 | wc -l)" \
        "$(awk '/^Threads/ { print $2 }' "$process/status")" \
        "$(awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / tick }' "$process/stat")" \
        "$(number waiting)" "$(number held_changed)" >>"$out/rest.tsv"
}

# What one round leaves more than the one before, from the third round on: the first two fill what is
# kept for good. Descriptors that nginx keeps open are as many as its idle connections.
judge() {
    awk -F '\t' '
        { rss[NR] = $2; fds[NR] = $3; threads[NR] = $4; if ($6 > 0) waiting = 1 }
        END {
            first = NR > 6 ? 3 : 1
            third = int((NR - first + 1) / 3); if (third < 1) third = 1
            for (i = 0; i < third; i++) { early += rss[first + i]; late += rss[NR - i] }
            growth = (late - early) / third
            for (i = first; i <= NR; i++) {
                if (threads[i] != threads[first]) bad = bad " threads"
                if (fds[i] > most) most = fds[i]
            }
            printf "%d rounds; RSS at rest %d kB, then %d kB (%+d); descriptors %d, then %d, %d at most; threads %d\n",
                NR, early / third, late / third, growth, fds[first], fds[NR], most, threads[NR]
            if (growth > 512 + early / third / 20) bad = bad " memory"
            if (fds[NR] > fds[first] + 32) bad = bad " descriptors"
            if (waiting) bad = bad " waiting"
            if (bad != "") print "grew:" bad
            exit bad != ""
        }' "$out/rest.tsv" || failed=1
    jq -s 'group_by(.name)[] | {name: .[0].name, runs: length, delivered: (map(.delivered) | add),
        lost: (map(.lost) | add), late: (map(.late) | add), errors: (map(.errors) | add),
        trouble: (map(.trouble // empty) | unique)}' -c "$out/load.jsonl"
    jq -s -e 'map(.lost) | add == 0' "$out/load.jsonl" >/dev/null || failed=1
}

# It had an event for each second, but for those between two streams.
end_viewer() {
    local events
    pkill -P "$viewer" curl || true
    sleep 0.5 # what it saw is counted
    kill "$viewer"
    wait "$viewer" 2>/dev/null || true
    viewer=
    events=$(awk '{ sum += $1 } END { print sum + 0 }' "$out/viewer")
    echo "the live page: $events events in $SECONDS s"
    [ "$events" -gt $((SECONDS / 2)) ] || failed=1
}

end_server() {
    local server=${pid[fcgiwait]} status=0
    kill -TERM "$server"
    wait "$server" || status=$?
    [ "$status" = 0 ] || {
        echo "fcgiwait ended with status $status"
        failed=1
    }
    ! grep -E 'error:|AddressSanitizer|ThreadSanitizer' "$out/fcgiwait/log" || failed=1
}

mkdir -p "$out"
rm -f "$out"/*.jsonl "$out/rest.tsv" "$out/viewer"
ulimit -n "$(ulimit -Hn)"
install_missing
trap '[ -z "$viewer" ] || kill "$viewer"; stop_all' EXIT
trap 'exit 130' INT TERM
build_all
start fcgiwait
SECONDS=0
look_at_page &
viewer=$!
while [ "$SECONDS" -lt "$soak" ]; do
    one_round
    look
done
end_viewer
end_server
judge
say "all of it: $out"
exit "$failed"
