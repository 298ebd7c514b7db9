# The lists of results, as one object with medians, and as Markdown in .markdown. What a void
# run says counts nowhere: its numbers would look too good.

def median: sort | if length == 0 then null
    elif length % 2 == 1 then .[(length - 1) / 2]
    else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def tenth: if . == null then "-" else (. * 10 | round / 10 | tostring) end;
def hundredth: if . == null then "-" else (. * 100 | round / 100 | tostring) end;
def whole: if . == null then "-" elif . < 0 then "never" else round end;
def ratio($of; $to): if $of == null or $to == null or $to == 0 then null else $of / $to end;
def called: {"fw": "fcgiwait", "go": "Go"}[.] // .;
def row: "| " + (map(. // "-" | tostring) | join(" | ")) + " |";
def table($head): [($head | row), ($head | map("---") | row)] + map(row) | join("\n");
def is_void: .trouble != "";
def unless_void(f): if is_void then {trouble} else f end;
def by_peer: group_by(.peer) | map({key: .[0].peer, value: .}) | from_entries;
def server($moment; $what): .processes.server[$moment][$what];

# Resident memory of the first who ever waited, and the most at any time; from before them.
def memory: . as $runs | if $runs == [] then {} else ($runs[0] | server("before"; "rss_kb")) as $start
    | def each_of($kb): ($kb - $start) * 1024 / $runs[0].clients;
      {bytes_per_waiter: each_of($runs[0] | server("waiting"; "rss_kb")),
       peak_bytes_per_waiter: each_of($runs | map(server("waiting", "end"; "rss_kb")) | max)} end;
# Processor time of a change for each waiter, with its next poll.
def cpu_us($name): if . == [] then null else (map(.processes[$name] | .end.cpu_ms - .waiting.cpu_ms) | add) * 1000
    / (map(.published * .clients) | add) end;

def broadcast: by_peer | map_values(map(select(is_void)) as $void
    | map(select(is_void | not)) | (map(.rounds_us_per_waiter) | add // []) as $rounds
    | {rounds: ($rounds | length), median: ($rounds | median), min: ($rounds | min),
       max: ($rounds | max), lost: (map(.lost) | add), errors: (map(.errors) | add),
       void: ($void | length), troubles: ($void | map(.trouble) | unique),
       arrive_seconds: (map(.arrive_seconds) | median),
       server_cpu_us: cpu_us("server"), nginx_cpu_us: cpu_us("nginx")} + memory);
def get: by_peer | map_values({rates: map(.rate), median: (map(.rate) | median),
                               bad: (map(.bad) | add)});
def silence: by_peer | map_values(.[0] | unless_void({waiting: .most_waiting, seconds, errors,
    voluntary: (server("end"; "voluntary") - server("waiting"; "voluntary")),
    involuntary: (server("end"; "involuntary") - server("waiting"; "involuntary")),
    cpu_ms: (server("end"; "cpu_ms") - server("waiting"; "cpu_ms")),
    threads: server("waiting"; "threads")}));
def kill: by_peer | map_values(.[0] | unless_void({waiting: .most_waiting, errors} + .kill
    + {before: server("before"; "descriptors"), after: server("end"; "descriptors"),
       during: server("waiting"; "descriptors")}));

def say_broadcast: "## One change, \($clients) waiting\n\n" + (to_entries
    | map([(.key | called), (.value.median | tenth), (.value.min | tenth),
           (.value.max | tenth), .value.rounds, (.value.bytes_per_waiter | whole),
           (.value.peak_bytes_per_waiter | whole), (.value.server_cpu_us | tenth),
           (.value.nginx_cpu_us | tenth), .value.lost, .value.errors, .value.void])
    | table(["", "us per waiter, median", "min", "max", "rounds", "RSS bytes per waiter",
             "at the most", "its CPU us per waiter", "nginx's", "lost", "errors", "void"]))
    + "\n\nRatio of the medians, fcgiwait to Go: \(ratio(.fw.median; .go.median) | hundredth) (time), "
    + "\(ratio(.fw.bytes_per_waiter; .go.bytes_per_waiter) | hundredth) (memory)\n";
def say_get: "## Plain GETs, 64 connections\n\n" + (to_entries
    | map([(.key | called), (.value.median | round),
           (.value.rates | map(round) | join(", ")), .value.bad])
    | table(["", "per second, median", "each", "bad"]))
    + "\n\nRatio of the medians, fcgiwait to Go: \(ratio(.fw.median; .go.median) | hundredth)\n";
def say_silence: "## Silence, \($clients) waiting\n\n" + (to_entries
    | map([(.key | called), .value.waiting, (.value.seconds | tenth), .value.voluntary,
           .value.involuntary, .value.cpu_ms, .value.threads, .value.errors,
           .value.trouble])
    | table(["", "waiting", "seconds", "voluntary context switches", "involuntary", "CPU ms",
             "threads", "errors", "void because"])) + "\n";
def say_kill: "## All hang up at once\n\n" + (to_entries
    | map([(.key | called), .value.waiting, (.value.closed_ms | whole),
           (.value.nobody_waits_ms | whole), (.value.descriptors_back_ms | whole),
           .value.before, .value.during, .value.after, .value.errors, .value.trouble])
    | table(["", "waiting", "ms to close them", "ms until nobody waits",
             "ms until descriptors are back", "descriptors before", "during", "after", "errors",
             "void because"])) + "\n";

{machine: {cores: ($cores | tonumber), kernel: $kernel},
 nginx_error_lines: ($nginx_errors | tonumber),
 broadcast: ($broadcast | broadcast), get: ($get | get),
 silence: ($silence | silence), kill: ($kill | kill),
 runs: {$broadcast, $get, $silence, $kill}}
| .markdown = "# fcgiwait and Go, behind one nginx (\($cores) cores)\n\n"
    + ([(select(.broadcast != {}) | .broadcast | say_broadcast),
        (select(.get != {}) | .get | say_get),
        (select(.silence != {}) | .silence | say_silence),
        (select(.kill != {}) | .kill | say_kill)] | join("\n"))
    + "\nLines in nginx's error log: \($nginx_errors)"
