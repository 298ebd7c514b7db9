#!/bin/bash
# SPDX-License-Identifier: ISC
# Draws what run.sh measured: plots.sh OUT reads OUT/results.json and writes time.svg,
# memory.svg and publish.svg beside it.
set -euo pipefail
out=$1
names='{fcgiwait: "fcgiwait", nchan: "nchan", go: "Go", node: "Node", threads: "libfcgi, threads"}'

# lines LIST COLUMN FILTER: a table with a line for each n and a column for each peer.
lines() {
    jq -r --arg list "$1" "$names as \$names
        | .[\$list] as \$rows | (\$names | keys_unsorted
            | map(select(. as \$peer | \$rows | any(has(\$peer))))) as \$peers
        | ([\"n\"] + (\$peers | map(\$names[.])) | @tsv),
          (\$rows[] | . as \$row | select($2)
            | [.n] + (\$peers | map(\$row[.] // {} | $3 // \"NaN\")) | @tsv)" "$out/results.json"
}

# draw NAME TITLE X Y [LINE]...: one curve for each column of NAME.tsv.
draw() {
    local name=$1 title=$2 x=$3 y=$4 columns
    shift 4
    columns=$(head -1 "$out/$name.tsv" | awk -F'\t' '{ print NF }')
    [ "$(wc -l <"$out/$name.tsv")" -gt 1 ] || return 0
    gnuplot <<END
set terminal svg size 760,460 font "sans-serif,13" background "white"
set output "$out/$name.svg"
set datafile separator "\t"
set title "$title"
set xlabel "$x"
set ylabel "$y"
set grid ytics
set key outside right top
set yrange [0:]
set style data linespoints
$(printf '%s\n' "$@")
plot for [i=2:$columns] "$out/$name.tsv" using 1:i title columnheader(i) linewidth 2 pointtype 7 pointsize 0.6
END
}

lines scale '.n >= 100' '.us_per_waiter.median' >"$out/time.tsv"
lines memory '.n >= 100' '.bytes_per_waiter' >"$out/memory.tsv"
lines publish true '.rate.median' >"$out/publish.tsv"
draw time "One change for N waiting clients" "clients waiting" "microseconds per waiter" 'set xrange [0:]'
draw memory "Memory of the server for each waiting request" "clients waiting" "bytes" \
    'set logscale y' 'set yrange [10:]' 'set xrange [0:]'
draw publish "Publishing, nobody waits" "publishers" "publishes per second" 'set logscale x 2' \
    'set xtics (1, 16, 64)' 'set xrange [1:80]'
