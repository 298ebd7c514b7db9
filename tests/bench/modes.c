/* SPDX-License-Identifier: ISC */
/* modes: each measurement, told in order; between its steps the clients have their turn.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK (NANOS_PER_SECOND / 100)
#define ARRIVE_SECONDS 60
#define ROUND_SECONDS 10
#define DRAIN_SECONDS 5
#define ASIDE_REST 0.02 /* seconds */
#define DESCRIPTORS_SLACK 16

/* --- what happens by time --- */

static void retry(struct load *load)
{
    for (size_t i = 0; i < load->options.clients && load->retrying > 0; i++) {
        struct client *client = &load->waiters[i];
        if (client->retry_at == 0 || client->retry_at > load->clients.now)
            continue;
        client->retry_at = 0;
        load->retrying--;
        load_ask(load, client);
    }
}

/* Away for 20 to 200 ms, there for 50 to 500 ms. */
static void churn(struct load *load)
{
    nanos now = load->clients.now;
    for (size_t i = 0; i < load->options.clients; i += CHURN_SHARE) {
        struct client *client = &load->waiters[i];
        if (client->due > now || client->state == CLIENT_QUEUED ||
            client->state == CLIENT_CONNECTING)
            continue;
        nanos tenths = (nanos)(1 + rand() % 10);
        if (client->state == CLIENT_AWAY) {
            client_come(&load->clients, client);
            client->due = now + tenths * NANOS_PER_SECOND / 20;
        } else {
            client_hang_up(&load->clients, client);
            client->due = now + tenths * NANOS_PER_SECOND / 50;
            load->churned++;
        }
    }
}

static void tick(struct load *load)
{
    if (load->churning)
        churn(load);
    if (load->retrying > 0)
        retry(load);
    for (int i = 0; load->publishing && i < load->options.publishers; i++)
        load_publish_next(load, &load->publishers[i]);
}

static void turn(struct load *load)
{
    clients_turn(&load->clients, 2);
    if (load->standing_by)
        load_stand_by(load);
    if (load->clients.now - load->ticked < TICK)
        return;
    load->ticked = load->clients.now;
    tick(load);
}

typedef bool fact_fn(const struct load *load);

static bool await(struct load *load, fact_fn *fact, double seconds)
{
    nanos until = nanos_now() + (nanos)(seconds * 1e9);
    while (!fact(load)) {
        if (load->clients.now >= until)
            return false;
        turn(load);
    }
    return true;
}

static bool never(const struct load *load)
{
    return load == NULL;
}

static void rest(struct load *load, double seconds)
{
    await(load, never, seconds);
}

/* --- facts --- */

static bool all_ask(const struct load *load)
{
    for (size_t i = 0; i < load->options.clients; i++)
        if (load->waiters[i].state != CLIENT_ASKING || load->waiters[i].arriving)
            return false;
    return true;
}

static bool watcher_idle(const struct load *load)
{
    return load->watcher->state == CLIENT_IDLE;
}

static bool publisher_idle(const struct load *load)
{
    return load->publishers[0].state == CLIENT_IDLE;
}

static bool all_answered(const struct load *load)
{
    return load->answered == load->options.clients;
}

static bool publishers_idle(const struct load *load)
{
    for (int i = 0; i < load->options.publishers; i++)
        if (load->publishers[i].state != CLIENT_IDLE)
            return false;
    return true;
}

static long behind(const struct load *load)
{
    long count = 0;
    for (size_t i = 0; i < load->options.clients; i++)
        count += load->waiters[i].seen < load->topics[i % load->topic_count].acknowledged;
    return count;
}

static bool nobody_behind(const struct load *load)
{
    return behind(load) == 0;
}

/* --- who waits, as the server says --- */

/* -1: it does not say. */
static long ask_waiting(struct load *load)
{
    char text[512];
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       load->options.status, load->options.host);
    client_come(&load->clients, load->watcher);
    if (!await(load, watcher_idle, 5) ||
        !client_ask(&load->clients, load->watcher, text, (size_t)len) ||
        !await(load, watcher_idle, 5))
        return -1;
    const char *before = load->options.waiting;
    const char *at = strstr(load->watcher->answer.body, before);
    return at != NULL ? strtol(at + strlen(before), NULL, 10) : -1;
}

static bool await_waiting(struct load *load, size_t want, double seconds)
{
    nanos until = nanos_now() + (nanos)(seconds * 1e9);
    for (;;) {
        long waiting = ask_waiting(load);
        if (waiting > load->most_waiting)
            load->most_waiting = waiting;
        if (waiting == (long)want)
            return true;
        if (nanos_now() >= until)
            return false;
        rest(load, 0.002);
    }
}

static bool all_wait(struct load *load, double seconds)
{
    size_t clients = load->options.clients;
    if (load->options.status != NULL)
        return await_waiting(load, clients, seconds);
    bool asked = await(load, all_ask, seconds);
    rest(load, load->options.settle_ms / 1000.0);
    return asked;
}

static void note(struct load *load, enum moment moment)
{
    const struct options *options = &load->options;
    for (size_t i = 0; i < options->process_count; i++)
        load->usage[moment][i] = usage_of(options->processes[i].pid);
}

/* Counts as nothing. */
static bool publish_each(struct load *load)
{
    int publishers = load->options.publishers;
    long published = load->published;
    nanos until = nanos_now() + ARRIVE_SECONDS * NANOS_PER_SECOND;
    size_t next = 0;
    for (int i = 0; i < publishers; i++)
        client_come(&load->clients, &load->publishers[i]);
    for (; next < load->topic_count && nanos_now() < until; turn(load))
        for (int i = 0; i < publishers && next < load->topic_count; i++) {
            struct client *client = &load->publishers[i];
            if (client->state != CLIENT_IDLE)
                continue;
            client->seen = next;
            if (load_publish(load, client, (uint32_t)next))
                next++;
        }
    load->published = published;
    return next == load->topic_count && await(load, publishers_idle, 5);
}

/* Every topic gets a first document, so that all servers start alike. */
static bool seed(struct load *load)
{
    if (publish_each(load) && load->failed == 0)
        return true;
    load->trouble = "nothing could be published";
    return false;
}

/* Wakes those whom a server still holds because it has not noticed that they left: the
 * next run is not to find them. */
static void leave(struct load *load)
{
    load->recording = false;
    for (size_t i = 0; i < load->options.clients; i++)
        client_hang_up(&load->clients, &load->waiters[i]);
    long failed = load->failed;
    publish_each(load);
    load->failed = failed;
}

/* False where the clients could not all wait; then the run is void. */
static bool gather(struct load *load)
{
    const struct options *options = &load->options;
    if (!seed(load))
        return false;
    if (options->status != NULL && !await_waiting(load, 0, 15)) {
        load->trouble = "the status does not say that nobody waits";
        return false;
    }
    note(load, MOMENT_BEFORE);
    nanos began = nanos_now();
    for (size_t i = 0; i < options->clients; i++)
        client_come(&load->clients, &load->waiters[i]);
    bool waiting = all_wait(load, ARRIVE_SECONDS);
    load->arrive_seconds = (double)(nanos_now() - began) / 1e9;
    if (!waiting)
        load->trouble = "not all clients came to wait";
    note(load, MOMENT_WAITING);
    return waiting;
}

/* --- the modes --- */

/* Publishes what nobody waits for, twice: after the first one the second finds the caches
 * as the round's own publish finds them after the second. */
static void publish_aside(struct load *load)
{
    bool recording = load->recording;
    long published = load->published;
    for (int i = 0; i < 2; i++) {
        load->recording = recording && i == 1;
        load->publishers[0].seen = load->topic_count;
        if (await(load, publisher_idle, 5))
            load_publish(load, &load->publishers[0], (uint32_t)load->topic_count);
        await(load, publisher_idle, 5);
        rest(load, ASIDE_REST);
    }
    load->recording = recording;
    load->published = published;
}

/* From the publish's sending until the last client has its answer. */
static bool one_round(struct load *load)
{
    struct client *publisher = &load->publishers[0];
    publish_aside(load);
    load->answered = 0;
    publisher->seen = 0;
    if (!await(load, publisher_idle, 5) || !load_publish(load, publisher, 0))
        return false;
    nanos began = load->topics[0].sent_at[load->topics[0].sent % TOPIC_SENT];
    load->standing_by = true;
    bool whole = await(load, all_answered, ROUND_SECONDS);
    load->standing_by = false;
    await(load, publisher_idle, ROUND_SECONDS);
    if (!load->recording)
        return true;
    load->lost += (long)(load->options.clients - load->answered);
    if (whole)
        samples_add(&load->rounds, (double)(load->answered_at - began) / 1e3 /
                                       (double)load->options.clients);
    return true;
}

static void broadcast(struct load *load)
{
    const struct options *options = &load->options;
    if (!gather(load))
        return;
    client_come(&load->clients, load->bystander);
    nanos began = nanos_now();
    for (int round = 0; round < options->warmup + options->rounds; round++) {
        load->recording = round >= options->warmup;
        if (!one_round(load) || !all_wait(load, ROUND_SECONDS)) {
            load->trouble = "a round could not begin: not all clients came back";
            break;
        }
    }
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    note(load, MOMENT_END);
}

/* Each publisher goes round its topics as fast as it is answered. */
static void publish_for(struct load *load, double seconds)
{
    for (int i = 0; i < load->options.publishers; i++)
        load->publishers[i].seen = load->topic_count; /* starts at its number */
    load->recording = load->publishing = true;
    nanos began = load->next_publish = nanos_now();
    rest(load, seconds);
    load->publishing = false;
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    await(load, publishers_idle, DRAIN_SECONDS);
    note(load, MOMENT_END);
}

/* Also the churn; there nobody comes or goes any more once publishing has ended. */
static void distinct(struct load *load)
{
    if (!gather(load))
        return;
    load->churning = strcmp(load->options.mode, "churn") == 0;
    publish_for(load, load->options.seconds);
    load->churning = false;
    for (size_t i = 0; i < load->options.clients; i++)
        client_come(&load->clients, &load->waiters[i]);
    await(load, nobody_behind, DRAIN_SECONDS);
    load->lost = behind(load);
}

/* Publishers alone, and nobody waits. */
static void publish(struct load *load)
{
    if (!seed(load))
        return;
    note(load, MOMENT_WAITING);
    publish_for(load, load->options.seconds);
}

static bool descriptors_back(struct load *load)
{
    bool back = true;
    for (size_t i = 0; i < load->options.process_count; i++) {
        load->usage[MOMENT_END][i] = usage_of(load->options.processes[i].pid);
        back = back && load->usage[MOMENT_END][i].descriptors <=
                           load->usage[MOMENT_BEFORE][i].descriptors + DESCRIPTORS_SLACK;
    }
    return back;
}

static void kill_all(struct load *load)
{
    nanos began = nanos_now();
    for (size_t i = 0; i < load->options.clients; i++)
        client_hang_up(&load->clients, &load->waiters[i]);
    load->closed_ms = (double)(nanos_now() - began) / 1e6;
    load->nobody_ms = load->descriptors_ms = -1;
    if (load->options.status != NULL && await_waiting(load, 0, DRAIN_SECONDS))
        load->nobody_ms = (double)(nanos_now() - began) / 1e6;
    for (nanos until = nanos_now() + DRAIN_SECONDS * NANOS_PER_SECOND;
         nanos_now() < until; rest(load, 0.01))
        if (descriptors_back(load)) {
            load->descriptors_ms = (double)(nanos_now() - began) / 1e6;
            return;
        }
}

static void hold(struct load *load)
{
    if (!gather(load))
        return;
    rest(load, 1);
    note(load, MOMENT_WAITING);
    nanos began = nanos_now();
    rest(load, load->options.seconds);
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    note(load, MOMENT_END);
    if (load->options.kill)
        kill_all(load);
}

static void get(struct load *load)
{
    if (!seed(load))
        return;
    note(load, MOMENT_BEFORE);
    for (size_t i = 0; i < load->options.clients; i++)
        client_come(&load->clients, &load->waiters[i]);
    rest(load, 0.5);
    note(load, MOMENT_WAITING);
    load->recording = true;
    nanos began = nanos_now();
    rest(load, load->options.seconds);
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    note(load, MOMENT_END);
}

/* What is read is there already; nothing is published. */
static void pages(struct load *load)
{
    for (size_t i = 0; i < load->options.clients; i++)
        client_come(&load->clients, &load->waiters[i]);
    nanos began = nanos_now();
    rest(load, load->options.seconds);
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
    for (size_t i = 0; i < load->options.clients; i++)
        client_hang_up(&load->clients, &load->waiters[i]);
}

static void aside(struct load *load)
{
    client_come(&load->clients, &load->publishers[0]);
    publish_aside(load);
    client_come(&load->clients, load->bystander);
    load->standing_by = load->recording = true;
    nanos began = nanos_now();
    rest(load, load->options.seconds);
    load->measured_seconds = (double)(nanos_now() - began) / 1e9;
}

bool load_run(struct load *load)
{
    static const struct {
        const char *name;
        void (*run)(struct load *load);
    } modes[] = {
        {"broadcast", broadcast}, {"distinct", distinct}, {"churn", distinct},
        {"publish", publish},     {"hold", hold},         {"get", get},
        {"pages", pages},         {"aside", aside},       {"trickle", load_trickle}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(load->options.mode, modes[i].name) == 0) {
            modes[i].run(load);
            if (modes[i].run != pages && modes[i].run != load_trickle)
                leave(load);
            return true;
        }
    return false;
}
