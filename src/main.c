/* SPDX-License-Identifier: ISC */
/*
 * main: command line, wiring, signals, and the order of stopping.
 *
 * Its thread accepts connections and waits for signals; everything else has threads of
 * its own.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "arguments.h"
#include "check.h"
#include "fcgiwait/config.h"
#include "fcgiwait/service.h"
#include "fcgiwait/front.h"
#include "fcgiwait/log.h"
#include "fcgiwait/room.h"
#include "fcgiwait/view.h"
#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"
#include "notify.h"

#define LISTENING                                                                        \
    0 /* where spawn-fcgi and systemd put the socket (FastCGI section 2.2) */

/* Descriptors that are not for held requests: files, epoll sets, and the plain requests
 * that go through while as many as allowed are held. */
#define DESCRIPTORS_KEPT 256

#define FRONT_THREADS_MOST 8
#define LAST_WORDS                                                                       \
    (5 * NANOS_PER_SECOND) /* how long a slow web server may take at the stop */

struct program {
    struct arguments arguments;
    struct config config;
    struct counters counters;
    struct tree *tree;
    struct room *room;
    struct store *store;
    struct service *service;
    struct front *front;
    int signals;
    int failure; /* exit status where it can't start */
};

static bool load(const struct arguments *arguments, struct config *config)
{
    char error[CONFIG_ERROR];
    if (config_load(config, arguments->file, arguments->options, arguments->count, error))
        return true;
    fprintf(stderr, "fcgiwait: %s\n", error);
    return false;
}

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

/* --- limits --- */

static rlim_t raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_KEPT;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* As many as the configuration says, and as the descriptors allow. */
static int64_t fitting_waiters(const struct config *config)
{
    rlim_t limit = raise_descriptors();
    int64_t most = limit > 2 * DESCRIPTORS_KEPT ? (int64_t)(limit - DESCRIPTORS_KEPT)
                                                : (int64_t)(limit / 2);
    if (limit == RLIM_INFINITY || config->max_waiting <= most)
        return config->max_waiting;
    log_warn(
        "max_waiting = %lld does not fit the limit of %llu open files: %lld requests "
        "will be "
        "held at most; raise the limit (LimitNOFILE= in the systemd unit, ulimit "
        "-n) to %lld",
        (long long)config->max_waiting, (unsigned long long)limit, (long long)most,
        (long long)config->max_waiting + DESCRIPTORS_KEPT);
    return most;
}

static unsigned cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

static unsigned worker_threads(const struct config *config)
{
    if (config->threads > 0)
        return (unsigned)config->threads;
    return cores() < 2 ? 2 : cores();
}

static unsigned front_threads(void)
{
    unsigned half = (cores() + 1) / 2;
    return half < FRONT_THREADS_MOST ? half : FRONT_THREADS_MOST;
}

/* --- wiring --- */

static struct service_rules rules_of(const struct config *config)
{
    return (struct service_rules){.wait_default = config->wait_default,
                                  .wait_max = config->wait_max,
                                  .wait_jitter = config->wait_jitter,
                                  .max_waiting = fitting_waiters(config),
                                  .waiting_per_client = config->waiting_per_client,
                                  .stream_max = config->stream_max,
                                  .stream_heartbeat = config->stream_heartbeat,
                                  .limit_body = (size_t)config->limit_body,
                                  .limit_path = (size_t)config->limit_path,
                                  .limit_changes = (size_t)config->limit_changes,
                                  .limit_answer = (size_t)config->limit_answer,
                                  .cache_control = config->cache_control};
}

static bool open_store(struct program *program)
{
    const struct config *config = &program->config;
    char error[512];
    struct store_options options = {.type = config->store_type,
                                    .file = config->store_file,
                                    .relaxed = strcmp(config->store_sync, "full") != 0,
                                    .view = view_of(program->tree)};
    program->store = store_open(&options, error, sizeof error);
    if (program->store == NULL) {
        log_error("the store can't be opened: %s", error);
        program->failure = EX_CANTCREAT;
        return false;
    }
    store_set_limit(program->store, (size_t)config->limit_resources);
    return true;
}

static bool open_room(struct program *program)
{
    struct room_options options = {.workers = worker_threads(&program->config),
                                   .tree = program->tree,
                                   .answer = service_answer,
                                   .context = program->service,
                                   .backlog = front_has_backlog};
    counter_set(&program->counters.threads, options.workers);
    program->room = room_open(&options);
    return program->room != NULL;
}

static bool open_front(struct program *program)
{
    struct front_options options = {.threads = front_threads(),
                                    .listening = LISTENING,
                                    .addresses = getenv("FCGI_WEB_SERVER_ADDRS"),
                                    .service = program->service,
                                    .counters = &program->counters};
    program->front = front_open(&options);
    return program->front != NULL;
}

static bool open_all(struct program *program)
{
    struct service_rules rules = rules_of(&program->config);
    program->tree = tree_new(worker_threads(&program->config));
    program->service = program->tree != NULL
                           ? service_open(program->tree, &program->counters, &rules)
                           : NULL;
    if (program->service == NULL || !open_room(program)) {
        log_error("can't start: %s", strerror(errno));
        return false;
    }
    if (!open_store(program))
        return false;
    service_set(program->service, program->room, program->store);
    if (!service_change_everything(program->service)) {
        log_error("can't start: the store takes no change");
        return false;
    }
    if (open_front(program))
        return true;
    log_error("can't serve the socket on descriptor 0: %s", strerror(errno));
    return false;
}

/* Whoever is in the queue already is let in. A web server that comes later finds nobody,
 * and can turn to another at once; unless systemd keeps the socket for our successor. */
static void stop_listening(struct program *program)
{
    front_accept(program->front);
    close(LISTENING);
    front_stop(program->front);
}

/* From the outside in: no new requests, then nobody waits, then the last answers go out.
 */
static void close_all(struct program *program)
{
    notify_stopping(program->config.drain + LAST_WORDS);
    if (program->front != NULL)
        stop_listening(program);
    if (program->room != NULL)
        room_drain(program->room, program->config.drain);
    if (program->front != NULL)
        front_drain(program->front, LAST_WORDS);
    store_close(
        &program->store); /* answers what is on its way: needs front and service */
    front_close(&program->front);
    room_close(&program->room);
    service_close(&program->service);
    tree_free(&program->tree);
}

/* --- signals --- */

/* Threads started later inherit the mask, so signals come to main's descriptor alone. */
static bool open_signals(struct program *program)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    program->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return program->signals >= 0;
}

static void warn_unchangeable(const struct config *old, const struct config *new)
{
    if (old->threads != new->threads)
        log_warn("threads changes with a restart only");
    if (strcmp(old->store_type, new->store_type) != 0 ||
        strcmp(old->store_file, new->store_file) != 0 ||
        strcmp(old->store_sync, new->store_sync) != 0)
        log_warn("store changes with a restart only");
}

static void reload(struct program *program)
{
    struct config config;
    char error[CONFIG_ERROR];
    const struct arguments *arguments = &program->arguments;
    if (!config_load(&config, arguments->file, arguments->options, arguments->count,
                     error)) {
        log_error("the configuration stays as it was: %s", error);
        return;
    }
    struct service_rules rules = rules_of(&config);
    if (!service_set_rules(program->service, &rules)) {
        log_error("the configuration stays as it was: out of memory");
        config_free(&config);
        return;
    }
    warn_unchangeable(&program->config, &config);
    store_set_limit(program->store, (size_t)config.limit_resources);
    log_set_level(config.log_level);
    config_free(&program->config);
    program->config = config;
    log_info("configuration read again");
}

static const char *signal_name(uint32_t number)
{
    return number == SIGTERM ? "TERM" : number == SIGINT ? "INT" : "USR1";
}

/* False: stop. */
static bool on_signal(struct program *program)
{
    struct signalfd_siginfo info;
    while (read(program->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            log_info("stopping on signal %s", signal_name(info.ssi_signo));
            return false;
        }
        reload(program);
    }
    return true;
}

static void serve(struct program *program)
{
    struct instant accept_at = INSTANT_NEVER; /* set: no accepting before */
    for (bool going = true; going;) {
        bool paused = accept_at.at != INSTANT_NEVER.at;
        struct pollfd fds[] = {{.fd = program->signals, .events = POLLIN},
                               {.fd = paused ? -1 : LISTENING, .events = POLLIN}};
        int timeout = paused ? instant_left_ms(accept_at, clock_now()) : -1;
        if (poll(fds, 2, timeout) < 0 && errno != EINTR)
            log_error("poll: %s", strerror(errno));
        if ((fds[1].revents != 0) || (paused && clock_now().at >= accept_at.at))
            accept_at = front_accept(program->front);
        if (fds[0].revents != 0)
            going = on_signal(program);
    }
}

/* spawn-fcgi looks for programs nowhere: it needs the whole path. */
static void show_command(void)
{
    char path[PATH_MAX] = "/usr/bin/fcgiwait";
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len > 0)
        path[len] = '\0';
    fprintf(stderr,
            "fcgiwait: descriptor 0 is no listening socket; start it with: spawn-fcgi -s "
            "/run/fcgiwait/fcgiwait.sock -n -- %s -c FILE\n",
            path);
}

static int run(struct program *program)
{
    if (!is_listening(LISTENING)) {
        show_command();
        return EX_USAGE;
    }
    program->failure = EX_OSERR;
    log_open("fcgiwait");
    log_set_level(program->config.log_level);
    bool open = open_signals(program) && open_all(program);
    if (open) {
        log_info(
            "fcgiwait %s serves, with %u threads in the waiting room and room for %lld",
            PACKAGE_VERSION, worker_threads(&program->config),
            (long long)counter_read(&program->counters.max_waiting));
        notify_serving();
        serve(program);
    }
    close_all(program);
    if (open)
        log_info("stopped");
    return open ? EXIT_SUCCESS : program->failure;
}

/* What the command line asks for. */
static int act(struct program *program)
{
    const struct arguments *arguments = &program->arguments;
    if (arguments->check_nginx != NULL)
        return check_nginx(arguments->check_nginx, &program->config);
    if (!arguments->test)
        return run(program);
    puts("fcgiwait: the configuration is good");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct program program; /* as large as its threads need, and zero */
    int status = arguments_read(&program.arguments, argc, argv);
    if (status < 0 && !load(&program.arguments, &program.config))
        status = EX_CONFIG;
    if (status < 0) {
        status = act(&program);
        config_free(&program.config);
    }
    arguments_free(&program.arguments);
    return status;
}
