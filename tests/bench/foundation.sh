#!/bin/bash
# Measures what fcgiwait is built on, against the same service in Go behind the same nginx:
#
#   broadcast  one change answers CLIENTS waiting clients; blocks of rounds, in turn
#   get        plain GETs over 64 connections (wrk), in turn
#   silence    CLIENTS wait and nothing happens: does anybody wake up?
#   kill       KILLED waiting clients hang up at once: how long does the server remember them?
#
# It fails where a measurement is void: the clients could not even come to wait.
# Markdown goes to standard output, everything that was measured to OUT/results.json. Needs root
# only where Debian packages are missing. FCGIWAIT names another fcgiwait than the tree's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fcgiwait=${FCGIWAIT:-$here/../../src/fcgiwait}
out=${OUT:-$(mktemp -d "${TMPDIR:-/tmp}/fcgiwait-bench.XXXXXX")}
clients=${CLIENTS:-8000}
blocks=${BLOCKS:-4}
rounds=${ROUNDS:-5}
killed=${KILLED:-5000}
silence=${SILENCE:-30}
wrk_seconds=${WRK_SECONDS:-5}
wrk_times=${WRK_TIMES:-3}
peers=${PEERS:-fw go}
parts=${PARTS:-broadcast get silence kill}
port=${PORT:-0}
declare -A pid=()
failed=0

say() {
    echo "$*" >&2
}

# --- what is needed ---

install_missing() {
    local missing=() command package
    while read -r command package; do
        command -v "$command" >/dev/null || missing+=("$package")
    done <<END
gcc gcc
go golang-go
jq jq
nginx nginx
spawn-fcgi spawn-fcgi
wrk wrk
END
    [ ${#missing[@]} = 0 ] || apt-get install -y --no-install-recommends "${missing[@]}" >&2
}

build() {
    gcc -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror "$here"/*.c -o "$out/load"
    GO111MODULE=off GOCACHE=$out/go-cache go build -o "$out/peer" "$here/peers/go/main.go"
    wants fw || return 0
    [ -x "$fcgiwait" ] || { say "$fcgiwait is not there: build it first"; exit 1; }
}

wants() {
    [[ " $peers " = *" $1 "* ]]
}

measures() {
    [[ " $parts " = *" $1 "* ]]
}

# --- what is started, and stopped by its number ---

stop_all() {
    local name
    for name in nginx fw go; do
        [ -n "${pid[$name]:-}" ] || continue
        kill -TERM "${pid[$name]}" 2>/dev/null || true
        wait "${pid[$name]}" 2>/dev/null || true
    done
}

await_file() {
    for _ in $(seq 100); do
        [ -e "$1" ] && return
        sleep 0.05
    done
    say "$1 did not appear"
    exit 1
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

start() {
    local descriptors
    [ "$port" != 0 ] || port=$(free_port)
    ulimit -n "$(ulimit -Hn)"
    descriptors=$(ulimit -n)
    [ "$descriptors" != unlimited ] && [ "$descriptors" -le 20000 ] || descriptors=20000
    if wants fw; then
        printf 'max_waiting = 10000;\nstore = { type = "memory"; };\nlog_level = "warn";\n' \
            >"$out/fcgiwait.conf"
        spawn-fcgi -s "$out/fw.sock" -n -b 4096 -- "$fcgiwait" -c "$out/fcgiwait.conf" \
            >"$out/fcgiwait.log" 2>&1 &
        pid[fw]=$!
        await_file "$out/fw.sock"
    fi
    if wants go; then
        "$out/peer" -prefix /go "unix:$out/go.sock" >"$out/peer.log" 2>&1 &
        pid[go]=$!
        await_file "$out/go.sock"
    fi
    "$here/nginx.sh" "$out" "$port" "$out/fw.sock" "$out/go.sock" "$descriptors" \
        >"$out/nginx.conf"
    nginx -e "$out/nginx.log" -p "$out" -c "$out/nginx.conf" &
    pid[nginx]=$!
    await_file "$out/nginx.pid"
}

# --- measuring ---

# load_at LIST PEER MODE [OPTION]...: one result, into the list.
load_at() {
    local list=$1 peer=$2 mode=$3
    shift 3
    printf '%s ' "$peer" >&2
    "$out/load" "$mode" --port "$port" --read "/$peer/r" --publish "/$peer/publish/r" \
        --status "/$peer/status" --pid "server=${pid[$peer]}" --pid "nginx=${pid[nginx]}" \
        "$@" >"$out/one.json" || failed=1
    jq -c --arg peer "$peer" '. + {peer: $peer}' "$out/one.json" >>"$out/$list.jsonl"
}

measure_broadcast() {
    local peer
    for _ in $(seq "$blocks"); do
        for peer in $peers; do
            load_at broadcast "$peer" broadcast --clients "$clients" --rounds "$rounds"
        done
    done
}

wrk_at() {
    local peer=$1 rate bad
    wrk -t1 -c64 -d"${wrk_seconds}s" "http://127.0.0.1:$port/$peer/r/all" >"$out/wrk.txt"
    rate=$(awk '/^Requests\/sec:/ { print $2 }' "$out/wrk.txt")
    bad=$(awk '/Non-2xx/ { n = $NF } /Socket errors/ { n += $4 + $6 + $8 + $10 }
               END { print n + 0 }' "$out/wrk.txt")
    say "$peer get: $rate/s, bad $bad"
    jq -nc --arg peer "$peer" --argjson rate "$rate" --argjson bad "$bad" '$ARGS.named' \
        >>"$out/wrk.jsonl"
}

measure_get() {
    local peer
    for peer in $peers; do # so that there is a document
        load_at get "$peer" get --clients 8 --seconds 1
    done
    for _ in $(seq "$wrk_times"); do
        for peer in $peers; do
            wrk_at "$peer"
        done
    done
}

measure_silence() {
    local peer
    for peer in $peers; do
        load_at silence "$peer" hold --clients "$clients" --seconds "$silence"
    done
}

measure_kill() {
    local peer
    for peer in $peers; do
        load_at kill "$peer" hold --clients "$killed" --seconds 1 --kill
    done
}

# --- telling ---

collect() {
    local name
    for name in broadcast wrk silence kill; do
        [ -e "$out/$name.jsonl" ] || : >"$out/$name.jsonl"
    done
    jq -n --slurpfile broadcast "$out/broadcast.jsonl" --slurpfile get "$out/wrk.jsonl" \
        --slurpfile silence "$out/silence.jsonl" --slurpfile kill "$out/kill.jsonl" \
        --arg clients "$clients" --arg cores "$(nproc)" --arg kernel "$(uname -r)" \
        --arg nginx_errors "$(wc -l <"$out/nginx.log")" \
        -f "$here/summary.jq" >"$out/results.json"
    jq -r '.markdown' "$out/results.json"
}

rm -f "$out"/*.jsonl
install_missing
trap stop_all EXIT
trap 'exit 130' INT TERM
build
start
for part in broadcast get silence kill; do
    ! measures "$part" || "measure_$part"
done
collect
say "all of it: $out/results.json"
exit "$failed"
