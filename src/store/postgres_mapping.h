/* SPDX-License-Identifier: ISC */
/*
 * postgres_mapping: tables and their templates, and the relations of a connection bound
 * to them. Shared by the files behind postgres_table.h alone.
 *
 * A table knows the names of all columns that its templates use; a relation where in its
 * rows they are. Of a row only those values are looked at.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_MAPPING_H
#define FCGIWAIT_STORE_POSTGRES_MAPPING_H

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "postgres_table.h"
#include "postgres_template.h"

struct postgres_table {
    char *schema, *name;
    /* Where the publication speaks of its partitions by its name, an old row may lack
     * what their own replica identity does not give. */
    bool partitioned;
    struct postgres_template *templates;
    size_t template_count;
    char **columns; /* that they use, each once; owned by the templates */
    size_t column_count;
};

#define POSTGRES_NOWHERE UINT32_MAX

/* Where in a row a column of the table is. */
struct postgres_place {
    uint32_t at; /* or POSTGRES_NOWHERE */
    bool key;    /* part of the replica identity */
};

struct postgres_relation {
    uint32_t id;
    const struct postgres_table *table; /* or NULL */
    bool doubtful;                      /* of any table */
    bool root; /* old rows come from partitions, whose replica identity may be less */
    char identity;
    struct postgres_place *places; /* of the table's columns */
    UT_hash_handle hh;
};

struct postgres_tables {
    struct postgres_table *tables;
    size_t count;
    size_t columns_most;                 /* of any of them */
    struct postgres_value *values;       /* of a row, and of what it was: twice as many */
    struct postgres_relation *relations; /* by ID */
    struct postgres_room room;
    char why[512];
};

/* NULL: not mapped. */
struct postgres_table *postgres_table_find(const struct postgres_tables *tables,
                                           struct text schema, struct text name);
const struct postgres_relation *
postgres_relation_find(const struct postgres_tables *tables, uint32_t id);
void postgres_relation_drop(struct postgres_tables *tables,
                            struct postgres_relation *relation);

#endif
