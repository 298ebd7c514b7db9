#!/bin/bash
# SPDX-License-Identifier: ISC
# The histogram of deliveries in the metrics beside what is measured of the same span without it.
#
#   [OUT=DIR] [BUILD=DIR] [ROUNDS=3] tests/bench/delivery.sh
#
# Three loads each round, a line for each: the buckets (ms, upper bound) in which p50 and p99 lie, of
#
#   histogram  as the status tells it: from a change to its answer in nginx's hands
#   handed     the same span, measured at the edge of the process (peers/handed.c): from a publish being
#              read to its answer being sent
#   client     as load sees it: from sending a publish to reading its answer, nginx and load included
#
# and, of histogram and handed, the share of deliveries that lie in different buckets.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=fcgiwait
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-8}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-delivery.XXXXXX")}
build=${BUILD:-$out/build}

wants() { false; }

# shellcheck source=peers.sh
. "$here/peers.sh"

preload() {
    printf '%s\n' '#!/bin/sh' \
        "LD_PRELOAD='$out/bin/handed.so' HANDED='$out/handed' exec '${FCGIWAIT:-$build/src/fcgiwait}' \"\$@\"" \
        >"$out/bin/fcgiwait"
    chmod +x "$out/bin/fcgiwait"
    FCGIWAIT=$out/bin/fcgiwait
}

# one LOAD [OPTION]...
one() {
    rm -f "$out/handed"
    start fcgiwait
    "$out/bin/load" "$@" --port "${port[fcgiwait]}" --status /status --waiting '"waiting":' \
        >"$out/load.json" 2>>"$out/load.log"
    curl -s "http://127.0.0.1:${port[fcgiwait]}/status" | jq -c '.delivery_seconds.buckets' >"$out/buckets.json"
    stop fcgiwait
    [ -s "$out/handed" ] || {
        say "nothing was seen of what it sends: was it built with _FORTIFY_SOURCE?"
        exit 1
    }
    jq -nrR --arg name "$*" --slurpfile buckets "$out/buckets.json" --slurpfile load "$out/load.json" '
        ($buckets[0] | map((.[0] // infinite) * 1000)) as $bounds
        | def bucket: . as $ms | first(range($bounds | length) | select($ms <= $bounds[.]));
        def at($part): . as $counts | add as $all
            | first(range(length) | select(($counts[: . + 1] | add) >= $part * $all)) | $bounds[.];
        ($buckets[0] | map(.[1])) as $histogram
        | (reduce inputs as $span ($bounds | map(0); .[$span | tonumber / 1e6 | bucket] += 1)) as $handed
        | ([range($bounds | length) | $histogram[.] - $handed[.] | fabs] | add / 2) as $apart
        | "\($name): \($handed | add) handed, histogram \($histogram | add);"
        + " p50 histogram \($histogram | at(0.5)) handed \($handed | at(0.5)) client \($bounds[$load[0].latency_ms.p50 | bucket]);"
        + " p99 histogram \($histogram | at(0.99)) handed \($handed | at(0.99)) client \($bounds[$load[0].latency_ms.p99 | bucket]);"
        + " apart \($apart / ($histogram | add) * 1e4 | round / 100) %"
        ' "$out/handed"
}

mkdir -p "$out"
ulimit -n "$(ulimit -Hn)"
install_missing
trap stop_all EXIT
trap 'exit 130' INT TERM
build_all
preload
say "load average before: $(cut -d' ' -f1-3 /proc/loadavg)"
for _ in $(seq "$rounds"); do
    one distinct --publishers 1 --rate 50 --clients 200 --seconds "$seconds"
    one distinct --publishers 16 --rate 500 --clients 2000 --seconds "$seconds"
    one broadcast --clients 1000 --rounds 20
done | tee "$out/results.txt"
say "all of it: $out"
