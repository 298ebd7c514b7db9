#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs fuzz targets, built with configure --enable-fuzzers: fuzz/run.sh TARGET...
#
#   FUZZ_SECONDS=600   how long each of them runs (10)
#   FUZZ_FOUND=DIR     where the inputs go that broke a promise (found)
#   FUZZ_KEEP=yes      what got further than all kept inputs is kept, too: of it the few that cover
#                      all of it together, however often each branch is taken
#
# They start from the kept inputs. Says "ok NAME" or "not ok NAME" for each, and for a broken one
# what libFuzzer said, the input with it.
set -u
fuzz=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-10}
found=${FUZZ_FOUND:-found} keep=${FUZZ_KEEP:-}

run_one() {
    local target=$1 name kept work log failed=0
    name=$(basename "$target")
    kept=("$fuzz/corpus/$name")
    [ ! -d "$fuzz/regression/$name" ] || kept+=("$fuzz/regression/$name")
    work=$(mktemp -d)
    log=$work/log
    mkdir "$work/new"
    "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$found/$name-" "$work/new" "${kept[@]}" >"$log" 2>&1 || failed=1
    if [ "$failed" = 0 ]; then
        echo "ok $name $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs"
        [ -z "$keep" ] || "$target" -set_cover_merge=1 -use_counters=0 -rss_limit_mb=2048 \
            "$fuzz/corpus/$name" "$work/new" >"$log" 2>&1 || failed=1
    else
        echo "not ok $name"
        tail -n 40 "$log"
    fi
    rm -rf "$work"
    return "$failed"
}
export -f run_one
export fuzz seconds found keep

mkdir -p "$found"
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I{} bash -c 'run_one {}'
status=$?
rmdir "$found" 2>/dev/null || true
exit "$status"
