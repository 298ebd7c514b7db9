/* SPDX-License-Identifier: ISC */
#include "fcgiwait/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "config_source.h"
#include "fcgiwait/duration.h"

#define SHORTEST NANOS_PER_MS
#define LONGEST (24 * 3600 * NANOS_PER_SECOND)
#define TEXT_MOST 255 /* a string's length: cache_control has to fit a reply's head */

enum kind { KIND_INTEGER, KIND_SHARE, KIND_SPAN, KIND_TEXT, KIND_WORD, KIND_LEVEL };

struct key {
    const char *name;
    enum kind kind;
    size_t at;           /* within struct config */
    int64_t least, most; /* of an integer or a span */
    const char *allowed;
};

#define AT(member) offsetof(struct config, member)

/* The one table of keys. */
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
    {"drain", KIND_SPAN, AT(drain), 0, LONGEST,
     "a duration from 0s to 24h, such as \"5s\""},
    {"store.type", KIND_WORD, AT(store_type), 0, 0, "\"sqlite\" or \"memory\""},
    {"store.file", KIND_TEXT, AT(store_file), 0, 0, "the path of a file"},
    {"store.sync", KIND_WORD, AT(store_sync), 0, 0, "\"full\" or \"normal\""},
    {"limits.body", KIND_INTEGER, AT(limit_body), 0, INT64_C(1) << 30,
     "a whole number of bytes from 0 to 1073741824"},
    {"limits.path", KIND_INTEGER, AT(limit_path), 1, 65535,
     "a whole number of bytes from 1 to 65535"},
    {"limits.resources", KIND_INTEGER, AT(limit_resources), 0, INT64_C(1) << 40,
     "a whole number from 0 to 1099511627776"},
    {"cache_control", KIND_TEXT, AT(cache_control), 0, 0,
     "a header value of at most 255 characters; \"\" sends no header"},
    {"log_level", KIND_LEVEL, AT(log_level), 0, 0,
     "\"error\", \"warn\", \"info\" or \"debug\""},
};

#define KEYS (sizeof keys / sizeof *keys)

/* What is being loaded, and where each key was set last. */
struct loader {
    struct config *config;
    char *error;
    char set_at[KEYS][256]; /* "FILE:LINE", "-o"; empty: nowhere */
};

static bool fail(struct loader *loader, const char *where, const char *what)
{
    snprintf(loader->error, CONFIG_ERROR, "%s: %s", where, what);
    return false;
}

static bool refuse(struct loader *loader, const char *where, const struct key *key,
                   const char *what)
{
    snprintf(loader->error, CONFIG_ERROR, "%s: %s: %s; allowed is %s", where, key->name,
             what, key->allowed);
    return false;
}

static bool refuse_name(struct loader *loader, const char *where, const char *name)
{
    int len = snprintf(loader->error, CONFIG_ERROR,
                       "%s: %s: no such key is known; allowed are", where, name);
    for (size_t i = 0; i < KEYS && len < CONFIG_ERROR; i++)
        len += snprintf(loader->error + len, (size_t)(CONFIG_ERROR - len), "%s %s",
                        i > 0 ? "," : "", keys[i].name);
    return false;
}

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static bool is_group(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < KEYS; i++)
        if (strncmp(keys[i].name, name, len) == 0 && keys[i].name[len] == '.')
            return true;
    return false;
}

/* --- values --- */

static void *place(const struct loader *loader, const struct key *key)
{
    return (char *)loader->config + key->at;
}

static bool set_number(struct loader *loader, const char *where, const struct key *key,
                       int64_t value)
{
    if (value < key->least || value > key->most)
        return refuse(loader, where, key, "out of range");
    *(int64_t *)place(loader, key) = value;
    return true;
}

static bool set_share(struct loader *loader, const char *where, const struct key *key,
                      double value)
{
    if (!(value >= 0 && value <= 1)) /* not a number is neither */
        return refuse(loader, where, key, "out of range");
    *(double *)place(loader, key) = value;
    return true;
}

static bool is_header_value(const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    return strlen(value) <= TEXT_MOST;
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

static bool set_string(struct loader *loader, const char *where, const struct key *key,
                       const char *value)
{
    char **at = place(loader, key);
    if (!is_header_value(value))
        return refuse(loader, where, key, "too long, or with a control character");
    char *copy = strdup(value);
    if (copy == NULL)
        return fail(loader, where, "out of memory");
    free(*at);
    *at = copy;
    return true;
}

/* A value that stands in quotes, or behind -o. */
static bool set_text(struct loader *loader, const char *where, const struct key *key,
                     const char *value)
{
    struct text text = text_of(value);
    nanos span;
    switch (key->kind) {
    case KIND_SPAN:
        if (!duration_parse(text, &span))
            return refuse(loader, where, key, "not a duration");
        return set_number(loader, where, key, span);
    case KIND_LEVEL:
        return log_level_parse(text, place(loader, key)) ||
               refuse(loader, where, key, "not a level");
    case KIND_WORD:
        if (!is_among(value, key->allowed))
            return refuse(loader, where, key, "not known");
        return set_string(loader, where, key, value);
    case KIND_TEXT:
        return set_string(loader, where, key, value);
    case KIND_INTEGER:
    case KIND_SHARE:
        break;
    }
    return refuse(loader, where, key, "wrong type");
}

/* Spans are given in seconds where they are numbers. */
static bool set_integer(struct loader *loader, const char *where, const struct key *key,
                        int64_t value)
{
    switch (key->kind) {
    case KIND_INTEGER:
        return set_number(loader, where, key, value);
    case KIND_SHARE:
        return set_share(loader, where, key, (double)value);
    case KIND_SPAN:
        if (value > INT64_MAX / NANOS_PER_SECOND || value < 0)
            return refuse(loader, where, key, "out of range");
        return set_number(loader, where, key, value * NANOS_PER_SECOND);
    case KIND_TEXT:
    case KIND_WORD:
    case KIND_LEVEL:
        break;
    }
    return refuse(loader, where, key, "wrong type");
}

static void note_set(struct loader *loader, const struct key *key, const char *where)
{
    snprintf(loader->set_at[key - keys], sizeof loader->set_at[0], "%s", where);
}

/* --- the file --- */

static bool set_setting(struct loader *loader, const char *where, const struct key *key,
                        const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return set_integer(loader, where, key, config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return key->kind == KIND_SHARE
                   ? set_share(loader, where, key, config_setting_get_float(setting))
                   : refuse(loader, where, key, "wrong type");
    case CONFIG_TYPE_STRING:
        return set_text(loader, where, key, config_setting_get_string(setting));
    default:
        return refuse(loader, where, key, "wrong type");
    }
}

static void where_is(const config_setting_t *setting, const char *file, char where[256])
{
    const char *source = config_setting_source_file(setting);
    snprintf(where, 256, "%s:%u", source != NULL ? source : file,
             config_setting_source_line(setting));
}

/* `group` is NULL at the top, where the names of groups stand. */
static bool take_settings(struct loader *loader, const char *file,
                          const config_setting_t *parent, const char *group)
{
    int count = config_setting_length(parent);
    for (int i = 0; i < count; i++) {
        config_setting_t *setting = config_setting_get_elem(parent, (unsigned)i);
        char where[256], name[128];
        where_is(setting, file, where);
        snprintf(name, sizeof name, "%s%s%s", group != NULL ? group : "",
                 group != NULL ? "." : "", config_setting_name(setting));
        const struct key *key = find_key(name);
        if (key != NULL) {
            if (!set_setting(loader, where, key, setting))
                return false;
            note_set(loader, key, where);
        } else if (group != NULL || !is_group(name) ||
                   !config_setting_is_group(setting)) {
            return refuse_name(loader, where, name);
        } else if (!take_settings(loader, file, setting, name)) {
            return false;
        }
    }
    return true;
}

static bool read_file(struct loader *loader, const char *file, config_t *parsed)
{
    if (config_read_file(parsed, file))
        return take_settings(loader, file, config_root_setting(parsed), NULL);
    if (config_error_type(parsed) != CONFIG_ERR_PARSE)
        return fail(loader, file, strerror(errno));
    const char *source = config_error_file(parsed);
    snprintf(loader->error, CONFIG_ERROR,
             "%s:%d: %s; allowed is libconfig's syntax: name = value;",
             source != NULL ? source : file, config_error_line(parsed),
             config_error_text(parsed));
    return false;
}

static bool take_file(struct loader *loader, const char *file)
{
    config_t parsed;
    if (!config_source_check(file, loader->error, CONFIG_ERROR))
        return false;
    config_init(&parsed);
    bool good = read_file(loader, file, &parsed);
    config_destroy(&parsed);
    return good;
}

/* --- the options --- */

static bool take_number(struct loader *loader, const char *where, const struct key *key,
                        const char *value)
{
    uint64_t number;
    char *end;
    if (key->kind == KIND_INTEGER)
        return text_number(text_of(value), INT64_MAX, &number)
                   ? set_number(loader, where, key, (int64_t)number)
                   : refuse(loader, where, key, "not a whole number");
    double share = strtod(value, &end);
    return *value != '\0' && *end == '\0' ? set_share(loader, where, key, share)
                                          : refuse(loader, where, key, "not a number");
}

static bool take_option(struct loader *loader, const char *option)
{
    char where[256], name[128];
    const char *equals = strchr(option, '=');
    snprintf(where, sizeof where, "-o %s", option);
    if (equals == NULL)
        return fail(loader, where, "no value; allowed is -o key=value");
    snprintf(name, sizeof name, "%.*s", (int)(equals - option), option);
    const struct key *key = find_key(name);
    if (key == NULL)
        return refuse_name(loader, where, name);
    note_set(loader, key, where);
    if (key->kind == KIND_INTEGER || key->kind == KIND_SHARE)
        return take_number(loader, where, key, equals + 1);
    return set_text(loader, where, key, equals + 1);
}

/* --- the whole --- */

static bool set_defaults(struct config *config)
{
    *config = (struct config){.threads = 0,
                              .max_waiting = 10000,
                              .wait_default = 15 * NANOS_PER_SECOND,
                              .wait_max = 60 * NANOS_PER_SECOND,
                              .limit_body = 1048576,
                              .limit_path = 1024,
                              .limit_resources = 100000,
                              .store_type = strdup("sqlite"),
                              .store_file = strdup("/var/lib/fcgiwait/fcgiwait.db"),
                              .store_sync = strdup("full"),
                              .cache_control = strdup("no-store"),
                              .log_level = LOG_LEVEL_INFO};
    return config->store_type != NULL && config->store_file != NULL &&
           config->store_sync != NULL && config->cache_control != NULL;
}

static const char *set_at(const struct loader *loader, const char *name)
{
    return loader->set_at[find_key(name) - keys];
}

static bool check_whole(struct loader *loader)
{
    struct config *config = loader->config;
    const char *default_at = set_at(loader, "wait.default");
    if (config->wait_default <= config->wait_max)
        return true;
    if (default_at[0] != '\0')
        return fail(loader, default_at,
                    "wait.default is longer than wait.max; allowed is at most wait.max");
    config->wait_default = config->wait_max; /* only wait.max was set: it goes first */
    return true;
}

static bool load(struct loader *loader, const char *file, const char *const *options,
                 size_t count)
{
    if (!set_defaults(loader->config))
        return fail(loader, "configuration", "out of memory");
    if (file != NULL && !take_file(loader, file))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!take_option(loader, options[i]))
            return false;
    return check_whole(loader);
}

bool config_load(struct config *config, const char *file, const char *const *options,
                 size_t count, char error[CONFIG_ERROR])
{
    struct loader loader = {.config = config, .error = error};
    if (load(&loader, file, options, count))
        return true;
    config_free(config);
    return false;
}

void config_free(struct config *config)
{
    free(config->store_type);
    free(config->store_file);
    free(config->store_sync);
    free(config->cache_control);
    *config = (struct config){0};
}
