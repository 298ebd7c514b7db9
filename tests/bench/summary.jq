# The lists of results, as one object with medians and ratios, and as Markdown: .markdown is the
# whole report, .readme its beginning. What a void run says counts nowhere: its numbers would
# look too good.

def median: map(select(. != null)) | sort | if length == 0 then null
    elif length % 2 == 1 then .[(length - 1) / 2]
    else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def quarter($at): map(select(. != null)) | sort | if . == [] then null else .[(length - 1) * $at | round] end;
def spread: {median: median, low: quarter(0.1), high: quarter(0.9), count: length};
def ratio($of; $to): if $of == null or $to == null or $to == 0 then null else $of / $to end;
def by_peer: group_by(.peer) | map({key: .[0].peer, value: .}) | from_entries;
def sound: map(select(.trouble == ""));
def total(f): map(f) | add // 0;

# --- measures: each an object by peer ---

# Resident memory for each of those who wait.
def grown($process): .clients as $n | .processes[$process]
    | if . == null then null else (.waiting.rss_kb - .before.rss_kb) * 1024 / $n end;
def cpu($process; per): sound | if length == 0 or .[0].processes[$process] == null then null
    else total(.processes[$process] | .end.cpu_ms - .waiting.cpu_ms) * 1000 / total(per) end;
def void_of: {void: (map(select(.trouble != "")) | length),
              troubles: (map(select(.trouble != "").trouble) | unique)};

def crowd: . as $runs | sound | {us_per_waiter: (map(.rounds_us_per_waiter) | add // [] | spread),
    publish_ms: (map(.publish_ms.p50) | median), wake_ms: (map(.latency_ms.p50) | median),
    late: total(.late), lost: total(.lost), errors: total(.errors),
    not_200: total(.answers | del(.["200"]) | add // 0),
    server_cpu_us: cpu("server"; .published * .clients),
    nginx_cpu_us: cpu("nginx"; .published * .clients)} + ($runs | void_of);
def stream: . as $runs | sound | {delivered: (map(.per_second.delivered) | spread),
    published: (map(.per_second.published) | spread), p50: (map(.latency_ms.p50) | median),
    p99: (map(.latency_ms.p99) | median), max: (map(.latency_ms.max) | max), seconds: total(.seconds),
    late: total(.late), lost: total(.lost), errors: total(.errors), churned: total(.churned)} + ($runs | void_of);
def gets: . as $runs | sound | {rate: (map(.per_second.gets) | spread), errors: total(.errors),
    server_cpu_us: cpu("server"; .per_second.gets * .seconds),
    nginx_cpu_us: cpu("nginx"; .per_second.gets * .seconds)} + ($runs | void_of);
def publishes: . as $runs | sound | {rate: (map(.per_second.published) | spread),
    p50: (map(.publish_ms.p50) | median), errors: total(.errors)} + ($runs | void_of);
def memory: sound | {bytes_per_waiter: (map(grown("server")) | median),
    nginx_bytes_per_waiter: (map(grown("nginx")) | median)};
def quiet: .[0] | {waiting: .most_waiting, seconds, trouble}
    + (.processes.server | {voluntary: (.end.voluntary - .waiting.voluntary),
        involuntary: (.end.involuntary - .waiting.involuntary), cpu_ms: (.end.cpu_ms - .waiting.cpu_ms)});
def killed: .[0] | {waiting: .most_waiting, trouble} + .kill;
def wrk_rates: {rate: (map(.rate) | spread), errors: total(.bad)};

# --- words ---

def called: {"fcgiwait": "fcgiwait", "nchan": "nchan (in nginx)", "go": "Go", "node": "Node",
             "threads": "libfcgi, threads", "ceiling": "ceiling"}[.] // .;
def order: ["fcgiwait", "nchan", "go", "node", "threads", "ceiling"];
def row: "| " + (map(if . == null then "-" else tostring end) | join(" | ")) + " |";
def table($head): [($head | row), ($head | map("---") | row)] + map(row) | join("\n");
def tenth: if . == null then null else (. * 10 | round / 10) end;
def hundredth: if . == null then null else (. * 100 | round / 100) end;
def whole: if . == null then null elif . < 0 then "never" else round end;
def spread_text(f): if . == null or .median == null then null
    else "\(.median | f) (\(.low | f) to \(.high | f))" end;
def size: if . == null then null elif . < 2048 then "\(round) B" else "\(. / 1024 | tenth) KB" end;

# A row of a table with a column for each peer: null where nobody has a value.
def across($peers; $name; $of; f): [$peers[] | . as $peer | ($of[$peer] // {}) | f]
    | if all(. == null) then empty else [$name] + . end;

{$date, $machine, load_before: ($busy | tonumber), nginx_error_lines: ($nginx_errors | tonumber),
 broadcast: ($broadcast | by_peer | map_values(crowd)),
 scale: ($scale + $broadcast | group_by(.clients)
         | map({n: .[0].clients} + (by_peer | map_values(crowd)))),
 memory: ($memory | group_by(.clients)
          | map({n: .[0].clients} + (by_peer | map_values(memory)))),
 distinct: ($distinct | by_peer | map_values(stream)),
 churn: ($churn | by_peer | map_values(stream)),
 get: ($get | by_peer | map_values(gets)),
 wrk: ($wrk | by_peer | map_values(wrk_rates)),
 publish: ($publish | group_by(.publishers)
           | map({n: .[0].publishers} + (by_peer | map_values(publishes)))),
 silence: ($silence | by_peer | map_values(quiet)),
 kill: ($kill | by_peer | map_values(killed)),
 runs: {$broadcast, $scale, $memory, $distinct, $churn, $get, $publish, $silence, $kill, $wrk}}
| . as $all
| [.runs[][].peer] | unique as $found | [order[] | select(. as $peer | $found | index($peer))] as $peers
| ($peers - ["fcgiwait"]) as $others
| ([($broadcast + $memory)[].clients] | max) as $n
| def of_n($list; $n): ($list | map(select(.n == $n)) | .[0]) // {};
  def against($name; $of; f): across($others; $name; $of;
      f | ratio($of.fcgiwait | f; .) | hundredth);
  def void_note: [$all | .broadcast, .distinct, .churn, .get | to_entries[] | select(.value.void > 0)
      | "\(.key | called): \(.value.void) void (\(.value.troubles | join("; ")))"] | unique;
$all + {ratios: ({
    us_per_waiter: ($others | map({key: ., value: ratio($all.broadcast.fcgiwait.us_per_waiter.median; $all.broadcast[.].us_per_waiter.median)}) | from_entries),
    delivered: ($others | map({key: ., value: ratio($all.distinct.fcgiwait.delivered.median; $all.distinct[.].delivered.median)}) | from_entries),
    gets: ($others | map({key: ., value: ratio($all.get.fcgiwait.rate.median; $all.get[.].rate.median)}) | from_entries)})}
| .readme = "Measured on \($date) by `tests/bench/run.sh`; \($machine). Everything runs on that machine: "
    + "the clients, nginx with two workers, and the server behind it. nchan lives inside nginx and has a hop "
    + "less; \"ceiling\" is fcgiwait's front with nothing behind it. Medians; in brackets the range of 8 out of 10.\n\n"
    + "fcgiwait divided by each of the others:\n\n"
    + ([against("Time per waiter, one change for \($n)"; $all.broadcast; .us_per_waiter.median),
        against("Memory per waiting request"; of_n($all.memory; $n); .bytes_per_waiter),
        against("Deliveries per second, a resource each"; $all.distinct; .delivered.median),
        against("Plain GETs per second"; $all.get; .rate.median),
        against("Plain GETs per second (wrk)"; $all.wrk; .rate.median)]
       | table([""] + ($others | map(called)))) + "\n\n"
    + ([across($peers; "One change for \($n): us per waiter"; $all.broadcast; .us_per_waiter | spread_text(tenth)),
        across($peers; "One change for 1,000: us per waiter"; of_n($all.scale; 1000); .us_per_waiter | spread_text(tenth)),
        across($peers; "CPU us per waiter, the server's"; $all.broadcast; .server_cpu_us | tenth),
        across($peers; "CPU us per waiter, nginx's"; $all.broadcast; .nginx_cpu_us | tenth),
        across($peers; "Answers that are not 200"; $all.broadcast; .not_200),
        across($peers; "Memory per waiting request, the server's"; of_n($all.memory; $n); .bytes_per_waiter | size),
        across($peers; "Memory per waiting request, nginx's"; of_n($all.memory; $n); .nginx_bytes_per_waiter | size),
        across($peers; "Publish answered after, \($n) waiting, ms"; $all.broadcast; .publish_ms | hundredth),
        across($peers; "Publish answered after, 1 waiting, ms"; of_n($all.scale; 1); .publish_ms | hundredth),
        across($peers; "A resource each: deliveries per second"; $all.distinct; .delivered.median),
        across($peers; "A resource each: p50, p99, max ms"; $all.distinct;
            if .p50 == null then null else "\(.p50 | tenth), \(.p99 | tenth), \(.max | tenth)" end),
        across($peers; "A resource each: late, lost"; $all.distinct; if .lost == null then null else "\(.late), \(.lost)" end),
        across($peers; "A tenth comes and goes: deliveries per second"; $all.churn; .delivered.median),
        across($peers; "A tenth comes and goes: late, lost"; $all.churn; if .lost == null then null else "\(.late), \(.lost)" end),
        across($peers; "Publishes per second, 1 publisher"; of_n($all.publish; 1); .rate.median),
        across($peers; "Publishes per second, 16 publishers"; of_n($all.publish; 16); .rate.median),
        across($peers; "Publishes per second, 64 publishers"; of_n($all.publish; 64); .rate.median),
        across($peers; "Plain GETs per second"; $all.get; .rate | spread_text(round)),
        across($peers; "Plain GETs per second (wrk)"; $all.wrk; .rate | spread_text(round))]
       | table([""] + ($peers | map(called))))
| .markdown = "# fcgiwait and what one would use instead\n\n" + .readme + "\n"
    + "\n## More\n\n"
    + "Load average before the run: \($busy). Lines in nginx's error logs: \($nginx_errors). "
    + ([void_note[] | "Void: \(.). "] | add // "") + "\n"
    + (if $silence == [] then "" else "\n"
       + ([$all.silence | to_entries[] | [(.key | called), .value.waiting, (.value.seconds | tenth), .value.voluntary,
           .value.involuntary, .value.cpu_ms, .value.trouble]]
          | table(["Silence", "waiting", "seconds", "voluntary context switches", "involuntary", "CPU ms", "void because"])) + "\n" end)
    + (if $kill == [] then "" else "\n"
       + ([$all.kill | to_entries[] | [(.key | called), .value.waiting, (.value.closed_ms | whole),
           (.value.nobody_waits_ms | whole), (.value.descriptors_back_ms | whole), .value.trouble]]
          | table(["All hang up at once", "waiting", "ms to close them", "ms until nobody waits",
             "ms until descriptors are back", "void because"])) + "\n" end)
