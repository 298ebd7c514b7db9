/* SPDX-License-Identifier: ISC */
/*
 * Two questions to the server, and sentences for what the answers say. All that a
 * question needs goes along in one text: an array, which the server takes apart.
 */
#include "postgres_catalogue.h"

#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "postgres_link.h"
#include "postgres_mapping.h"

/* Whom what is found is told to. */
struct hearer {
    void (*say)(void *context, const char *what);
    void *context;
    const char *publication; /* quoted where that is needed */
    bool wrong;
};

/* --- the question's text --- */

/* {"a","b"}: an array as PostgreSQL reads it. */
static void put_element(FILE *out, const char *text, char before)
{
    fprintf(out, "%c\"", before);
    for (; *text != '\0'; text++)
        fprintf(out, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    fputc('"', out);
}

/* malloc'd; NULL: out of memory. */
static char *array_of(const char *publication, const struct postgres_table *table)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    put_element(out, publication, '{');
    for (size_t i = 0; table != NULL && i < table->column_count + 2; i++)
        put_element(out,
                    i == 0   ? table->schema
                    : i == 1 ? table->name
                             : table->columns[i - 2],
                    ',');
    fputc('}', out);
    bool bad = ferror(out);
    if (fclose(out) == 0 && !bad)
        return text;
    free(text);
    return NULL;
}

static PGresult *ask(struct postgres_link *link, const char *question,
                     const char *publication, const struct postgres_table *table,
                     struct instant until)
{
    char *array = array_of(publication, table);
    PGresult *result =
        array != NULL ? postgres_link_ask(link, question, array, until) : NULL;
    if (array == NULL)
        snprintf(link->error, sizeof link->error, "%s", postgres_no_memory);
    free(array);
    return result;
}

/* --- what is found --- */

static void found(struct hearer *hearer, const char *format, const char *a, const char *b,
                  const char *c)
{
    char *sentence = NULL;
    size_t len;
    FILE *out = open_memstream(&sentence, &len);
    hearer->wrong = true;
    if (out == NULL)
        return;
    /* $1, $2, $3: what is given; the rest as it stands */
    for (const char *at = format; *at != '\0'; at++)
        if (*at == '$' && at[1] >= '1' && at[1] <= '3')
            fputs(*++at == '1' ? a : *at == '2' ? b : c, out);
        else
            fputc(*at, out);
    if (fclose(out) == 0)
        hearer->say(hearer->context, sentence);
    free(sentence);
}

/* Kinds of findings; $1 is the table, $2 the column or columns, $3 the publication. */
static const struct {
    const char *kind, *sentence;
} sentences[] = {
    {"wal_level", "the server's wal_level is $2: set wal_level = logical in its "
                  "postgresql.conf, and restart it"},
    {"role", "the role $2 may not follow the log: ALTER ROLE $2 REPLICATION"},
    {"publication", "there is no publication $3 in this database: run what fcgiwait "
                    "--postgres-setup prints"},
    {"operations", "the publication $3 does not publish $2: ALTER PUBLICATION $3 SET "
                   "(publish = 'insert, update, delete, truncate')"},
    {"missing", "there is no table $1 in this database: correct store.tables (names are "
                "as in the catalogue, upper and lower case included)"},
    {"unpublished", "the table $1 is not in the publication $3: ALTER PUBLICATION $3 ADD "
                    "TABLE $1"},
    {"column", "the table $1 has no column $2: correct store.tables (names are as in the "
               "catalogue, upper and lower case included)"},
    {"generated", "the column $2 of $1 is generated, and not in the log: use another in "
                  "store.tables"},
    {"unlisted", "the publication $3 does not publish the column $2 of $1: add it to its "
                 "column list (BEGIN; ALTER PUBLICATION $3 DROP TABLE $1; ALTER "
                 "PUBLICATION $3 ADD TABLE $1 (...); COMMIT, with its row filter if it "
                 "has one: WHERE (...))"},
    {"unidentified", "the table $1 has no replica identity, and while it is published "
                     "the server refuses each UPDATE and DELETE in it: give it a primary "
                     "key, or ALTER TABLE $1 REPLICA IDENTITY FULL"},
    {"identity", "an UPDATE or DELETE in $1 does not tell which $2 the row had: ALTER "
                 "TABLE $1 REPLICA IDENTITY FULL (or USING INDEX one that has it)"},
};

static void tell(struct hearer *hearer, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++)
        for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
            if (strcmp(sentences[i].kind, PQgetvalue(result, row, 0)) == 0)
                found(hearer, sentences[i].sentence, PQgetvalue(result, row, 1),
                      PQgetvalue(result, row, 2), hearer->publication);
}

/* --- the questions --- */

/* Each row with the publication's name as SQL has it, and whether there is one. */
static const char server_question[] =
    "WITH told AS (SELECT ($1::text[])[1] AS name), "
    "p AS (SELECT pg_publication.* FROM pg_publication, told WHERE pubname = told.name), "
    "findings(kind, said) AS ("
    "SELECT 'wal_level', current_setting('wal_level') "
    " WHERE current_setting('wal_level') <> 'logical' "
    "UNION ALL SELECT 'role', quote_ident(rolname) FROM pg_roles "
    " WHERE rolname = current_user AND NOT rolsuper AND NOT rolreplication "
    /* what providers have instead: rds_replication */
    " AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname LIKE '%replication' "
    "  AND pg_has_role(r.oid, 'member')) "
    "UNION ALL SELECT 'publication', '' WHERE NOT EXISTS (SELECT FROM p) "
    "UNION ALL SELECT 'operations', concat_ws(', ', "
    " CASE WHEN NOT pubinsert THEN 'INSERT' END, CASE WHEN NOT pubupdate THEN 'UPDATE' "
    " END, CASE WHEN NOT pubdelete THEN 'DELETE' END, "
    " CASE WHEN NOT pubtruncate THEN 'TRUNCATE' END) FROM p "
    " WHERE NOT (pubinsert AND pubupdate AND pubdelete AND pubtruncate)) "
    "SELECT kind, '', said, quote_ident(name), EXISTS (SELECT FROM p) FROM told "
    "LEFT JOIN findings ON true";

/* Partitions and children are `parts` of the table, which may be one itself. Column lists
 * of publications came with PostgreSQL 15. */
static const char table_question[] =
    "WITH RECURSIVE told AS (SELECT a[1] AS publication, a[2] AS schema, a[3] AS name, "
    " a[4:] AS columns FROM (SELECT $1::text[] AS a) AS b), "
    "root AS (SELECT c.oid, c.relkind, format('%I.%I', nspname, relname) AS called "
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace "
    " JOIN told ON nspname = schema AND relname = name WHERE relkind IN ('r', 'p')), "
    "members(oid) AS (SELECT oid FROM root UNION SELECT inhrelid FROM pg_inherits "
    " JOIN members ON inhparent = members.oid), "
    "parts AS (SELECT c.oid, relreplident, format('%I.%I', nspname, relname) AS called "
    " FROM members JOIN pg_class AS c USING (oid) "
    " JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind = 'r'), "
    "published AS (SELECT c.oid, to_jsonb(p) -> 'attnames' AS columns "
    " FROM pg_publication_tables AS p JOIN pg_namespace AS n ON nspname = schemaname "
    " JOIN pg_class AS c ON relnamespace = n.oid AND relname = tablename "
    " JOIN told ON pubname = publication), "
    "attributes AS (SELECT attname AS name, attgenerated FROM root "
    " JOIN pg_attribute ON attrelid = oid WHERE attnum > 0 AND NOT attisdropped), "
    "wanted AS (SELECT unnest(columns) AS name FROM told), "
    "there AS (SELECT name FROM wanted JOIN attributes USING (name)), "
    "identity AS (SELECT p.oid, attname AS name FROM parts AS p "
    " JOIN pg_index AS i ON indrelid = p.oid AND indimmediate AND CASE relreplident "
    "  WHEN 'd' THEN indisprimary WHEN 'i' THEN indisreplident ELSE false END "
    " JOIN pg_attribute ON attrelid = p.oid "
    "  AND attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1])) "
    "SELECT 'missing', format('%I.%I', schema, name), '' FROM told "
    " WHERE NOT EXISTS (SELECT FROM root) "
    "UNION ALL SELECT 'partitioned', '', '' FROM root WHERE relkind = 'p' "
    "UNION ALL SELECT 'unpublished', called, '' FROM parts AS p "
    " WHERE NOT EXISTS (SELECT FROM published WHERE oid = p.oid "
    "  OR oid IN (SELECT pg_partition_ancestors(p.oid))) "
    "UNION ALL SELECT 'column', called, quote_ident(name) FROM root, wanted "
    " WHERE name NOT IN (SELECT name FROM attributes) "
    "UNION ALL SELECT 'generated', called, quote_ident(name) FROM root, there "
    " JOIN attributes USING (name) WHERE attgenerated <> '' AND NOT (attgenerated = 's' "
    "  AND EXISTS (SELECT FROM pg_publication AS q JOIN told ON pubname = publication "
    "   WHERE to_jsonb(q) ->> 'pubgencols' = 's')) " /* since PostgreSQL 18 */
    "UNION ALL SELECT DISTINCT 'unlisted', called, quote_ident(name) FROM root, there "
    " JOIN attributes USING (name) WHERE attgenerated = '' AND EXISTS (SELECT "
    "  FROM published AS p WHERE oid IN (SELECT oid FROM members) AND NOT columns ? "
    "name) "
    "UNION ALL SELECT 'unidentified', called, '' FROM parts AS p "
    " WHERE relreplident <> 'f' AND oid NOT IN (SELECT oid FROM identity) "
    "UNION ALL SELECT 'identity', called, string_agg(quote_ident(there.name), ', ') "
    " FROM there, parts AS p WHERE relreplident <> 'f' "
    " AND oid IN (SELECT oid FROM identity) AND NOT EXISTS (SELECT FROM identity AS i "
    "  WHERE i.oid = p.oid AND i.name = there.name) GROUP BY called";

static void note_partitions(struct postgres_table *table, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++)
        if (strcmp(PQgetvalue(result, row, 0), "partitioned") == 0)
            table->partitioned = true;
}

static bool check_table(struct postgres_link *link, struct hearer *hearer,
                        const char *publication, struct postgres_table *table,
                        struct instant until)
{
    PGresult *result = ask(link, table_question, publication, table, until);
    if (result == NULL)
        return false;
    note_partitions(table, result);
    tell(hearer, result);
    PQclear(result);
    return true;
}

enum store_checked
postgres_catalogue_check(struct postgres_link *link, const char *publication,
                         struct postgres_tables *tables, struct instant until,
                         void (*say)(void *context, const char *what), void *context)
{
    PGresult *result = ask(link, server_question, publication, NULL, until);
    if (result == NULL)
        return STORE_UNREACHABLE;
    struct hearer hearer = {say, context, PQgetvalue(result, 0, 3), false};
    bool reached = true, published = PQgetvalue(result, 0, 4)[0] == 't';
    tell(&hearer, result);
    for (size_t i = 0; reached && published && i < tables->count; i++)
        reached = check_table(link, &hearer, publication, &tables->tables[i], until);
    PQclear(result);
    return !reached ? STORE_UNREACHABLE : hearer.wrong ? STORE_WRONG : STORE_GOOD;
}

bool postgres_catalogue_adopt(struct postgres_link *link, struct postgres_tables *tables,
                              const struct postgres_message *relation,
                              struct instant until, enum postgres_learned *learned,
                              const char **why)
{
    static const char question[] =
        "WITH RECURSIVE up(oid, depth) AS (SELECT $1::oid, 0 UNION SELECT inhparent, "
        " depth + 1 FROM pg_inherits JOIN up ON inhrelid = oid) "
        "SELECT nspname, relname FROM up JOIN pg_class AS c USING (oid) "
        "JOIN pg_namespace AS n ON n.oid = relnamespace ORDER BY depth";
    char id[16];
    snprintf(id, sizeof id, "%lu", (unsigned long)relation->relation);
    PGresult *result = postgres_link_ask(link, question, id, until);
    if (result == NULL)
        return false;
    *why = "";
    *learned = PQntuples(result) > 0 ? POSTGRES_UNKNOWN
                                     : postgres_tables_doubt(tables, relation);
    for (int row = 1; row < PQntuples(result) && *learned == POSTGRES_UNKNOWN; row++)
        *learned =
            postgres_tables_adopt(tables, relation, text_of(PQgetvalue(result, row, 0)),
                                  text_of(PQgetvalue(result, row, 1)), why);
    PQclear(result);
    return true;
}

/* --- without a store --- */

static enum store_checked check_over(struct postgres_link *link,
                                     const struct store_options *options,
                                     struct postgres_tables *tables,
                                     void (*say)(void *context, const char *what),
                                     void *context)
{
    enum store_checked checked = STORE_UNREACHABLE;
    struct instant until = instant_after(clock_now(), options->patience);
    if (postgres_link_open(link, until))
        checked = postgres_catalogue_check(link, options->publication, tables, until, say,
                                           context);
    if (checked == STORE_UNREACHABLE)
        say(context, link->error);
    return checked;
}

/* A pool answers questions, and does not hand the log on; pg_hba.conf may tell the two
 * apart as well. */
static enum store_checked check_stream(const struct store_options *options,
                                       void (*say)(void *context, const char *what),
                                       void *context)
{
    struct engine engine;
    struct postgres_link link;
    struct instant until = instant_after(clock_now(), options->patience);
    enum store_checked checked = STORE_GOOD;
    engine_init(&engine, "postgres", NULL);
    if (postgres_link_init(&link, options->url, &engine, true) == 0 &&
        !postgres_link_open(&link, until)) {
        /* All are taken at present, perhaps by those that run already: no mistake. */
        checked = link.trouble == ENGINE_REFUSED ? STORE_WRONG : STORE_GOOD;
        say(context, link.error);
    }
    postgres_link_dispose(&link);
    engine_dispose(&engine);
    return checked;
}

enum store_checked postgres_check(const struct store_options *options,
                                  void (*say)(void *context, const char *what),
                                  void *context)
{
    struct engine engine;
    struct postgres_link link;
    char error[512];
    struct postgres_tables *tables =
        postgres_tables_new(options->tables, options->table_count, error, sizeof error);
    engine_init(&engine, "postgres", NULL);
    int result = postgres_link_init(&link, options->url, &engine, false);
    enum store_checked checked = STORE_WRONG;
    if (tables == NULL)
        say(context, error);
    else if (result != 0)
        say(context, strerror(result));
    else
        checked = check_over(&link, options, tables, say, context);
    if (checked == STORE_GOOD)
        checked = check_stream(options, say, context);
    if (result == 0)
        postgres_link_dispose(&link);
    engine_dispose(&engine);
    postgres_tables_free(&tables);
    return checked;
}
