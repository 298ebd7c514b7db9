/* SPDX-License-Identifier: ISC */
/*
 * load: an HTTP load generator for long polling and for event streams. One thread,
 * thousands of connections.
 *
 * People read standard error; programs read the one JSON object on standard output.
 */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static const char *const moment_names[MOMENTS] = {"before", "waiting", "end"};

static void usage_text(FILE *out)
{
    fputs(
        "usage: load MODE [OPTION]...\n"
        "  broadcast  all wait on READ/all; PUT PUBLISH/all answers all; and again\n"
        "  distinct   each waits on READ/NUMBER; publishers go round all of them\n"
        "  churn      as distinct, and every tenth client comes and goes\n"
        "  hold       all wait on READ/all, and nothing happens\n"
        "  get        plain GETs of READ/all\n"
        "  pages      each reads all that is below READ/, page by page, and again\n"
        "  trickle    one reads a stream of READ/all at a pace; somebody else publishes\n"
        "  aside      a GET of READ/aside now and then: how long does it take?\n"
        "options, with their defaults:\n"
        "  --host 127.0.0.1 --port 8080\n"
        "  --read /r             prefix of what is read\n"
        "  --publish /publish/r  prefix of what is published\n"
        "  --status PATH         says how many wait; without it, SETTLE ms make a wait\n"
        "  --waiting '\"waiting\":' what stands before that number\n"
        "  --settle 300\n"
        "  --poll '?index=INDEX&wait=60s'  behind the path, once there is an index\n"
        "  --clients 100         that wait, or that get; publish: resources\n"
        "  --rounds 5 --warmup 1  (broadcast)\n"
        "  --seconds 5           (all but broadcast)\n"
        "  --each 1              so many of them wait on one resource (distinct, churn)\n"
        "  --publishers 8        (distinct, churn, publish)\n"
        "  --rate 0              publishes per second; 0: as many as go\n"
        "  --body 64             bytes that are published\n"
        "  --pace 100000         bytes per second (trickle)\n"
        "  --stream              they read a stream (SSE) instead of asking again\n"
        "  --feed                they wait at READ/?only=NAME, for what is below it "
        "(distinct)\n"
        "  --kill                all clients hang up at the end (hold)\n"
        "  --pid NAME=PID        measure this process and its children; up to 7 times\n"
        "Publishers wait for their answer, so that a server that stands still gets\n"
        "fewer publishes; latency counts from the moment that each was sent.\n",
        out);
}

/* --- options --- */

static bool add_process(struct options *options, char *text)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || options->process_count == PROCESSES - 1)
        return false;
    *equals = '\0';
    struct process process = {text, (pid_t)atol(equals + 1)};
    options->processes[options->process_count++] = process;
    return process.pid > 0;
}

static bool take_option(struct options *options, int option, char *value)
{
    switch (option) {
    case 'h':
        options->host = value;
        break;
    case 'p':
        options->port = atoi(value);
        break;
    case 'r':
        options->read = value;
        break;
    case 'P':
        options->publish = value;
        break;
    case 's':
        options->status = value;
        break;
    case 'W':
        options->waiting = value;
        break;
    case 'q':
        options->poll = value;
        break;
    case 't':
        options->settle_ms = atoi(value);
        break;
    case 'c':
        options->clients = strtoul(value, NULL, 10);
        break;
    case 'n':
        options->rounds = atoi(value);
        break;
    case 'w':
        options->warmup = atoi(value);
        break;
    case 'd':
        options->seconds = atof(value);
        break;
    case 'u':
        options->publishers = atoi(value);
        break;
    case 'R':
        options->rate = atof(value);
        break;
    case 'a':
        options->pace = atof(value);
        break;
    case 'e':
        options->each = strtoul(value, NULL, 10);
        break;
    case 'b':
        options->body = strtoul(value, NULL, 10);
        break;
    case 'k':
        options->kill = true;
        break;
    case 'F':
        options->feed = true;
        break;
    case 'S':
        options->stream = true;
        break;
    case 'i':
        return add_process(options, value);
    default:
        return false;
    }
    return true;
}

static bool read_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"host", 1, NULL, 'h'},    {"port", 1, NULL, 'p'},
        {"read", 1, NULL, 'r'},    {"publish", 1, NULL, 'P'},
        {"status", 1, NULL, 's'},  {"poll", 1, NULL, 'q'},
        {"waiting", 1, NULL, 'W'}, {"settle", 1, NULL, 't'},
        {"clients", 1, NULL, 'c'}, {"rounds", 1, NULL, 'n'},
        {"warmup", 1, NULL, 'w'},  {"seconds", 1, NULL, 'd'},
        {"rate", 1, NULL, 'R'},    {"publishers", 1, NULL, 'u'},
        {"body", 1, NULL, 'b'},    {"each", 1, NULL, 'e'},
        {"pace", 1, NULL, 'a'},    {"kill", 0, NULL, 'k'},
        {"stream", 0, NULL, 'S'},  {"feed", 0, NULL, 'F'},
        {"pid", 1, NULL, 'i'},     {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(options, option, optarg))
            return false;
    if (optind + 1 != argc)
        return false;
    options->mode = argv[optind];
    return options->clients > 0 && options->publishers > 0 && options->port > 0 &&
           options->pace >= 100 && options->each > 0 && options->each <= options->clients;
}

/* --- setting up --- */

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void give_roles(struct load *load, struct client *clients, size_t count,
                       enum client_role role)
{
    for (size_t i = 0; i < count; i++) {
        clients[i].role = role;
        clients[i].number = (uint32_t)i;
        clients[i].seen = role == CLIENT_WAITER ? load->first : 0;
    }
}

/* The clock numbers the publishes, so that no two documents of two runs are the same. */
static bool set_up(struct load *load)
{
    struct options *options = &load->options;
    struct timespec now;
    bool one_each = strcmp(options->mode, "distinct") == 0 ||
                    strcmp(options->mode, "churn") == 0 ||
                    strcmp(options->mode, "publish") == 0;
    clock_gettime(CLOCK_REALTIME, &now);
    load->first = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    load->topic_count = one_each ? options->clients / options->each : 1;
    if (one_each && (size_t)options->publishers > load->topic_count)
        options->publishers = (int)load->topic_count;
    size_t publishers = (size_t)options->publishers;
    load->topics = calloc(load->topic_count + 1, sizeof *load->topics);
    if (load->topics == NULL ||
        !clients_open(&load->clients, options->host, options->port,
                      options->clients + publishers + 2))
        return false;
    for (size_t i = 0; i <= load->topic_count; i++)
        load->topics[i].sent = load->topics[i].acknowledged = load->first;
    load->clients.context = load;
    load->clients.ready = load_ready;
    load->clients.answered = load_answered;
    load->clients.told = load_told;
    load->waiters = load->clients.clients;
    load->publishers = load->waiters + options->clients;
    load->watcher = load->publishers + publishers;
    load->bystander = load->watcher + 1;
    give_roles(load, load->waiters, options->clients, CLIENT_WAITER);
    give_roles(load, load->publishers, publishers, CLIENT_PUBLISHER);
    give_roles(load, load->watcher, 1, CLIENT_WATCHER);
    give_roles(load, load->bystander, 1, CLIENT_BYSTANDER);
    return true;
}

/* --- results --- */

static void print_samples(const char *name, const struct samples *samples)
{
    printf(
        ",\n\"%s\":{\"count\":%zu,\"min\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}",
        name, samples->count, samples_quantile(samples, 0),
        samples_quantile(samples, 0.5), samples_quantile(samples, 0.99),
        samples_quantile(samples, 1));
}

static void print_rounds(const struct samples *rounds)
{
    printf(",\n\"rounds_us_per_waiter\":[");
    for (size_t i = 0; i < rounds->count; i++)
        printf("%s%.3f", i > 0 ? "," : "", rounds->at[i]);
    printf("]");
}

static void print_answers(const char *name, const long *answers)
{
    const char *comma = "";
    printf(",\n\"%s\":{", name);
    for (int status = 0; status < 600; status++)
        if (answers[status] > 0) {
            printf("%s\"%d\":%ld", comma, status, answers[status]);
            comma = ",";
        }
    printf("}");
}

static void print_usage(const char *name, const struct usage *usage)
{
    printf("\"%s\":{\"processes\":%ld,\"threads\":%ld,\"rss_kb\":%ld,\"cpu_ms\":%.3f,"
           "\"voluntary\":%ld,\"involuntary\":%ld,\"descriptors\":%ld}",
           name, usage->processes, usage->threads, usage->rss_kb, usage->cpu_ms,
           usage->voluntary, usage->involuntary, usage->descriptors);
}

static void print_processes(const struct load *load)
{
    printf(",\n\"processes\":{");
    for (size_t i = 0; i < load->options.process_count; i++) {
        printf("%s\n\"%s\":{", i > 0 ? "," : "", load->options.processes[i].name);
        for (int moment = 0; moment < MOMENTS; moment++) {
            printf("%s", moment > 0 ? "," : "");
            print_usage(moment_names[moment], &load->usage[moment][i]);
        }
        printf("}");
    }
    printf("}");
}

/* Waiters' answers that are errors, publishes that failed, and lost connections. */
static long errors_of(const struct load *load)
{
    const long *answers = load->clients.answers[CLIENT_WAITER];
    long errors = load->failed + load->clients.broken + load->clients.refused;
    for (int status = 0; status < 600; status++)
        if (status != 200 && status != 304 && status != 404)
            errors += answers[status];
    return errors;
}

static void print_json(const struct load *load)
{
    const struct clients *clients = &load->clients;
    double seconds = load->measured_seconds;
    printf("{\"mode\":\"%s\",\"clients\":%zu,\"publishers\":%d,\"trouble\":\"%s\"",
           load->options.mode, load->options.clients, load->options.publishers,
           load->trouble != NULL ? load->trouble : "");
    printf(",\n\"arrive_seconds\":%.3f,\"seconds\":%.3f,\"most_waiting\":%ld",
           load->arrive_seconds, seconds, load->most_waiting);
    printf(",\n\"published\":%ld,\"delivered\":%ld,\"superseded\":%ld,\"late\":%ld,"
           "\"lost\":%ld,\"churned\":%ld",
           load->published, load->delivered, load->superseded, load->late, load->lost,
           load->churned);
    printf(",\n\"errors\":%ld,\"publish_failed\":%ld,\"broken\":%ld,\"refused\":%ld,"
           "\"connected\":%ld",
           errors_of(load), load->failed, clients->broken, clients->refused,
           clients->connected);
    printf(",\n\"per_second\":{\"gets\":%.0f,\"delivered\":%.0f,\"published\":%.0f,"
           "\"bytes\":%.0f}",
           seconds > 0 ? (double)load->gets / seconds : 0,
           seconds > 0 ? (double)load->delivered / seconds : 0,
           seconds > 0 ? (double)load->published / seconds : 0,
           seconds > 0 ? (double)load->bytes / seconds : 0);
    printf(",\n\"kill\":{\"closed_ms\":%.1f,\"nobody_waits_ms\":%.1f,"
           "\"descriptors_back_ms\":%.1f}",
           load->closed_ms, load->nobody_ms, load->descriptors_ms);
    print_rounds(&load->rounds);
    print_samples("us_per_waiter", &load->rounds);
    print_samples("latency_ms", &load->latency);
    print_samples("stale_ms", &load->stale);
    print_samples("publish_ms", &load->acks);
    print_samples("publish_aside_ms", &load->acks_aside);
    print_samples("bystander_ms", &load->bystander_ms);
    print_answers("answers", clients->answers[CLIENT_WAITER]);
    print_answers("publish_answers", clients->answers[CLIENT_PUBLISHER]);
    print_processes(load);
    printf("}\n");
}

static void print_human(const struct load *load)
{
    const struct options *options = &load->options;
    fprintf(stderr, "%s, %zu clients: ", options->mode, options->clients);
    if (strcmp(options->mode, "broadcast") == 0)
        fprintf(stderr, "us per waiter %.1f (%.1f to %.1f)",
                samples_quantile(&load->rounds, 0.5), samples_quantile(&load->rounds, 0),
                samples_quantile(&load->rounds, 1));
    else if (strcmp(options->mode, "get") == 0)
        fprintf(stderr, "%.0f/s", (double)load->gets / load->measured_seconds);
    else if (strcmp(options->mode, "pages") == 0)
        fprintf(stderr, "%.0f pages/s, %ld times to the end",
                (double)load->gets / load->measured_seconds, load->delivered);
    else if (strcmp(options->mode, "aside") == 0)
        fprintf(stderr, "ms p50 %.3f p99 %.3f max %.1f",
                samples_quantile(&load->bystander_ms, 0.5),
                samples_quantile(&load->bystander_ms, 0.99),
                samples_quantile(&load->bystander_ms, 1));
    else if (strcmp(options->mode, "publish") == 0)
        fprintf(stderr, "%.0f published/s",
                (double)load->published / load->measured_seconds);
    else if (strcmp(options->mode, "trickle") == 0)
        fprintf(stderr, "%.0f bytes/s, what it knows is at most %.0f ms old",
                (double)load->bytes / load->measured_seconds,
                samples_quantile(&load->stale, 1));
    else if (load->latency.count > 0)
        fprintf(stderr, "%.0f delivered/s, latency ms p50 %.1f p99 %.1f max %.1f",
                (double)load->delivered / load->measured_seconds,
                samples_quantile(&load->latency, 0.5),
                samples_quantile(&load->latency, 0.99),
                samples_quantile(&load->latency, 1));
    else if (options->kill)
        fprintf(stderr, "nobody waits after %.0f ms", load->nobody_ms);
    fprintf(stderr, "; late %ld, lost %ld, errors %ld\n", load->late, load->lost,
            errors_of(load));
    if (load->trouble != NULL)
        fprintf(stderr, "void: %s\n", load->trouble);
}

int main(int argc, char **argv)
{
    static struct load load;
    load.options = (struct options){.host = "127.0.0.1",
                                    .port = 8080,
                                    .read = "/r",
                                    .publish = "/publish/r",
                                    .waiting = "\"waiting\":",
                                    .poll = "?index=INDEX&wait=60s",
                                    .settle_ms = 300,
                                    .clients = 100,
                                    .each = 1,
                                    .pace = 100000,
                                    .rounds = 5,
                                    .warmup = 1,
                                    .seconds = 5,
                                    .publishers = 8,
                                    .body = 64};
    if (!read_options(&load.options, argc, argv)) {
        usage_text(stderr);
        return EX_USAGE;
    }
    load.options.processes[load.options.process_count++] =
        (struct process){"clients", getpid()};
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    if (!set_up(&load)) {
        fputs("load: no memory, or no such host\n", stderr);
        return EX_OSERR;
    }
    if (!load_run(&load)) {
        usage_text(stderr);
        return EX_USAGE;
    }
    samples_sort(&load.rounds);
    samples_sort(&load.latency);
    samples_sort(&load.stale);
    samples_sort(&load.acks);
    samples_sort(&load.acks_aside);
    samples_sort(&load.bystander_ms);
    print_human(&load);
    print_json(&load);
    clients_close(&load.clients);
    free(load.topics);
    free(load.rounds.at);
    free(load.latency.at);
    free(load.stale.at);
    free(load.acks.at);
    free(load.acks_aside.at);
    free(load.bystander_ms.at);
    return load.trouble != NULL;
}
