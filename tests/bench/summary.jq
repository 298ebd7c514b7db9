# SPDX-License-Identifier: ISC
# The lists of results, as one object with medians and ratios, and in words: .markdown is the whole
# report, .readme what README shows of it. What a void run says counts nowhere: its numbers would
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
    else ratio(total(.processes[$process] | .end.cpu_ms - .waiting.cpu_ms) * 1000; total(per)) end;
def void_of: {void: (map(select(.trouble != "")) | length),
              troubles: (map(select(.trouble != "").trouble) | unique)};

def asides: sound | {p50: (map(.bystander_ms.p50) | median), p99: (map(.bystander_ms.p99) | median)};

def crowd: . as $runs | sound | {us_per_waiter: (map(.rounds_us_per_waiter) | add // [] | spread),
    publish_ms: (map(.publish_ms.p50) | median), aside_ms: (map(.publish_aside_ms.p50) | median),
    bystander_ms: (map(.bystander_ms.p99) | median), wake_ms: (map(.latency_ms.p50) | median),
    late: total(.late), lost: total(.lost), errors: total(.errors),
    not_200: total(.answers | del(.["200"]) | add // 0),
    server_cpu_us: cpu("server"; .published * .clients),
    nginx_cpu_us: cpu("nginx"; .published * .clients),
    clients_cpu_us: cpu("clients"; .published * .clients)} + ($runs | void_of)
    # What a server can do nothing about: nginx and the clients share the cores with it.
    | .rest_us = if .server_cpu_us == null then null else (.nginx_cpu_us + .clients_cpu_us) / $cores end;
def stream: . as $runs | sound | {delivered: (map(.per_second.delivered) | spread),
    published: (map(.per_second.published) | spread), p50: (map(.latency_ms.p50) | median),
    p99: (map(.latency_ms.p99) | median), max: (map(.latency_ms.max) | max), seconds: total(.seconds),
    late: total(.late), lost: total(.lost), errors: total(.errors), churned: total(.churned),
    server_cpu_us: cpu("server"; .delivered), all_cpu_us: ([cpu("server"; .delivered), cpu("nginx"; .delivered)] | add)} + ($runs | void_of);
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

def order: ["fcgiwait", "old", "nchan", "go", "node", "threads", "least", "ceiling"];
def called: {"go": "Go", "node": "Node"}[.] // .;
def tenth: if . == null then null else (. * 10 | round / 10) end;
def hundredth: if . == null then null else (. * 100 | round / 100) end;
def short: if . == null then null elif . < 1 then hundredth elif . < 100 then tenth else round end;
def whole: if . == null then null elif . < 0 then "never" else round end;
def words: if . == null then "-" else tostring end;

def row: "| " + (map(words) | join(" | ")) + " |";
def markdown_table: (.[0] | row), (.[0] | map("---") | row), (.[1:][] | row);
def padded($width): " " * ([$width - length, 0] | max);
def text_row: (.[0] | words) as $name | "    " + $name + ($name | padded(36))
    + (.[1:] | map(words | padded(10) + .) | join(""));
def text_table: .[] | text_row;
def lines(f): [f] | join("\n");

# A row of a table with a column for each peer; none where nobody has a value.
def across($peers; $name; $of; f): [$peers[] | . as $peer | ($of[$peer] // {}) | f]
    | if all(. == null) then empty else [$name] + . end;

{$date, $machine, load_before: ($busy | tonumber), nginx_error_lines: ($nginx_errors | tonumber),
 broadcast: ($broadcast | by_peer | map_values(crowd)),
 scale: ($scale + $broadcast | group_by(.clients)
         | map({n: .[0].clients} + (by_peer | map_values(crowd)))),
 memory: ($memory | group_by(.clients)
          | map({n: .[0].clients} + (by_peer | map_values(memory)))),
 distinct: ($distinct | by_peer | map_values(stream)),
 groups: ($groups | by_peer | map_values(stream)),
 churn: ($churn | by_peer | map_values(stream)),
 get: ($get | by_peer | map_values(gets)),
 wrk: ($wrk | by_peer | map_values(wrk_rates)),
 publish: ($publish | group_by(.publishers)
           | map({n: .[0].publishers} + (by_peer | map_values(publishes)))),
 silence: ($silence | by_peer | map_values(quiet)),
 kill: ($kill | by_peer | map_values(killed)),
 singles: ($singles | by_peer | map_values(stream)),
 feeds: ($feeds | by_peer | map_values(stream)),
 alone: ($alone | by_peer | map_values(asides)),
 pages: ($pages | by_peer | map_values(asides)),
 large: ($large | by_peer | map_values(asides)),
 streams: ($streams | by_peer | map_values(crowd)),
 streams_distinct: ($streams_distinct | by_peer | map_values(stream)),
 streams_groups: ($streams_groups | by_peer | map_values(stream)),
 streams_memory: ($streams_memory | by_peer | map_values(memory)),
 streams_silence: ($streams_silence | by_peer | map_values(quiet)),
 runs: {$singles, $feeds, $alone, $pages, $large, $streams, $streams_distinct, $groups, $streams_groups, $streams_memory, $streams_silence, $broadcast, $scale, $memory, $distinct, $churn, $get, $publish, $silence, $kill, $wrk}}
| . as $all
| [.runs[][].peer] | unique as $found
| [order[] | select(. as $peer | $found | index($peer))] as $peers
| ($peers - ["fcgiwait"]) as $others
| ([($broadcast + $memory + $streams + $streams_memory)[].clients] | max) as $n
| def of_n($list; $n): ($list | map(select(.n == $n)) | .[0]) // {};
  def against($of; f): [$others[] | {key: ., value: ratio($of.fcgiwait | f; $of[.] | f)}] | from_entries;
  def ratio_row($name; $ratios): across($others; $name; $ratios | map_values({ratio: .}); .ratio | hundredth);

{us_per_waiter: against($all.broadcast; .us_per_waiter.median),
 bytes_per_waiter: against(of_n($all.memory; $n); .bytes_per_waiter),
 delivered: against($all.distinct; .delivered.median),
 stream_us: against($all.streams; .us_per_waiter.median),
 stream_to_poll: ratio($all.streams.fcgiwait.us_per_waiter.median; $all.broadcast.fcgiwait.us_per_waiter.median),
 stream_deliveries_to_poll: ratio($all.streams_distinct.fcgiwait.delivered.median;
                                  $all.distinct.fcgiwait.delivered.median),
 stream_groups_to_poll: ratio($all.streams_groups.fcgiwait.delivered.median; $all.groups.fcgiwait.delivered.median),
 gets: against($all.get; .rate.median),
 wrk_gets: against($all.wrk; .rate.median),
 of_n_to_1000: ratio($all.broadcast.fcgiwait.us_per_waiter.median;
                     of_n($all.scale; 1000).fcgiwait.us_per_waiter.median),
 # Waking one takes what a publish takes longer with one waiting than with none.
 answered_n_to_none: (of_n($all.scale; 1).fcgiwait as $one
    | if $one == null then null else ([$one.publish_ms - $one.aside_ms, 0] | max) end
    | if . == null or $all.broadcast.fcgiwait == null then null
      else ratio($all.broadcast.fcgiwait.publish_ms - .; $all.broadcast.fcgiwait.aside_ms) end)}
as $ratios

# What is promised of fcgiwait (what, value, limit: at most, or at least).
| [["time per waiter, to Go", $ratios.us_per_waiter.go, 0.6, "most"],
   ["time per waiter, to Node", $ratios.us_per_waiter.node, 0.6, "most"],
   ["time per waiter, to nchan", $ratios.us_per_waiter.nchan, 1.5, "most"],
   ["broadcast: answers that are not 200", $all.broadcast.fcgiwait.not_200, 0, "most"],
   ["a resource each: late", $all.distinct.fcgiwait.late, 0, "most"],
   ["a resource each: lost", $all.distinct.fcgiwait.lost, 0, "most"],
   ["a resource each: deliveries, to Go", $ratios.delivered.go, 1.5, "least"],
   ["a tenth comes and goes: late", $all.churn.fcgiwait.late, 0, "most"],
   ["a tenth comes and goes: lost", $all.churn.fcgiwait.lost, 0, "most"],
   ["streams: time per delivery, to our long poll", $ratios.stream_to_poll, 0.75, "most"],
   ["streams: time per delivery, to nchan", $ratios.stream_us.nchan, 1.3, "most"],
   ["streams: time per delivery, to Go", $ratios.stream_us.go, 0.6, "most"],
   ["streams: time per delivery, to Node", $ratios.stream_us.node, 0.6, "most"],
   ["streams: time per delivery, to the least", $ratios.stream_us.least, 1.1, "most"],
   ["streams, a resource each: late", $all.streams_distinct.fcgiwait.late, 0, "most"],
   ["streams, a resource each: lost", $all.streams_distinct.fcgiwait.lost, 0, "most"],
   ["streams, a resource each: deliveries, to our long poll", $ratios.stream_deliveries_to_poll, 2, "least"],
   ["streams, \($each) to a resource: late", $all.streams_groups.fcgiwait.late, 0, "most"],
   ["streams, \($each) to a resource: lost", $all.streams_groups.fcgiwait.lost, 0, "most"],
   ["streams, \($each) to a resource: deliveries, to our long poll", $ratios.stream_groups_to_poll, 2, "least"],
   ["streams: bytes per stream", $all.streams_memory.fcgiwait.bytes_per_waiter, 614, "most"],
   ["plain GETs, to the ceiling", $ratios.gets.ceiling, 0.95, "least"],
   ["plain GETs, to Go", $ratios.gets.go, 1.4, "least"],
   ["plain GETs, to Node", $ratios.gets.node, 1.1, "least"],
   ["plain GETs (wrk), to Go", $ratios.wrk_gets.go, 1.3, "least"],
   ["bytes per waiting request", of_n($all.memory; $n).fcgiwait.bytes_per_waiter, 512, "most"],
   ["time per waiter, \($n) to 1000 waiting", $ratios.of_n_to_1000, 1.2, "most"],
   ["publish answered, \($n) to none waiting, less the wake-up of one", $ratios.answered_n_to_none, 1.5, "most"],
   ["silence: voluntary context switches", $all.silence.fcgiwait.voluntary, 0, "most"],
   ["all hang up: ms until nobody waits", $all.kill.fcgiwait.nobody_waits_ms, 2000, "most"]]
| map(select(.[1] != null) | {what: .[0], value: .[1], limit: .[2], at: .[3],
      kept: (if .[1] < 0 then false elif .[3] == "most" then .[1] <= .[2] else .[1] >= .[2] end)})
as $promises

| [[""] + ($others | map(called)),
   ratio_row("time per waiter, one change for \($n)"; $ratios.us_per_waiter),
   ratio_row("memory per waiting request"; $ratios.bytes_per_waiter),
   ratio_row("deliveries/s, a resource each"; $ratios.delivered),
   ratio_row("time per delivery, one change for \($n) streams"; $ratios.stream_us),
   ratio_row("plain GETs/s"; $ratios.gets),
   ratio_row("plain GETs/s (wrk)"; $ratios.wrk_gets)]
as $ratio_table

# With f for numbers that have a spread.
| def measures(f): [
   [""] + ($peers | map(called)),
   across($peers; "us per waiter, one change for \($n)"; $all.broadcast; .us_per_waiter | f),
   across($peers; "us per waiter, one change for 1000"; of_n($all.scale; 1000); .us_per_waiter | f),
   across($peers; "  the server's CPU us per waiter"; $all.broadcast; .server_cpu_us | short),
   across($peers; "  nginx's CPU us per waiter"; $all.broadcast; .nginx_cpu_us | short),
   across($peers; "  the clients' CPU us per waiter"; $all.broadcast; .clients_cpu_us | short),
   across($peers; "  the last two over all cores"; $all.broadcast; .rest_us | short),
   across($peers; "  answers that are not 200"; $all.broadcast; .not_200),
   across($peers; "another GET meanwhile, ms, 99 of 100"; $all.broadcast; .bystander_ms | short),
   across($peers; "bytes per waiting request"; of_n($all.memory; $n); .bytes_per_waiter | short),
   across($peers; "  the same in nginx"; of_n($all.memory; $n); .nginx_bytes_per_waiter | short),
   across($peers; "publish answered, ms, \($n) waiting"; $all.broadcast; .publish_ms | short),
   across($peers; "  none of the \($n) waiting for it"; $all.broadcast; .aside_ms | short),
   across($peers; "publish answered, ms, 1 waiting"; of_n($all.scale; 1); .publish_ms | short),
   across($peers; "  not waiting for it"; of_n($all.scale; 1); .aside_ms | short),
   across($peers; "deliveries/s, a resource each"; $all.distinct; .delivered | f),
   across($peers; "  ms to deliver, median"; $all.distinct; .p50 | short),
   across($peers; "  ms to deliver, 99 of 100"; $all.distinct; .p99 | short),
   across($peers; "  the server's CPU us per delivery"; $all.distinct; .server_cpu_us | short),
   across($peers; "  nginx's and the server's"; $all.distinct; .all_cpu_us | short),
   across($peers; "  late, lost"; $all.distinct; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "deliveries/s, a tenth come and go"; $all.churn; .delivered | f),
   across($peers; "  late, lost"; $all.churn; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "us per delivery, one change for \($n) streams"; $all.streams; .us_per_waiter | f),
   across($peers; "  the server's CPU us per delivery"; $all.streams; .server_cpu_us | short),
   across($peers; "  nginx's CPU us per delivery"; $all.streams; .nginx_cpu_us | short),
   across($peers; "  lost, errors"; $all.streams; if .lost == null then null else "\(.lost), \(.errors)" end),
   across($peers; "bytes per stream"; $all.streams_memory; .bytes_per_waiter | short),
   across($peers; "deliveries/s, a stream and resource each"; $all.streams_distinct; .delivered | f),
   across($peers; "  ms to deliver, 99 of 100"; $all.streams_distinct; .p99 | short),
   across($peers; "  the server's CPU us per delivery"; $all.streams_distinct; .server_cpu_us | short),
   across($peers; "  nginx's and the server's"; $all.streams_distinct; .all_cpu_us | short),
   across($peers; "  late, lost"; $all.streams_distinct; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "deliveries/s, \($each) wait on each resource"; $all.groups; .delivered | f),
   across($peers; "  nginx's and the server's CPU us per delivery"; $all.groups; .all_cpu_us | short),
   across($peers; "  late, lost"; $all.groups; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "deliveries/s, \($each) streams of each resource"; $all.streams_groups; .delivered | f),
   across($peers; "  nginx's and the server's CPU us per delivery"; $all.streams_groups; .all_cpu_us | short),
   across($peers; "  late, lost"; $all.streams_groups; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "changes/s told, waited for alone"; $all.singles; .delivered | f),
   across($peers; "  late, lost"; $all.singles; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "  the server's CPU us per delivery"; $all.singles; .server_cpu_us | short),
   across($peers; "  nginx's and the server's"; $all.singles; .all_cpu_us | short),
   across($peers; "changes/s told, by name below one path"; $all.feeds; .delivered | f),
   across($peers; "  late, lost"; $all.feeds; if .lost == null then null else "\(.late), \(.lost)" end),
   across($peers; "  the server's CPU us per delivery"; $all.feeds; .server_cpu_us | short),
   across($peers; "  nginx's and the server's"; $all.feeds; .all_cpu_us | short),
   across($peers; "ms of another\u0027s GET, 99 of 100, alone"; $all.alone; .p99 | short),
   across($peers; "  while all there is is read in pages"; $all.pages; .p99 | short),
   across($peers; "  while a document as large is read"; $all.large; .p99 | short),
   across($peers; "publishes/s, 1 publisher"; of_n($all.publish; 1); .rate | f),
   across($peers; "publishes/s, 16 publishers"; of_n($all.publish; 16); .rate | f),
   across($peers; "publishes/s, 64 publishers"; of_n($all.publish; 64); .rate | f),
   across($peers; "plain GETs/s"; $all.get; .rate | f),
   across($peers; "plain GETs/s (wrk)"; $all.wrk; .rate | f)];
  def middle: if . == null then null else .median | short end;
  def spread_words: if . == null or .median == null then null elif .count == 1 then .median | short
      else "\(.median | short) (\(.low | short) to \(.high | short))" end;
  def void_notes: [$all | .broadcast, .streams, .streams_distinct, .distinct, .churn, .get | to_entries[] | select(.value.void > 0)
      | "\(.key | called): \(.value.void) void (\(.value.troubles | join("; ")))"] | unique;

$all + {$ratios, $promises}
| .readme = ([
    "Measured by tests/bench/run.sh on \($date), on a machine with \($machine).",
    "The clients, nginx with two workers and the server behind it all run there. nchan lives inside nginx",
    "and has a hop less; threads is libfcgi with a thread for each request; least is the least that a",
    "FastCGI responder can do for them, and the ceiling fcgiwait's own front with nothing behind it.",
    "Medians; tests/bench/run.sh writes the spread and the plots as well.", "",
    "fcgiwait divided by each of them:", "",
    lines($ratio_table | text_table), "", "And in numbers:", "", lines(measures(middle) | text_table)]
    | join("\n"))
| .markdown = ([
    "# fcgiwait and what one would use instead", "",
    "\($date); \($machine); load average before: \($busy); lines in nginx's error logs: \($nginx_errors).",
    (void_notes[] | "Void: \(.)."), "",
    "fcgiwait divided by each of them:", "", lines($ratio_table | markdown_table), "",
    "Medians; in brackets where eight of ten lie:", "", lines(measures(spread_words) | markdown_table), "",
    "What is promised:", "",
    lines([["", "value", "limit", ""]] + [$promises[] | [.what, (.value | short),
        "at \(.at) \(.limit)", if .kept then "kept" else "NOT KEPT" end]] | markdown_table),
    (if $silence == [] then empty else "", lines([["silence", "waiting", "seconds",
        "voluntary context switches", "involuntary", "CPU ms", "void because"]]
        + [$all.silence | to_entries[] | [(.key | called), .value.waiting, (.value.seconds | tenth),
           .value.voluntary, .value.involuntary, (.value.cpu_ms | short), .value.trouble]] | markdown_table) end),
    (if $streams_silence == [] then empty else "", lines([["silence, streams", "waiting", "seconds",
        "voluntary context switches", "involuntary", "CPU ms", "void because"]]
        + [$all.streams_silence | to_entries[] | [(.key | called), .value.waiting, (.value.seconds | tenth),
           .value.voluntary, .value.involuntary, (.value.cpu_ms | short), .value.trouble]] | markdown_table) end),
    (if $kill == [] then empty else "", lines([["all hang up at once", "waiting", "ms to close them",
        "ms until nobody waits", "ms until descriptors are back", "void because"]]
        + [$all.kill | to_entries[] | [(.key | called), .value.waiting, (.value.closed_ms | whole),
           (.value.nobody_waits_ms | whole), (.value.descriptors_back_ms | whole), .value.trouble]]
        | markdown_table) end)]
    | join("\n"))
