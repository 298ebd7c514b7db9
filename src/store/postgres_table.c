/* SPDX-License-Identifier: ISC */
/*
 * The relations of one connection, bound to the configuration's tables as the log
 * describes them: anew after each change of their columns.
 */
#include "postgres_mapping.h"

#include <stdio.h>
#include <stdlib.h>

static struct postgres_relation *find(const struct postgres_tables *tables, uint32_t id)
{
    struct postgres_relation *relation;
    HASH_FIND(hh, tables->relations, &id, sizeof id, relation);
    return relation;
}

const struct postgres_relation *
postgres_relation_find(const struct postgres_tables *tables, uint32_t id)
{
    return find(tables, id);
}

/* Instead of what was known of it. NULL: out of memory. */
static struct postgres_relation *add_relation(struct postgres_tables *tables,
                                              const struct postgres_message *message)
{
    struct postgres_relation *relation = find(tables, message->relation);
    if (relation != NULL)
        postgres_relation_drop(tables, relation);
    relation = calloc(1, sizeof *relation);
    if (relation == NULL)
        return NULL;
    relation->id = message->relation;
    relation->identity = message->identity;
    HASH_ADD(hh, tables->relations, id, sizeof relation->id, relation);
    if (relation->hh.tbl != NULL)
        return relation;
    free(relation); /* how uthash says that it had no memory */
    return NULL;
}

static bool find_places(struct postgres_relation *relation, struct postgres_list columns)
{
    const struct postgres_table *table = relation->table;
    struct postgres_column column;
    relation->places = malloc((table->column_count + 1) * sizeof *relation->places);
    if (relation->places == NULL)
        return false;
    for (size_t i = 0; i < table->column_count; i++)
        relation->places[i] = (struct postgres_place){POSTGRES_NOWHERE, false};
    for (uint32_t at = 0; postgres_column_next(&columns, &column); at++)
        for (size_t i = 0; i < table->column_count; i++)
            if (text_is(text_of(table->columns[i]), column.name))
                relation->places[i] = (struct postgres_place){at, column.key};
    return true;
}

/* What its templates need and the log will not tell. */
static enum postgres_learned judge(struct postgres_tables *tables,
                                   const struct postgres_relation *relation,
                                   const struct postgres_message *message,
                                   const char **why)
{
    const struct postgres_table *table = relation->table;
    int schema_len = (int)message->schema.len, name_len = (int)message->name.len;
    const char *schema = message->schema.at, *name = message->name.at;
    *why = tables->why;
    for (size_t i = 0; i < table->column_count; i++) {
        const char *column = table->columns[i];
        if (relation->places[i].at == POSTGRES_NOWHERE) {
            snprintf(tables->why, sizeof tables->why,
                     "the log gives no column %s of the table %.*s.%.*s: correct "
                     "store.tables, "
                     "or have the publication publish it",
                     column, schema_len, schema, name_len, name);
            return POSTGRES_LACKING;
        }
        if (!relation->places[i].key) {
            snprintf(
                tables->why, sizeof tables->why,
                "an UPDATE or DELETE in %.*s.%.*s does not tell which %s the row had: "
                "ALTER TABLE %.*s.%.*s REPLICA IDENTITY FULL (or USING INDEX one "
                "that has it)",
                schema_len, schema, name_len, name, column, schema_len, schema, name_len,
                name);
            return POSTGRES_LACKING;
        }
    }
    return POSTGRES_MAPPED;
}

static enum postgres_learned learn(struct postgres_tables *tables,
                                   const struct postgres_message *message,
                                   const struct postgres_table *table, bool root,
                                   const char **why)
{
    struct postgres_relation *relation = add_relation(tables, message);
    *why = "";
    if (relation == NULL)
        return POSTGRES_NO_MEMORY;
    if (table == NULL)
        return POSTGRES_UNKNOWN;
    relation->table = table;
    relation->root = root;
    if (!find_places(relation, message->list)) {
        postgres_relation_drop(tables, relation);
        return POSTGRES_NO_MEMORY;
    }
    return judge(tables, relation, message, why);
}

enum postgres_learned postgres_tables_learn(struct postgres_tables *tables,
                                            const struct postgres_message *message,
                                            const char **why)
{
    const struct postgres_table *table =
        postgres_table_find(tables, message->schema, message->name);
    return learn(tables, message, table, table != NULL && table->partitioned, why);
}

enum postgres_learned postgres_tables_adopt(struct postgres_tables *tables,
                                            const struct postgres_message *message,
                                            struct text schema, struct text name,
                                            const char **why)
{
    return learn(tables, message, postgres_table_find(tables, schema, name), false, why);
}

enum postgres_learned postgres_tables_doubt(struct postgres_tables *tables,
                                            const struct postgres_message *message)
{
    struct postgres_relation *relation = add_relation(tables, message);
    if (relation == NULL)
        return POSTGRES_NO_MEMORY;
    relation->doubtful = true;
    return POSTGRES_MAPPED;
}
