/* SPDX-License-Identifier: ISC */
/*
 * Reads the configuration: defaults, file, options, and the whole looked at once more.
 * libconfig parses; it meets only text that config_source_check() has passed. Each error
 * says where: FILE:LINE, or the option.
 */
#include "fcgiwait/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libconfig.h>

#include "config_keys.h"
#include "config_source.h"
#include "config_tables.h"

/* What is being loaded, and where each key was set last. */
struct loader {
    struct config *config;
    char *error;
    char set_at[KEYS_MOST][256]; /* "FILE:LINE", "-o"; empty: nowhere */
};

static bool fail(struct loader *loader, const char *where, const char *what)
{
    snprintf(loader->error, CONFIG_ERROR, "%s: %s", where, what);
    return false;
}

static bool refuse_name(struct loader *loader, const char *where, const char *name)
{
    size_t count;
    const struct key *keys = keys_all(&count);
    int len = snprintf(loader->error, CONFIG_ERROR,
                       "%s: %s: no such key is known; allowed are", where, name);
    for (size_t i = 0; i < count && len < CONFIG_ERROR; i++)
        len += snprintf(loader->error + len, (size_t)(CONFIG_ERROR - len), "%s %s",
                        i > 0 ? "," : "", keys[i].name);
    return false;
}

static char *set_at(struct loader *loader, const struct key *key)
{
    size_t count;
    return loader->set_at[key - keys_all(&count)];
}

static void remember(struct loader *loader, const char *where, const struct key *key)
{
    snprintf(set_at(loader, key), sizeof loader->set_at[0], "%s", where);
}

/* `wrong` is what a setter said. */
static bool note_set(struct loader *loader, const char *where, const struct key *key,
                     const char *wrong)
{
    if (wrong == keys_no_memory)
        return fail(loader, where, wrong);
    if (wrong != NULL) {
        snprintf(loader->error, CONFIG_ERROR, "%s: %s: %s; allowed is %s", where,
                 key->name, wrong, key->allowed);
        return false;
    }
    remember(loader, where, key);
    return true;
}

/* --- the file --- */

static const char *set_setting(const struct key *key, struct config *config,
                               const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return key_set_integer(key, config, config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return key_set_share(key, config, config_setting_get_float(setting));
    case CONFIG_TYPE_STRING:
        return key_set_text(key, config, config_setting_get_string(setting));
    default:
        return "wrong type";
    }
}

static void where_is(const config_setting_t *setting, const char *file, char where[256])
{
    const char *source = config_setting_source_file(setting);
    snprintf(where, 256, "%s:%u", source != NULL ? source : file,
             config_setting_source_line(setting));
}

/* A setter's errors say where themselves. */
static bool take_tables(struct loader *loader, const char *file, const struct key *key,
                        const config_setting_t *list)
{
    struct tables_error error = {.what = NULL};
    char where[256];
    where_is(list, file, where);
    if (tables_take(loader->config, list, &error)) {
        remember(loader, where, key);
        return true;
    }
    where_is(error.at, file, where);
    if (error.what == NULL)
        return fail(loader, where, keys_no_memory);
    snprintf(loader->error, CONFIG_ERROR, "%s: %s: %s; allowed is %s", where, error.key,
             error.what, error.allowed);
    return false;
}

static bool take_key(struct loader *loader, const char *file, const struct key *key,
                     const config_setting_t *setting)
{
    char where[256];
    where_is(setting, file, where);
    return key->kind == KIND_TABLES
               ? take_tables(loader, file, key, setting)
               : note_set(loader, where, key, set_setting(key, loader->config, setting));
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
        const struct key *key = keys_find(name);
        if (key != NULL) {
            if (!take_key(loader, file, key, setting))
                return false;
        } else if (group != NULL || !keys_have_group(name) ||
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

static bool take_option(struct loader *loader, const char *option)
{
    char where[256], name[128];
    const char *equals = strchr(option, '=');
    /* a URL may have a password, whatever stands before it */
    size_t said = strstr(option, "://") != NULL ? strcspn(option, "=:") : strlen(option);
    snprintf(where, sizeof where, "-o %.*s", (int)said, option);
    if (equals == NULL)
        return fail(loader, where, "no value; allowed is -o key=value");
    size_t len = (size_t)(equals - option);
    snprintf(name, sizeof name, "%.*s", (int)(len < said ? len : said), option);
    const struct key *key = keys_find(name);
    if (key == NULL)
        return refuse_name(loader, where, name);
    if (key == keys_find("store.url")) /* so may what libpq takes besides */
        snprintf(where, sizeof where, "-o %s", name);
    return note_set(loader, where, key, key_set_option(key, loader->config, equals + 1));
}

/* --- the whole --- */

#define POSTGRES_URLS                                                                    \
    "allowed is what libpq takes, such as \"postgresql://fcgiwait@127.0.0.1/app\""

/* libpq would take it as the name of a database. */
static bool is_of_redis(const char *url)
{
    return strncmp(url, "redis", 5) == 0 && strchr(url, ':') != NULL;
}

/* The default is another engine's, and so is what the file has that comes with us. */
static bool check_url(struct loader *loader)
{
    const struct config *config = loader->config;
    const char *type_at = set_at(loader, keys_find("store.type"));
    const char *url_at = set_at(loader, keys_find("store.url"));
    if (strcmp(config->store_type, "postgres") != 0)
        return true;
    if (url_at[0] == '\0')
        return fail(loader, type_at, "store.url is missing; " POSTGRES_URLS);
    return !is_of_redis(config->store_url) ||
           fail(loader, url_at,
                "store.url: with store.type \"postgres\" it is no URL of "
                "Redis; " POSTGRES_URLS);
}

static bool check_whole(struct loader *loader)
{
    struct config *config = loader->config;
    const char *default_at = set_at(loader, keys_find("wait.default"));
    if (!check_url(loader))
        return false;
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
    if (!keys_set_defaults(loader->config))
        return fail(loader, "configuration", keys_no_memory);
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
