/* SPDX-License-Identifier: ISC */
/*
 * Prints SQL. Names are quoted always, so that none is a keyword; what has to look at the
 * catalogue first stands in blocks, which go on where the work is done already.
 */
#include "postgres_setup.h"

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "postgres_mapping.h"
#include "postgres_url.h"

/* Whom store.url speaks of. */
struct place {
    PQconninfoOption *options;
    const char *user, *database;
    bool local; /* a socket */
};

static const char *option_of(const PQconninfoOption *option, const char *keyword,
                             const char *otherwise)
{
    for (; option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL &&
            option->val[0] != '\0')
            return option->val;
    return otherwise;
}

/* As libpq takes it: an address that is given counts more than the host's name. */
static bool is_local(const PQconninfoOption *options)
{
    const char *host = option_of(options, "host", "");
    return option_of(options, "hostaddr", "")[0] == '\0' &&
           (host[0] == '\0' || host[0] == '/' || host[0] == '@');
}

static bool place_of(const char *url, struct place *place, char *error, size_t capacity)
{
    place->options = postgres_url_parse(url, error, capacity);
    if (place->options == NULL)
        return false;
    place->user = option_of(place->options, "user", "fcgiwait");
    place->database = postgres_url_is_name(url) && url[0] != '\0'
                          ? url
                          : option_of(place->options, "dbname", place->user);
    place->local = is_local(place->options);
    return true;
}

/* --- pieces of SQL --- */

static void put_quoted(FILE *out, const char *text, char quote)
{
    fputc(quote, out);
    for (; *text != '\0'; text++) {
        if (*text == quote)
            fputc(quote, out);
        fputc(*text, out);
    }
    fputc(quote, out);
}

static void put_name(FILE *out, const char *name)
{
    put_quoted(out, name, '"');
}

static void put_table(FILE *out, const struct postgres_table *table)
{
    put_name(out, table->schema);
    fputc('.', out);
    put_name(out, table->name);
}

/* Code of PL/pgSQL, written meanwhile. */
struct block {
    FILE *out;
    char *code;
    size_t len;
};

static bool block_begin(struct block *block)
{
    block->code = NULL;
    block->out = open_memstream(&block->code, &block->len);
    return block->out != NULL;
}

/* In dollar quotes that the code does not have. */
static bool block_end(struct block *block, FILE *out)
{
    char tag[32] = "$fcgiwait$";
    bool good = !ferror(block->out);
    good = fclose(block->out) == 0 && good;
    for (unsigned number = 1; good && strstr(block->code, tag) != NULL; number++)
        snprintf(tag, sizeof tag, "$fcgiwait%u$", number);
    if (good)
        fprintf(out, "DO %s\n%s%s;\n", tag, block->code, tag);
    free(block->code);
    return good;
}

/* CREATE what is there already is no mistake. */
static bool put_create(FILE *out, const char *what, const char *name)
{
    struct block block;
    if (!block_begin(&block))
        return false;
    fprintf(block.out, "BEGIN\n    CREATE %s ", what);
    put_name(block.out, name);
    fputs(";\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND\n", block.out);
    return block_end(&block, out);
}

/* --- what is printed --- */

static void put_server(FILE *out, const struct place *place)
{
    fprintf(
        out,
        "-- What fcgiwait needs in the database %s. Once, as a superuser; and again\n"
        "-- after store.tables has changed:\n"
        "--     fcgiwait --postgres-setup -c FILE | psql -v ON_ERROR_STOP=1 -d %s\n\n"
        "-- The log has to tell of rows. This takes a restart of the server, unless\n"
        "-- SHOW wal_level says logical already. Each process of fcgiwait takes one of\n"
        "-- max_wal_senders and max_replication_slots (10, unless set otherwise).\n"
        "ALTER SYSTEM SET wal_level = 'logical';\n\n",
        place->database, place->database);
}

static bool put_role(FILE *out, const struct place *place)
{
    fputs("-- The role that fcgiwait connects as: it follows the log, and may read no\n"
          "-- table. Where pg_hba.conf asks for its password: \\password ",
          out);
    put_name(out, place->user);
    fputc('\n', out);
    if (!put_create(out, "ROLE", place->user))
        return false;
    fputs("ALTER ROLE ", out);
    put_name(out, place->user);
    fputs(" LOGIN REPLICATION;\nGRANT CONNECT ON DATABASE ", out);
    put_name(out, place->database);
    fputs(" TO ", out);
    put_name(out, place->user);
    fputs(";\n\n-- pg_hba.conf, for each machine that fcgiwait runs on, before other "
          "lines\n"
          "-- that it may match; then SELECT pg_reload_conf();\n--     ",
          out);
    fputs(place->local ? "local " : "host ", out);
    put_name(out, place->database);
    fputc(' ', out);
    put_name(out, place->user);
    fputs(place->local ? " peer\n\n" : " ADDRESS/32 scram-sha-256\n\n", out);
    return true;
}

/* It may be others', too: what they have in it stays. One FOR ALL TABLES takes none. */
static bool put_member(FILE *out, const char *publication,
                       const struct postgres_table *table)
{
    struct block block;
    if (!block_begin(&block))
        return false;
    fputs("BEGIN\n    ALTER PUBLICATION ", block.out);
    put_name(block.out, publication);
    fputs(" ADD TABLE ", block.out);
    put_table(block.out, table);
    fputs(";\nEXCEPTION WHEN duplicate_object OR object_not_in_prerequisite_state THEN "
          "NULL;\nEND\n",
          block.out);
    return block_end(&block, out);
}

static bool put_publication(FILE *out, const char *publication,
                            const struct postgres_tables *tables)
{
    fputs("\n-- Whose changes are told. What is in the publication already stays; what\n"
          "-- store.tables has no more: ALTER PUBLICATION ... DROP TABLE. So do row\n"
          "-- filters (WHERE): of a row that one leaves out nobody is told.\n",
          out);
    bool good = put_create(out, "PUBLICATION", publication);
    for (size_t i = 0; good && i < tables->count; i++)
        good = put_member(out, publication, &tables->tables[i]);
    return good;
}

static void put_list(FILE *out, char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", out);
        put_quoted(out, texts[i], '\'');
    }
}

static void put_told(FILE *out, const struct postgres_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        const struct postgres_table *table = &tables->tables[i];
        fputs("            (", out);
        put_list(out, (char *const[]){table->schema, table->name}, 2);
        fputs(", ARRAY[", out);
        put_list(out, table->columns, table->column_count);
        fputs(i + 1 < tables->count ? "]::name[]),\n" : "]::name[])),\n", out);
    }
}

/* For those of their parts (partitions, children, themselves) whose identity is not
 * enough. */
static bool put_identities(FILE *out, const struct postgres_tables *tables)
{
    struct block block;
    if (!block_begin(&block))
        return false;
    fputs("-- An UPDATE or a DELETE tells of the old row what the replica identity has, "
          "which\n-- is the primary key. Where templates in store.tables have other "
          "columns, the whole\n-- old row has to be told.\n",
          out);
    fputs("DECLARE part regclass;\nBEGIN\n"
          "    FOR part IN\n"
          "        WITH RECURSIVE told(schema, called, columns) AS (VALUES\n",
          block.out);
    put_told(block.out, tables);
    fputs("        members(id, columns) AS (\n"
          "            SELECT c.oid, columns FROM told\n"
          "                JOIN pg_namespace AS n ON nspname = schema\n"
          "                JOIN pg_class AS c ON relnamespace = n.oid AND relname = "
          "called\n"
          "            UNION SELECT inhrelid, columns FROM pg_inherits\n"
          "                JOIN members ON inhparent = id),\n"
          "        identity AS (SELECT indrelid, attname FROM members\n"
          "            JOIN pg_class AS c ON c.oid = id JOIN pg_index ON indrelid = id\n"
          "                AND indimmediate AND CASE relreplident WHEN 'd' THEN "
          "indisprimary\n"
          "                    WHEN 'i' THEN indisreplident ELSE false END\n"
          "            JOIN pg_attribute ON attrelid = id\n"
          "                AND attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1]))\n"
          "        SELECT id FROM members JOIN pg_class AS c ON c.oid = id\n"
          "        WHERE relkind = 'r' AND relreplident <> 'f' AND (\n"
          "            id NOT IN (SELECT indrelid FROM identity) OR EXISTS (\n"
          "            SELECT FROM unnest(columns) AS wanted WHERE wanted NOT IN (\n"
          "                SELECT attname FROM identity WHERE indrelid = id)))\n"
          "    LOOP\n"
          "        RAISE NOTICE 'ALTER TABLE % REPLICA IDENTITY FULL', part;\n"
          "        EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', part);\n"
          "    END LOOP;\nEND\n",
          block.out);
    return block_end(&block, out);
}

bool postgres_print_setup(const struct store_options *options, FILE *out, char *error,
                          size_t capacity)
{
    struct place place;
    struct postgres_tables *tables =
        postgres_tables_new(options->tables, options->table_count, error, capacity);
    if (tables == NULL)
        return false;
    bool good = place_of(options->url, &place, error, capacity);
    if (good) {
        put_server(out, &place);
        /* Identities first: a published table without one takes no UPDATE. */
        good = put_role(out, &place) &&
               (tables->count == 0 || put_identities(out, tables)) &&
               put_publication(out, options->publication, tables);
        if (!good)
            snprintf(error, capacity, "%s", postgres_no_memory);
        PQconninfoFree(place.options);
    }
    postgres_tables_free(&tables);
    return good;
}
