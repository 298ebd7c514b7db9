/* SPDX-License-Identifier: ISC */
/*
 * Wires the floors together, from the ground up, and takes them apart in the order that
 * leaves no request without its answer. The main thread accepts connections and waits for
 * signals; everything else has threads of its own.
 */
#include "responder.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "fcgiwait/front.h"
#include "fcgiwait/log.h"
#include "fcgiwait/room.h"
#include "fcgiwait/service.h"
#include "fcgiwait/socket.h"
#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"
#include "fcgiwait/view.h"
#include "machine.h"
#include "notify.h"
#include "setup.h"
#include "signals.h"

/* Where spawn-fcgi and systemd put the socket (FastCGI section 2.2). */
#define GIVEN 0

/* How long a slow web server may take at the stop; and the store, once more. */
#define LAST_WORDS (5 * NANOS_PER_SECOND)

struct responder {
    const struct arguments *arguments;
    struct config *config;
    struct counters counters;
    struct tree *tree;
    struct room *room;
    struct store *store;
    struct service *service;
    struct front *front;
    struct socket socket; /* that listens */
    int64_t waiting;      /* requests that can be held, at the start */
    int signals;
    int failure; /* exit status where it can't start */
};

/* --- wiring --- */

static struct service_rules rules_of(const struct config *config)
{
    return (struct service_rules){.wait_default = config->wait_default,
                                  .wait_max = config->wait_max,
                                  .wait_jitter = config->wait_jitter,
                                  .max_waiting = machine_waiting(config),
                                  .waiting_per_client = config->waiting_per_client,
                                  .stream_max = config->stream_max,
                                  .stream_heartbeat = config->stream_heartbeat,
                                  .limit_body = (size_t)config->limit_body,
                                  .limit_path = (size_t)config->limit_path,
                                  .limit_changes = (size_t)config->limit_changes,
                                  .limit_answer = (size_t)config->limit_answer,
                                  .cache_control = config->cache_control};
}

static struct store_options store_options_of(struct responder *responder,
                                             const struct config *config)
{
    struct store_options options = setup_store(config);
    options.counters = &responder->counters;
    options.view = view_of(responder->tree);
    return options;
}

static bool open_store(struct responder *responder)
{
    const struct config *config = responder->config;
    char error[512];
    struct store_options options = store_options_of(responder, config);
    responder->store = store_open(&options, error, sizeof error);
    if (responder->store == NULL) {
        bool can_be = store_can_be(&options, error, sizeof error);
        log_error("the store can't be opened: %s", error);
        responder->failure = can_be ? EX_CANTCREAT : EX_CONFIG;
        return false;
    }
    store_set_limit(responder->store, (size_t)config->limit_resources);
    return true;
}

static bool open_room(struct responder *responder)
{
    struct room_options options = {.workers = machine_workers(responder->config),
                                   .tree = responder->tree};
    counter_set(&responder->counters.threads, options.workers);
    responder->room = room_open(&options);
    return responder->room != NULL;
}

static bool open_service(struct responder *responder, const struct service_rules *rules)
{
    struct service_ground ground = {responder->tree, responder->room, responder->store,
                                    &responder->counters};
    responder->service = service_open(&ground, rules);
    return responder->service != NULL;
}

static bool open_front(struct responder *responder)
{
    struct front_options options = {.threads = machine_front_threads(),
                                    .listening = responder->socket.fd,
                                    .queue = responder->socket.queue,
                                    .addresses = getenv("FCGI_WEB_SERVER_ADDRS"),
                                    .service = responder->service,
                                    .counters = &responder->counters};
    responder->front = front_open(&options);
    return responder->front != NULL;
}

static bool open_all(struct responder *responder)
{
    struct service_rules rules = rules_of(responder->config);
    responder->waiting = rules.max_waiting;
    responder->tree = tree_new(machine_workers(responder->config));
    if (responder->tree == NULL || !open_room(responder)) {
        log_error("can't start: %s", strerror(errno));
        return false;
    }
    if (!open_store(responder))
        return false;
    if (!open_service(responder, &rules)) {
        log_error("can't start: %s", strerror(errno));
        return false;
    }
    if (!service_change_everything(responder->service)) {
        log_error("can't start: the store takes no change");
        responder->failure = EX_CANTCREAT;
        return false;
    }
    if (open_front(responder))
        return true;
    log_error("can't serve the socket: %s", strerror(errno));
    return false;
}

/* Whoever is in the queue already is let in. A web server that comes later finds nobody,
 * and can turn to another at once; unless systemd keeps the socket for our successor. */
static void stop_listening(struct responder *responder)
{
    front_accept(responder->front);
    socket_refuse(&responder->socket);
    front_stop(responder->front);
}

/* From the outside in: no new requests, then nobody waits, then the last answers go out.
 */
static void close_all(struct responder *responder)
{
    notify_stopping(responder->config->drain + 2 * LAST_WORDS +
                    responder->config->store_patience); /* it may just be connecting */
    if (responder->front != NULL)
        stop_listening(responder);
    if (responder->service != NULL)
        service_stop(responder->service);
    if (responder->room != NULL)
        room_drain(responder->room, responder->config->drain);
    if (responder->store != NULL)
        store_hurry(responder->store);
    if (responder->front != NULL)
        front_drain(responder->front, LAST_WORDS);
    store_close(
        &responder->store); /* answers what is on its way: needs front and service */
    front_close(&responder->front);
    room_close(&responder->room);
    service_close(&responder->service);
    tree_free(&responder->tree);
}

/* --- while it serves --- */

static void set_log(const struct config *config)
{
    log_set_level(config->log_level);
    log_set_json(strcmp(config->log_format, "json") == 0);
}

static void warn_restart(const char *key)
{
    log_warn("%s changes with a restart only", key);
}

static void warn_unchangeable(const struct config *old, const struct config *new)
{
    static const char *const names[] = {
        "threads",       "store.type",        "store.file",     "store.sync",
        "store.name",    "store.replicas",    "store.patience", "store.reads",
        "store.history", "store.publication", "store.tables"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (config_differs(old, new, names[i]))
            warn_restart(names[i]);
}

/* An engine that has moved, or another password. */
static void move_store(struct responder *responder, const struct config *config)
{
    char error[512];
    struct store_options options = store_options_of(responder, config);
    if (!config_differs(responder->config, config, "store.url") ||
        strcmp(responder->config->store_type, config->store_type) != 0)
        return;
    if (!store_moves(responder->store))
        warn_restart("store.url");
    else if (!store_move_to(responder->store, &options, error, sizeof error))
        log_error("the store stays where it is: %s", error);
}

static void reload(struct responder *responder)
{
    struct config config;
    char error[CONFIG_ERROR];
    const struct arguments *arguments = responder->arguments;
    if (!config_load(&config, arguments->file, arguments->options, arguments->count,
                     error)) {
        log_error("the configuration stays as it was: %s", error);
        return;
    }
    struct service_rules rules = rules_of(&config);
    if (!service_set_rules(responder->service, &rules)) {
        log_error("the configuration stays as it was: out of memory");
        config_free(&config);
        return;
    }
    warn_unchangeable(responder->config, &config);
    move_store(responder, &config);
    store_set_limit(responder->store, (size_t)config.limit_resources);
    set_log(&config);
    config_free(responder->config);
    *responder->config = config;
    log_info("configuration read again");
}

/* False: stop. */
static bool on_signal(struct responder *responder)
{
    enum signal_said said;
    while ((said = signals_take(responder->signals)) == SIGNAL_RELOAD)
        reload(responder);
    return said != SIGNAL_STOP;
}

static void serve(struct responder *responder)
{
    struct instant accept_at = INSTANT_NEVER; /* set: no accepting before */
    for (bool going = true; going;) {
        bool paused = accept_at.at != INSTANT_NEVER.at;
        struct pollfd fds[] = {
            {.fd = responder->signals, .events = POLLIN},
            {.fd = paused ? -1 : responder->socket.fd, .events = POLLIN}};
        int timeout = paused ? instant_left_ms(accept_at, clock_now()) : -1;
        if (poll(fds, 2, timeout) < 0 && errno != EINTR)
            log_error("poll: %s", strerror(errno));
        if ((fds[1].revents != 0) || (paused && clock_now().at >= accept_at.at))
            accept_at = front_accept(responder->front);
        if (fds[0].revents != 0)
            going = on_signal(responder);
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
            "/run/fcgiwait/fcgiwait.sock -u www-data -g www-data -n -- %s -c FILE (or "
            "let it open one itself: -s "
            "SOCKET)\n",
            path);
}

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t len = sizeof listening;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

/* 0, or an exit status once it has been said why. */
static int take_socket(struct responder *responder)
{
    char error[512];
    const char *address = responder->arguments->socket;
    responder->socket = (struct socket){.fd = GIVEN};
    if (address != NULL &&
        !socket_open(&responder->socket, address, error, sizeof error)) {
        fprintf(stderr, "fcgiwait: %s\n", error);
        return EX_USAGE;
    }
    if (address == NULL && !is_listening(GIVEN)) {
        show_command();
        return EX_USAGE;
    }
    return 0;
}

/* Ends the process where a signal says so meanwhile. */
static bool start(struct responder *responder)
{
    responder->signals = signals_open();
    struct signals_watch *watch =
        responder->signals >= 0 ? signals_watch_start(responder->signals) : NULL;
    if (watch == NULL) {
        log_error("can't start: %s", strerror(errno));
        return false;
    }
    bool open = open_all(responder);
    signals_watch_end(&watch);
    return open;
}

int responder_run(const struct arguments *arguments, struct config *config)
{
    static struct responder responder; /* as large as its threads need, and zero */
    responder.arguments = arguments;
    responder.config = config;
    responder.failure = take_socket(&responder);
    if (responder.failure != 0)
        return responder.failure;
    responder.failure = EX_OSERR;
    log_open("fcgiwait");
    set_log(config);
    bool open = start(&responder);
    if (open) {
        log_info("fcgiwait %s serves, with %u threads in the waiting room and room for "
                 "%lld",
                 PACKAGE_VERSION, machine_workers(config), (long long)responder.waiting);
        notify_serving();
        serve(&responder);
    }
    close_all(&responder);
    socket_close(&responder.socket);
    if (open)
        log_info("stopped");
    return open ? EXIT_SUCCESS : responder.failure;
}
