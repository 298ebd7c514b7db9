/* SPDX-License-Identifier: ISC */
/*
 * config_keys: the one table of keys: name, kind, range, default; and how a value is put
 * into its place.
 *
 * Private to the configuration; the main thread's. A setter returns NULL where it has
 * set the value, else what is wrong with it ("out of range"): the caller says where.
 */
#ifndef FCGIWAIT_CONFIG_KEYS_H
#define FCGIWAIT_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/config.h"

enum key_kind {
    KIND_INTEGER,
    KIND_SHARE, /* a fraction from 0 to 1 */
    KIND_SPAN,  /* a duration; a whole number is one in seconds */
    KIND_TEXT,
    KIND_WORD, /* one of those that stand in quotes in `allowed` */
    KIND_LEVEL,
    KIND_TABLES /* config_tables.h */
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t at;           /* within struct config */
    int64_t least, most; /* of an integer or a span */
    const char *allowed;
};

#define KEYS_MOST 64

/* The keys, in the order of the manual, and how many there are. */
const struct key *keys_all(size_t *count);
const struct key *keys_find(const char *name); /* NULL: there is no such key */
bool keys_have_group(const char *name);

/* False: out of memory; config_free() all the same. */
bool keys_set_defaults(struct config *config);

/* What a setter returns where memory ran out: no fault of the value. */
extern const char keys_no_memory[];

const char *key_set_integer(const struct key *key, struct config *config, int64_t value);
const char *key_set_share(const struct key *key, struct config *config, double value);
const char *key_set_text(const struct key *key, struct config *config, const char *value);

/* As it stands behind -o: numbers are text, too. */
const char *key_set_option(const struct key *key, struct config *config,
                           const char *value);

#endif
