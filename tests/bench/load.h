/* SPDX-License-Identifier: ISC */
/*
 * load: what the modes share: the options, the clients, the topics and the results.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "client.h"
#include "stats.h"

#define PROCESSES 8    /* the last one is the load itself */
#define CHURN_SHARE 10 /* every tenth client comes and goes (churn) */
#define TOPIC_SENT 16  /* publishes of a topic whose moment is remembered */

struct process {
    const char *name;
    pid_t pid;
};

struct options {
    const char *mode, *host, *read, *publish, *status, *waiting, *poll;
    int port, rounds, warmup, publishers, settle_ms;
    double seconds, rate;       /* rate: publishes per second; 0: as many as possible */
    double pace;                /* bytes per second (trickle) */
    size_t clients, each, body; /* each: that wait on one resource (distinct) */
    bool kill, stream, feed;
    struct process processes[PROCESSES];
    size_t process_count;
};

/* A resource. Its publishes are numbered; a client's `seen` is such a number. */
struct topic {
    uint64_t sent, acknowledged;
    nanos sent_at[TOPIC_SENT];
};

enum moment { MOMENT_BEFORE, MOMENT_WAITING, MOMENT_END, MOMENTS };

struct load {
    struct options options;
    struct clients clients;
    struct client *waiters, *publishers, *watcher, *bystander;
    struct topic *topics; /* and one behind them, for which nobody waits (broadcast) */
    size_t topic_count;
    nanos ticked;

    bool publishing, churning, recording;
    nanos next_publish; /* where there is a rate */
    bool standing_by;   /* the bystander asks, as others than the clients do */
    nanos bystander_asked;
    size_t retrying;   /* waiters that had an answer that is an error */
    size_t answered;   /* waiters that have seen the latest publish (broadcast) */
    nanos answered_at; /* when the latest of them had */

    uint64_t first; /* publishes are numbered from here; never the same in two runs */
    struct samples latency;      /* ms from publish to delivery, of each */
    struct samples stale;        /* ms since what is known was published (trickle) */
    struct samples rounds;       /* us per waiter, of each round */
    struct samples acks;         /* ms from publish to its answer */
    struct samples acks_aside;   /* the same, where nobody waits for what is published */
    struct samples bystander_ms; /* of a GET while all of them are answered */
    long delivered, superseded, late, lost, published, failed, churned, gets, bytes;
    double arrive_seconds, measured_seconds, closed_ms, nobody_ms, descriptors_ms;
    long most_waiting;
    const char *trouble; /* why the run is void */
    struct usage usage[MOMENTS][PROCESSES];
};

/* Runs the mode. False where there is none of that name. */
bool load_run(struct load *load);

/* The waiter asks: for the present, and from then on with its index. */
void load_ask(struct load *load, struct client *client);

/* Publishes the topic's next number; false where the client can't ask now. */
bool load_publish(struct load *load, struct client *client, uint32_t number);

/* The publisher's next topic, where it is time to. */
void load_publish_next(struct load *load, struct client *client);

/* The bystander gets what nobody waits for, where it is time to. */
void load_stand_by(struct load *load);

/* One more client reads a stream of READ/all at the pace; somebody else publishes. */
void load_trickle(struct load *load);

/* Whether it is one of those that come and go. */
bool load_churns(const struct load *load, const struct client *client);

/* The bells for the clients. */
void load_ready(void *context, struct client *client);
void load_answered(void *context, struct client *client);
void load_told(void *context, struct client *client);

#endif
