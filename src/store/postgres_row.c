/* SPDX-License-Identifier: ISC */
/*
 * What a change of rows touches. The new row's paths, and of an update or a delete the
 * old row's, as far as the log tells them: POSTGRES_UNCHANGED is what it does not.
 */
#include "postgres_mapping.h"

static bool touch_template(struct postgres_tables *tables,
                           const struct postgres_template *template,
                           const struct postgres_value *values,
                           const struct postgres_toucher *toucher)
{
    struct text path;
    bool below;
    if (!postgres_template_fill(template, values, &tables->room, &path, &below))
        return false;
    return path.len == 0 || toucher->touch(toucher->context, path, below);
}

static void set_unknown(const struct postgres_table *table, struct postgres_value *values)
{
    for (size_t i = 0; i < table->column_count; i++)
        values[i] = (struct postgres_value){POSTGRES_UNCHANGED, TEXT("")};
}

/* --- without a row --- */

static bool touch_table(struct postgres_tables *tables,
                        const struct postgres_table *table,
                        const struct postgres_toucher *toucher)
{
    set_unknown(table, tables->values);
    for (size_t i = 0; i < table->template_count; i++)
        if (!touch_template(tables, &table->templates[i], tables->values, toucher))
            return false;
    return true;
}

static bool touch_relation(struct postgres_tables *tables, uint32_t id,
                           const struct postgres_toucher *toucher)
{
    const struct postgres_relation *relation = postgres_relation_find(tables, id);
    if (relation == NULL)
        return true;
    if (relation->table != NULL)
        return touch_table(tables, relation->table, toucher);
    for (size_t i = 0; relation->doubtful && i < tables->count; i++)
        if (!touch_table(tables, &tables->tables[i], toucher))
            return false;
    return true;
}

bool postgres_tables_touch_all(struct postgres_tables *tables,
                               const struct postgres_message *message,
                               const struct postgres_toucher *toucher)
{
    struct postgres_list list = message->list;
    uint32_t id;
    if (message->kind != POSTGRES_TRUNCATE)
        return touch_relation(tables, message->relation, toucher);
    while (postgres_relation_next(&list, &id))
        if (!touch_relation(tables, id, toucher))
            return false;
    return true;
}

/* --- rows --- */

static void pick(const struct postgres_relation *relation, struct postgres_list row,
                 struct postgres_value *values)
{
    const struct postgres_table *table = relation->table;
    struct postgres_value value;
    set_unknown(table, values);
    for (uint32_t at = 0; postgres_value_next(&row, &value); at++)
        for (size_t i = 0; i < table->column_count; i++)
            if (relation->places[i].at == at)
                values[i] = value;
}

/* Of a key, NULL stands for all that is not part of it. */
static void pick_old(const struct postgres_relation *relation,
                     const struct postgres_message *message, struct postgres_value *old)
{
    bool vague = message->old_kind == POSTGRES_OLD_KEY || relation->root;
    pick(relation, message->old, old);
    for (size_t i = 0; vague && i < relation->table->column_count; i++)
        if (old[i].kind == POSTGRES_NULL)
            old[i].kind = POSTGRES_UNCHANGED;
}

/* The key has not changed. That of a relation which gives whole rows is not known. */
static void keep_key(const struct postgres_relation *relation,
                     const struct postgres_value *new, struct postgres_value *old)
{
    set_unknown(relation->table, old);
    for (size_t i = 0; relation->identity != 'f' && i < relation->table->column_count;
         i++)
        if (relation->places[i].key)
            old[i] = new[i];
}

/* Where the update left a value as it was, only the old row may have it. */
static void fill_in(const struct postgres_relation *relation,
                    const struct postgres_value *old, struct postgres_value *new)
{
    for (size_t i = 0; i < relation->table->column_count; i++)
        if (new[i].kind == POSTGRES_UNCHANGED &&
            relation->places[i].at != POSTGRES_NOWHERE)
            new[i] = old[i];
}

/* Whether both rows have the same path by this template, as far as is known. */
static bool is_same(const struct postgres_template *template,
                    const struct postgres_value *old, const struct postgres_value *new)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct postgres_part *part = &template->parts[i];
        if (part->column == NULL)
            continue;
        const struct postgres_value *was = &old[part->place], *is = &new[part->place];
        if (was->kind != is->kind || !text_is(was->text, is->text))
            return false;
    }
    return true;
}

static bool touch_row(struct postgres_tables *tables,
                      const struct postgres_relation *relation,
                      const struct postgres_message *message,
                      const struct postgres_toucher *toucher)
{
    const struct postgres_table *table = relation->table;
    struct postgres_value *new = tables->values, *old = new + table->column_count;
    bool has_new = message->kind != POSTGRES_DELETE;
    bool has_old = message->kind != POSTGRES_INSERT;
    if (has_new)
        pick(relation, message->new, new);
    if (has_old && message->old_kind == POSTGRES_OLD_NONE)
        keep_key(relation, new, old);
    else if (has_old)
        pick_old(relation, message, old);
    if (has_old && has_new)
        fill_in(relation, old, new);
    for (size_t i = 0; i < table->template_count; i++) {
        const struct postgres_template *template = &table->templates[i];
        bool same = has_old && has_new && is_same(template, old, new);
        if (has_new && !touch_template(tables, template, new, toucher))
            return false;
        if (has_old && !same && !touch_template(tables, template, old, toucher))
            return false;
    }
    return true;
}

bool postgres_tables_touch(struct postgres_tables *tables,
                           const struct postgres_message *message,
                           const struct postgres_toucher *toucher)
{
    const struct postgres_relation *relation =
        message->kind == POSTGRES_TRUNCATE
            ? NULL
            : postgres_relation_find(tables, message->relation);
    if (relation != NULL && relation->table != NULL)
        return touch_row(tables, relation, message, toucher);
    return postgres_tables_touch_all(tables, message, toucher);
}
