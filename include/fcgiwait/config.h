/* SPDX-License-Identifier: ISC */
/*
 * config: the configuration file and the -o options, checked (fcgiwait.conf(5)).
 *
 * Included by the roof alone. Owns its strings until config_free(). Called from the main
 * thread.
 */
#ifndef FCGIWAIT_CONFIG_H
#define FCGIWAIT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/log.h"

struct store_table;

struct config {
    int64_t threads;     /* of the waiting room; 0: one per core, at least 2 */
    int64_t max_waiting; /* requests held at once */
    nanos wait_default, wait_max;
    double wait_jitter; /* 0 to 1: share of the wait that an expiry may come earlier */
    nanos stream_max, stream_heartbeat;
    nanos drain;
    char *store_type; /* "sqlite", "memory", "redis", "postgres" */
    char *store_file;
    char *store_sync; /* "full", "normal" */
    char *store_url, *store_name;
    int64_t store_replicas, store_history;
    char *store_reads; /* "local", "fenced" */
    nanos store_patience;
    char *store_publication;
    struct store_table *store_tables; /* and how many (fcgiwait/store.h) */
    size_t store_table_count;
    int64_t limit_body, limit_path, limit_resources, limit_changes, limit_answer;
    int64_t waiting_per_client; /* 0: no limit */
    char *cache_control;
    enum log_level log_level;
    char *log_format; /* "text", "json" */
};

/* What is wrong, ready to print: "FILE:LINE: KEY: what; allowed is ...". */
#define CONFIG_ERROR 1024

/* Fills in the defaults, then what FILE says (NULL: no file), then each of `options`
 * ("wait.max=90s"), later ones over earlier ones, then checks the whole (wait.default is
 * not above wait.max, ...). False with `error` filled in, and nothing to free. */
bool config_load(struct config *config, const char *file, const char *const *options,
                 size_t count, char error[CONFIG_ERROR]);

void config_free(struct config *config);

/* Whether the key of this name, or any key of this group, has another value. */
bool config_differs(const struct config *a, const struct config *b, const char *name);

#endif
