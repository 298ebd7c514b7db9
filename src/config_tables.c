/* SPDX-License-Identifier: ISC */
/*
 * Reads store.tables. What a name and a template may be is the store's to say
 * (fcgiwait/store.h); here stands where in the file they are.
 */
#include "config_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libconfig.h>

#include "fcgiwait/store.h"

#define ALLOWED_TABLES                                                                   \
    "a list such as ( { name = \"public.posts\"; path = \"/posts/{id}\"; } )"
#define ALLOWED_NAME                                                                     \
    "a table's name as the catalogue has it, such as \"public.posts\"; what has a dot "  \
    "in it stands in double quotes"
#define ALLOWED_PATH                                                                     \
    "a URL's path with names of columns in braces, such as \"/posts/{id}\""

static bool fail(struct tables_error *error, const config_setting_t *at, const char *what,
                 const char *allowed)
{
    error->at = at;
    error->what = what;
    error->allowed = allowed;
    return false;
}

/* Longer than its room only where it says nothing new. */
static void name_key(struct tables_error *error, size_t table, const char *member)
{
    snprintf(error->key, sizeof error->key, "store.tables[%zu]%s%.32s", table,
             member[0] != '\0' ? "." : "", member);
}

static bool take_string(const config_setting_t *setting,
                        const char *(*judge)(const char *), const char *allowed,
                        const char **out, struct tables_error *error)
{
    const char *value = config_setting_get_string(setting);
    if (value == NULL)
        return fail(error, setting, "wrong type", allowed);
    const char *wrong = judge(value);
    if (wrong != NULL)
        return fail(error, setting, wrong, allowed);
    free((char *)*out);
    *out = strdup(value);
    return *out != NULL || fail(error, setting, NULL, allowed);
}

/* A list, an array, or a single one. */
static bool take_also(const config_setting_t *setting, struct store_table *table,
                      struct tables_error *error)
{
    bool single = config_setting_type(setting) == CONFIG_TYPE_STRING;
    if (!single && !config_setting_is_list(setting) && !config_setting_is_array(setting))
        return fail(error, setting, "wrong type",
                    "a list such as ( \"/users/{author_id}/posts\" )");
    size_t count = single ? 1 : (size_t)config_setting_length(setting);
    const char **also = calloc(count + 1, sizeof *also);
    if (also == NULL)
        return fail(error, setting, NULL, "");
    table->also = also;
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *one =
            single ? setting : config_setting_get_elem(setting, (unsigned)i);
        if (!take_string(one, store_table_path_wrong, ALLOWED_PATH, &also[i], error))
            return false;
        table->also_count++;
    }
    return true;
}

static bool take_member(const config_setting_t *setting, struct store_table *table,
                        struct tables_error *error)
{
    const char *name = config_setting_name(setting);
    if (strcmp(name, "name") == 0)
        return take_string(setting, store_table_name_wrong, ALLOWED_NAME, &table->name,
                           error);
    if (strcmp(name, "path") == 0)
        return take_string(setting, store_table_path_wrong, ALLOWED_PATH, &table->path,
                           error);
    if (strcmp(name, "also") == 0)
        return take_also(setting, table, error);
    return fail(error, setting, "no such key is known", "name, path and also");
}

static bool take_table(const config_setting_t *group, size_t number,
                       struct store_table *table, struct tables_error *error)
{
    name_key(error, number, "");
    if (!config_setting_is_group(group))
        return fail(error, group, "wrong type", ALLOWED_TABLES);
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
        name_key(error, number, config_setting_name(member));
        if (!take_member(member, table, error))
            return false;
    }
    name_key(error, number, table->name == NULL ? "name" : "path");
    if (table->name == NULL)
        return fail(error, group, "is missing", ALLOWED_NAME);
    return table->path != NULL || fail(error, group, "is missing", ALLOWED_PATH);
}

bool tables_take(struct config *config, const config_setting_t *list,
                 struct tables_error *error)
{
    snprintf(error->key, sizeof error->key, "store.tables");
    if (!config_setting_is_list(list))
        return fail(error, list, "wrong type", ALLOWED_TABLES);
    size_t count = (size_t)config_setting_length(list);
    tables_free(config);
    config->store_tables = calloc(count + 1, sizeof *config->store_tables);
    if (config->store_tables == NULL)
        return fail(error, list, NULL, "");
    config->store_table_count = count;
    for (size_t i = 0; i < count; i++)
        if (!take_table(config_setting_get_elem(list, (unsigned)i), i,
                        &config->store_tables[i], error))
            return false;
    return true;
}

void tables_free(struct config *config)
{
    for (size_t i = 0; i < config->store_table_count; i++) {
        struct store_table *table = &config->store_tables[i];
        for (size_t j = 0; j < table->also_count; j++)
            free((char *)table->also[j]);
        free((void *)table->also);
        free((char *)table->name);
        free((char *)table->path);
    }
    free(config->store_tables);
    config->store_tables = NULL;
    config->store_table_count = 0;
}

static bool table_differs(const struct store_table *a, const struct store_table *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->path, b->path) != 0 ||
        a->also_count != b->also_count)
        return true;
    for (size_t i = 0; i < a->also_count; i++)
        if (strcmp(a->also[i], b->also[i]) != 0)
            return true;
    return false;
}

bool tables_differ(const struct config *a, const struct config *b)
{
    if (a->store_table_count != b->store_table_count)
        return true;
    for (size_t i = 0; i < a->store_table_count; i++)
        if (table_differs(&a->store_tables[i], &b->store_tables[i]))
            return true;
    return false;
}
