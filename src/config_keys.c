/* SPDX-License-Identifier: ISC */
/*
 * The table of keys, and their values. A new key is a line of `keys`, a member of struct
 * config, a default, and its paragraphs in conf/ (tests/structure/keys compares them).
 */
#include "config_keys.h"

#include <stdlib.h>
#include <string.h>

#include "config_tables.h"
#include "fcgiwait/duration.h"

#define SHORTEST NANOS_PER_MS
#define LONGEST (24 * 3600 * NANOS_PER_SECOND)
#define HEARTBEAT_LEAST (100 * NANOS_PER_MS)
#define HEARTBEAT_MOST (3600 * NANOS_PER_SECOND)
#define PATIENCE_LEAST (100 * NANOS_PER_MS)
#define PATIENCE_MOST (60 * NANOS_PER_SECOND)
#define TEXT_MOST 255 /* a string's length: cache_control has to fit a reply's head */
#define FILE_MOST 504 /* SQLite opens none with a longer name */
#define URL_MOST 4095 /* with all its hosts */

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
    {"threads", KIND_INTEGER, AT(threads), 0, 256,
     "a whole number from 0 (one per core, at least 2) to 256"},
    {"max_waiting", KIND_INTEGER, AT(max_waiting), 0, 1000000,
     "a whole number from 0 to 1000000"},
    {"wait.default", KIND_SPAN, AT(wait_default), 0, LONGEST,
     "a duration from 0s to 24h, such as \"15s\""},
    {"wait.max", KIND_SPAN, AT(wait_max), SHORTEST, LONGEST,
     "a duration from 1ms to 24h, such as \"60s\""},
    {"wait.jitter", KIND_SHARE, AT(wait_jitter), 0, 0, "a number from 0.0 to 1.0"},
    {"stream.max", KIND_SPAN, AT(stream_max), HEARTBEAT_LEAST, LONGEST,
     "a duration from 100ms to 24h, such as \"10m\""},
    {"stream.heartbeat", KIND_SPAN, AT(stream_heartbeat), HEARTBEAT_LEAST, HEARTBEAT_MOST,
     "a duration from 100ms to 1h, such as \"20s\""},
    {"drain", KIND_SPAN, AT(drain), 0, LONGEST,
     "a duration from 0s to 24h, such as \"5s\""},
    {"store.type", KIND_WORD, AT(store_type), 0, 0,
     "\"sqlite\", \"memory\", \"redis\" or \"postgres\""},
    {"store.file", KIND_TEXT, AT(store_file), 0, FILE_MOST,
     "the path of a file, of at most 504 characters"},
    {"store.sync", KIND_WORD, AT(store_sync), 0, 0, "\"full\" or \"normal\""},
    {"store.url", KIND_TEXT, AT(store_url), 0, URL_MOST,
     "up to 4095 characters, such as \"redis://user:password@127.0.0.1:6379/0\" or "
     "\"postgresql://fcgiwait@127.0.0.1/app\""},
    {"store.name", KIND_TEXT, AT(store_name), 0, 0, "a name of at most 255 characters"},
    {"store.replicas", KIND_INTEGER, AT(store_replicas), 0, 100,
     "a whole number from 0 to 100"},
    {"store.reads", KIND_WORD, AT(store_reads), 0, 0, "\"local\" or \"fenced\""},
    {"store.patience", KIND_SPAN, AT(store_patience), PATIENCE_LEAST, PATIENCE_MOST,
     "a duration from 100ms to 1m, such as \"5s\""},
    {"store.history", KIND_INTEGER, AT(store_history), 1, 100000000,
     "a whole number from 1 to 100000000"},
    {"store.publication", KIND_TEXT, AT(store_publication), 0, 0,
     "a name of at most 255 characters"},
    {"store.tables", KIND_TABLES, AT(store_tables), 0, 0,
     "a list in the file, such as ( { name = \"public.posts\"; path = \"/posts/{id}\"; } "
     ")"},
    {"limits.body", KIND_INTEGER, AT(limit_body), 0, INT64_C(1) << 30,
     "a whole number of bytes from 0 to 1073741824"},
    {"limits.path", KIND_INTEGER, AT(limit_path), 1, 65535,
     "a whole number of bytes from 1 to 65535"},
    {"limits.resources", KIND_INTEGER, AT(limit_resources), 0, INT64_C(1) << 40,
     "a whole number from 0 to 1099511627776"},
    {"limits.changes", KIND_INTEGER, AT(limit_changes), 1, 1000000,
     "a whole number from 1 to 1000000"},
    {"limits.answer", KIND_INTEGER, AT(limit_answer), 1024, INT64_C(1) << 30,
     "a whole number of bytes from 1024 to 1073741824"},
    {"limits.waiting_per_client", KIND_INTEGER, AT(waiting_per_client), 0, 1000000,
     "a whole number from 0 (no limit) to 1000000"},
    {"cache_control", KIND_TEXT, AT(cache_control), 0, 0,
     "a header value of at most 255 characters; \"\" sends no header"},
    {"log_level", KIND_LEVEL, AT(log_level), 0, 0,
     "\"error\", \"warn\", \"info\" or \"debug\""},
    {"log_format", KIND_WORD, AT(log_format), 0, 0, "\"text\" or \"json\""},
};

#define KEYS (sizeof keys / sizeof *keys)
_Static_assert(KEYS <= KEYS_MOST, "KEYS_MOST is too small");

const char keys_no_memory[] = "out of memory";

const struct key *keys_all(size_t *count)
{
    *count = KEYS;
    return keys;
}

const struct key *keys_find(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static bool is_in_group(const struct key *key, const char *name)
{
    size_t len = strlen(name);
    return strncmp(key->name, name, len) == 0 && key->name[len] == '.';
}

bool keys_have_group(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (is_in_group(&keys[i], name))
            return true;
    return false;
}

/* --- all at once --- */

static void *place(const struct key *key, struct config *config)
{
    return (char *)config + key->at;
}

/* Which is malloc'd. */
static bool is_string(const struct key *key)
{
    return key->kind == KIND_TEXT || key->kind == KIND_WORD;
}

bool keys_set_defaults(struct config *config)
{
    *config = (struct config){.threads = 0,
                              .max_waiting = 10000,
                              .wait_default = 15 * NANOS_PER_SECOND,
                              .wait_max = 60 * NANOS_PER_SECOND,
                              .stream_max = 600 * NANOS_PER_SECOND,
                              .stream_heartbeat = 20 * NANOS_PER_SECOND,
                              .limit_body = 1048576,
                              .limit_path = 1024,
                              .limit_resources = 100000,
                              .limit_changes = 1000,
                              .limit_answer = 8388608,
                              .waiting_per_client = 0,
                              .store_type = strdup("sqlite"),
                              .store_file = strdup("/var/lib/fcgiwait/fcgiwait.db"),
                              .store_sync = strdup("full"),
                              .store_url = strdup("redis://127.0.0.1:6379/0"),
                              .store_name = strdup("fcgiwait"),
                              .store_replicas = 0,
                              .store_reads = strdup("local"),
                              .store_patience = 5 * NANOS_PER_SECOND,
                              .store_history = 10000,
                              .store_publication = strdup("fcgiwait"),
                              .cache_control = strdup("no-store"),
                              .log_level = LOG_LEVEL_INFO,
                              .log_format = strdup("text")};
    for (size_t i = 0; i < KEYS; i++)
        if (is_string(&keys[i]) && *(char **)place(&keys[i], config) == NULL)
            return false;
    return true;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < KEYS; i++)
        if (is_string(&keys[i]))
            free(*(char **)place(&keys[i], config));
    tables_free(config);
    *config = (struct config){0};
}

static bool differs(const struct key *key, const struct config *a, const struct config *b)
{
    const void *one = (const char *)a + key->at, *other = (const char *)b + key->at;
    switch (key->kind) {
    case KIND_INTEGER:
    case KIND_SPAN:
        return *(const int64_t *)one != *(const int64_t *)other;
    case KIND_SHARE:
        return *(const double *)one != *(const double *)other;
    case KIND_LEVEL:
        return *(const enum log_level *)one != *(const enum log_level *)other;
    case KIND_TABLES:
        return tables_differ(a, b);
    case KIND_TEXT:
    case KIND_WORD:
        break;
    }
    return strcmp(*(char *const *)one, *(char *const *)other) != 0;
}

bool config_differs(const struct config *a, const struct config *b, const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if ((strcmp(keys[i].name, name) == 0 || is_in_group(&keys[i], name)) &&
            differs(&keys[i], a, b))
            return true;
    return false;
}

/* --- values --- */

static const char *set_number(const struct key *key, struct config *config, int64_t value)
{
    if (value < key->least || value > key->most)
        return "out of range";
    *(int64_t *)place(key, config) = value;
    return NULL;
}

const char *key_set_share(const struct key *key, struct config *config, double value)
{
    if (key->kind != KIND_SHARE)
        return "wrong type";
    if (!(value >= 0 && value <= 1)) /* not a number is neither */
        return "out of range";
    *(double *)place(key, config) = value;
    return NULL;
}

static bool is_value(const struct key *key, const char *value)
{
    size_t most = key->most > 0 ? (size_t)key->most : TEXT_MOST;
    return strlen(value) <= most && !text_has_control(text_of(value));
}

/* `words` has each of them in quotes. */
static bool is_among(const char *word, const char *words)
{
    struct text rest = text_of(words), between, quoted;
    while (text_cut(&rest, '"', &between) && text_cut(&rest, '"', &quoted))
        if (text_is(quoted, text_of(word)))
            return true;
    return false;
}

static const char *set_string(const struct key *key, struct config *config,
                              const char *value)
{
    char **at = place(key, config);
    if (!is_value(key, value))
        return "too long, or with a control character";
    char *copy = strdup(value);
    if (copy == NULL)
        return keys_no_memory;
    free(*at);
    *at = copy;
    return NULL;
}

const char *key_set_text(const struct key *key, struct config *config, const char *value)
{
    struct text text = text_of(value);
    nanos span;
    switch (key->kind) {
    case KIND_SPAN:
        return duration_parse(text, &span) ? set_number(key, config, span)
                                           : "not a duration";
    case KIND_LEVEL:
        return log_level_parse(text, place(key, config)) ? NULL : "not a level";
    case KIND_WORD:
        return is_among(value, key->allowed) ? set_string(key, config, value)
                                             : "not known";
    case KIND_TEXT:
        return set_string(key, config, value);
    case KIND_INTEGER:
    case KIND_SHARE:
    case KIND_TABLES:
        break;
    }
    return "wrong type";
}

const char *key_set_integer(const struct key *key, struct config *config, int64_t value)
{
    switch (key->kind) {
    case KIND_INTEGER:
        return set_number(key, config, value);
    case KIND_SHARE:
        return key_set_share(key, config, (double)value);
    case KIND_SPAN:
        if (value > INT64_MAX / NANOS_PER_SECOND || value < 0)
            return "out of range";
        return set_number(key, config, value * NANOS_PER_SECOND);
    case KIND_TEXT:
    case KIND_WORD:
    case KIND_LEVEL:
    case KIND_TABLES:
        break;
    }
    return "wrong type";
}

const char *key_set_option(const struct key *key, struct config *config,
                           const char *value)
{
    uint64_t number;
    char *end;
    if (key->kind == KIND_INTEGER)
        return text_number(text_of(value), INT64_MAX, &number)
                   ? set_number(key, config, (int64_t)number)
                   : "not a whole number";
    if (key->kind != KIND_SHARE)
        return key_set_text(key, config, value);
    double share = strtod(value, &end);
    return *value != '\0' && *end == '\0' ? key_set_share(key, config, share)
                                          : "not a number";
}
