/* SPDX-License-Identifier: ISC */
/*
 * The configuration's tables: names and templates read, each table once. What is wrong in
 * them is said by the same words where the configuration is read and where a store opens.
 */
#include "postgres_mapping.h"

#include <stdio.h>
#include <stdlib.h>

static const char *read_name(const char *text, char **schema, char **name)
{
    struct text rest = text_of(text);
    *schema = malloc(rest.len + sizeof "public");
    *name = malloc(rest.len + 1);
    if (*schema == NULL || *name == NULL)
        return postgres_no_memory;
    if (!postgres_name_take(&rest, '.', *schema))
        return "it is no table's name";
    if (rest.len == 0) {
        strcpy(*name, *schema);
        strcpy(*schema, "public");
        return NULL;
    }
    text_skip(&rest, 1);
    return postgres_name_take(&rest, '.', *name) && rest.len == 0
               ? NULL
               : "it is no table's name";
}

const char *store_table_name_wrong(const char *name)
{
    char *schema, *table;
    const char *wrong = read_name(name, &schema, &table);
    free(schema);
    free(table);
    return wrong;
}

const char *store_table_path_wrong(const char *path)
{
    struct postgres_template template;
    const char *wrong = postgres_template_read(&template, path);
    if (wrong == NULL)
        postgres_template_dispose(&template);
    return wrong;
}

static bool find_column(const struct postgres_table *table, const char *name,
                        size_t *place)
{
    for (*place = 0; *place < table->column_count; ++*place)
        if (strcmp(table->columns[*place], name) == 0)
            return true;
    return false;
}

static bool add_columns(struct postgres_table *table, struct postgres_template *template)
{
    char **more = realloc(table->columns, (table->column_count + template->count) *
                                              sizeof *table->columns);
    if (more == NULL)
        return false;
    table->columns = more;
    for (size_t i = 0; i < template->count; i++) {
        struct postgres_part *part = &template->parts[i];
        if (part->column != NULL && !find_column(table, part->column, &part->place))
            table->columns[table->column_count++] = part->column;
    }
    return true;
}

static const char *add_template(struct postgres_table *table, const char *source,
                                bool optional)
{
    struct postgres_template *more =
        realloc(table->templates, (table->template_count + 1) * sizeof *table->templates);
    if (more == NULL)
        return postgres_no_memory;
    table->templates = more;
    struct postgres_template *template = &more[table->template_count];
    const char *wrong = postgres_template_read(template, source);
    if (wrong != NULL)
        return wrong;
    template->optional = optional;
    table->template_count++;
    return add_columns(table, template) ? NULL : postgres_no_memory;
}

struct postgres_table *postgres_table_find(const struct postgres_tables *tables,
                                           struct text schema, struct text name)
{
    if (schema.len == 0)
        schema = TEXT("pg_catalog");
    for (size_t i = 0; i < tables->count; i++)
        if (text_is(text_of(tables->tables[i].schema), schema) &&
            text_is(text_of(tables->tables[i].name), name))
            return &tables->tables[i];
    return NULL;
}

/* Into a table of its own, or into the one of this name. */
static const char *add_table(struct postgres_tables *tables,
                             const struct store_table *told)
{
    struct postgres_table made = {0};
    const char *wrong = read_name(told->name, &made.schema, &made.name);
    struct postgres_table *table =
        wrong == NULL
            ? postgres_table_find(tables, text_of(made.schema), text_of(made.name))
            : NULL;
    if (wrong != NULL || table != NULL) {
        free(made.schema);
        free(made.name);
    } else {
        table = &tables->tables[tables->count++];
        *table = made;
    }
    if (wrong == NULL)
        wrong = add_template(table, told->path, false);
    for (size_t i = 0; wrong == NULL && i < told->also_count; i++)
        wrong = add_template(table, told->also[i], true);
    if (wrong == NULL && table->column_count > tables->columns_most)
        tables->columns_most = table->column_count;
    return wrong;
}

static const char *add_tables(struct postgres_tables *tables,
                              const struct store_table *told, size_t count,
                              const char **name)
{
    *name = "tables";
    tables->tables = calloc(count + 1, sizeof *tables->tables);
    if (tables->tables == NULL)
        return postgres_no_memory;
    for (size_t i = 0; i < count; i++) {
        const char *wrong = add_table(tables, &told[i]);
        *name = told[i].name;
        if (wrong != NULL)
            return wrong;
    }
    tables->values = calloc(2 * tables->columns_most + 1, sizeof *tables->values);
    return tables->values != NULL ? NULL : postgres_no_memory;
}

struct postgres_tables *postgres_tables_new(const struct store_table *told, size_t count,
                                            char *error, size_t capacity)
{
    const char *name, *wrong;
    struct postgres_tables *tables = calloc(1, sizeof *tables);
    if (tables == NULL) {
        snprintf(error, capacity, "%s", postgres_no_memory);
        return NULL;
    }
    wrong = add_tables(tables, told, count, &name);
    if (wrong == NULL)
        return tables;
    snprintf(error, capacity, "%s: %s", name, wrong);
    postgres_tables_free(&tables);
    return NULL;
}

/* --- their end --- */

void postgres_relation_drop(struct postgres_tables *tables,
                            struct postgres_relation *relation)
{
    HASH_DEL(tables->relations, relation);
    free(relation->places);
    free(relation);
}

void postgres_tables_forget(struct postgres_tables *tables)
{
    struct postgres_relation *relation, *next;
    HASH_ITER(hh, tables->relations, relation, next)
    {
        postgres_relation_drop(tables, relation);
    }
}

static void table_dispose(struct postgres_table *table)
{
    for (size_t i = 0; i < table->template_count; i++)
        postgres_template_dispose(&table->templates[i]);
    free(table->templates);
    free(table->columns);
    free(table->schema);
    free(table->name);
}

void postgres_tables_free(struct postgres_tables **pointer)
{
    struct postgres_tables *tables = *pointer;
    *pointer = NULL;
    if (tables == NULL)
        return;
    postgres_tables_forget(tables);
    for (size_t i = 0; i < tables->count; i++)
        table_dispose(&tables->tables[i]);
    postgres_room_free(&tables->room);
    free(tables->values);
    free(tables->tables);
    free(tables);
}
