/* SPDX-License-Identifier: ISC */
/*
 * Looks before it touches: a file that is not ours, newer, or damaged is left as it is.
 * A new layout is one more script at the end of the table.
 */
#include "sqlite_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"

#define VERSION 2                 /* of the layout */
#define APPLICATION_ID 1717794676 /* "fcwt" */
#define BUSY_MS 5000              /* for what is no fcgiwait: sqlite3(1), backups */
#define JOURNAL_MOST 67108864     /* what the -wal file is cut back to */

#define STRING_OF(number) #number
#define STRING(number) STRING_OF(number)

/* --- layouts: the script at [n] makes layout n + 1 of layout n --- */

/* Layout 0 is an empty file, or one whose tables were made by hand. */
static const char *const migrations[VERSION] = {
    "CREATE TABLE IF NOT EXISTS resource (\n"
    "    idx INTEGER PRIMARY KEY,  -- X-Polling-Index: that of its last change\n"
    "    path TEXT NOT NULL UNIQUE,\n"
    "    changed INTEGER NOT NULL, -- when: nanoseconds since 1970-01-01, UTC\n"
    "    type TEXT,                -- Content-Type; without a body NULL: deleted\n"
    "    body BLOB                 -- NULL: deleted, or touched and never published\n"
    ");\n"
    "CREATE INDEX IF NOT EXISTS resource_gone ON resource (idx) WHERE body IS NULL;\n"
    "CREATE TABLE IF NOT EXISTS state (\n"
    "    only INTEGER PRIMARY KEY CHECK (only = 1),\n"
    "    newest INTEGER NOT NULL,     -- the newest index that was ever given\n"
    "    everything INTEGER NOT NULL, -- that of the last change of all behind origins\n"
    "    everything_changed INTEGER NOT NULL,\n"
    "    forgotten INTEGER NOT NULL   -- resources without a body were, up to this idx\n"
    ");\n"
    "CREATE VIEW IF NOT EXISTS listing AS SELECT idx, path,\n"
    "    strftime('%Y-%m-%d %H:%M:%f', changed / 1e9, 'unixepoch') AS changed,\n"
    "    type, length(body) AS bytes FROM resource;\n"
    "INSERT OR IGNORE INTO state SELECT 1, coalesce(max(idx), first_index()), 0, 0, 0\n"
    "    FROM resource;\n"
    /* An index from before the file's life means nothing in it. */
    "UPDATE state SET forgotten = newest WHERE NOT EXISTS (SELECT 1 FROM resource);\n",
    "CREATE TABLE below (\n"
    "    idx INTEGER PRIMARY KEY,   -- a change of everything at and below the path\n"
    "    path TEXT NOT NULL UNIQUE,\n"
    "    changed INTEGER NOT NULL\n"
    ");\n"};

/* --- complaints --- */

static void explain_folder(const char *file, int reason, char *error, size_t capacity)
{
    snprintf(
        error, capacity,
        "%s can't be opened: %s. Its folder must be there, and writable for the user "
        "that fcgiwait runs as (uid %u); store.file names another file",
        file, strerror(reason != 0 ? reason : EACCES), (unsigned)geteuid());
}

void sqlite_file_explain(const char *file, int code, int reason, const char *message,
                         char *error, size_t capacity)
{
    switch (code) {
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        explain_folder(file, reason, error, capacity);
        break;
    case SQLITE_NOTADB:
        snprintf(error, capacity,
                 "%s is not a database, and was left as it is. Move it away, or name "
                 "another file in store.file",
                 file);
        break;
    case SQLITE_CORRUPT:
        snprintf(
            error, capacity,
            "%s is damaged, and was left as it is. Stop every fcgiwait over it; then "
            "put a backup in its place, or what can be saved of it: sqlite3 '%s' "
            ".recover | sqlite3 saved.db",
            file, file);
        break;
    case SQLITE_BUSY:
        snprintf(error, capacity,
                 "%s is locked by another program (a backup, sqlite3?), and was not let "
                 "go in time",
                 file);
        break;
    default:
        snprintf(error, capacity, "%s: %s", file, message);
        break;
    }
}

static void explain(sqlite3 *db, const char *file, char *error, size_t capacity)
{
    sqlite_file_explain(file, sqlite3_errcode(db), sqlite3_system_errno(db),
                        sqlite3_errmsg(db), error, capacity);
}

/* --- looking --- */

/* The first number of the first row; -1: it could not be had. */
static sqlite3_int64 ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) == SQLITE_OK ? number : -1;
}

static bool refuse(const char *file, const char *why, char *error, size_t capacity)
{
    snprintf(error, capacity,
             "%s %s; it was left as it is. Name another file in store.file", file, why);
    return false;
}

static bool check_version(sqlite3 *db, const char *file, char *error, size_t capacity)
{
    sqlite3_int64 version = ask(db, "PRAGMA user_version");
    sqlite3_int64 application = ask(db, "PRAGMA application_id");
    sqlite3_int64 tables = ask(db, "SELECT count(*) FROM sqlite_schema");
    sqlite3_int64 columns =
        ask(db, "SELECT count(*) FROM pragma_table_info('resource') WHERE name IN "
                "('idx', 'path', 'changed', 'type', 'body')");
    if (version < 0 || application < 0 || tables < 0 || columns < 0) {
        explain(db, file, error, capacity);
        return false;
    }
    bool ours = application == APPLICATION_ID ||
                (application == 0 && version == 0 && columns == 5);
    if (!ours && tables > 0)
        return refuse(file, "is the database of another program", error, capacity);
    if (version <= VERSION)
        return true;
    snprintf(
        error, capacity,
        "%s was written by a newer fcgiwait (its layout is %lld, this one knows up to "
        "%d); it was left as it is. Start that version, or name another file in "
        "store.file",
        file, (long long)version, VERSION);
    return false;
}

static sqlite3 *connect(const char *file, int flags, char *error, size_t capacity)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(file, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_extended_result_codes(db, 0);
        sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    if (db != NULL)
        explain(db, file, error, capacity);
    else
        snprintf(error, capacity, "out of memory");
    sqlite3_close(db);
    return NULL;
}

static bool has_journal(const char *file)
{
    char journal[PATH_MAX];
    snprintf(journal, sizeof journal, "%s-wal", file);
    return access(journal, F_OK) == 0;
}

/* The name as a URI says it (RFC 3986 section 2.1), of a file that nobody writes to. */
static void name_immutable(const char *file, char uri[3 * PATH_MAX])
{
    char *at = uri + sprintf(uri, *file == '/' ? "file://" : "file:");
    for (; *file != '\0' && at - uri < 3 * PATH_MAX - 32; file++)
        at += sprintf(at, strchr("%?#", *file) != NULL ? "%%%02X" : "%c", *file);
    strcpy(at, "?immutable=1");
}

/* SQLite makes files beside one in WAL mode even to read it, unless it is told that
 * nobody has it open. */
static sqlite3 *connect_to_look(const char *file, char *error, size_t capacity)
{
    char uri[3 * PATH_MAX];
    if (has_journal(file))
        return connect(file, SQLITE_OPEN_READONLY, error, capacity);
    name_immutable(file, uri);
    return connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error, capacity);
}

/* 0: there is something; ENOENT: nothing yet; else why nobody can tell. */
static int find(const char *file)
{
    struct stat stat_of;
    if (stat(file, &stat_of) != 0)
        return errno;
    if (S_ISDIR(stat_of.st_mode))
        return EISDIR;
    return stat_of.st_size > 0 ? 0 : ENOENT;
}

bool sqlite_file_check(const char *file, char *error, size_t capacity)
{
    int reason = find(file);
    if (reason != 0) {
        explain_folder(file, reason, error, capacity);
        return reason == ENOENT;
    }
    sqlite3 *db = connect_to_look(file, error, capacity);
    if (db == NULL)
        return false;
    /* What an unclean end has left in the -wal file stays there, too. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    bool good = check_version(db, file, error, capacity);
    sqlite3_close(db);
    return good;
}

/* --- opening --- */

static bool run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static void first_index(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    sqlite3_result_int64(context, (sqlite3_int64)store_first_index());
}

static bool migrate_from(sqlite3 *db, sqlite3_int64 version)
{
    for (; version < VERSION; version++)
        if (!run(db, migrations[version]))
            return false;
    return run(db, "PRAGMA user_version = " STRING(VERSION)) &&
           run(db, "PRAGMA application_id = " STRING(APPLICATION_ID));
}

/* All of it or nothing. */
static bool migrate(sqlite3 *db)
{
    sqlite3_int64 version = ask(db, "PRAGMA user_version");
    if (version == VERSION)
        return true;
    if (version < 0 ||
        sqlite3_create_function(db, "first_index", 0, SQLITE_UTF8, NULL, first_index,
                                NULL, NULL) != SQLITE_OK ||
        !run(db, "BEGIN IMMEDIATE"))
        return false;
    return migrate_from(db, version) && run(db, "COMMIT");
}

static bool set_up(sqlite3 *db, bool relaxed)
{
    return run(db, "PRAGMA journal_mode = WAL") &&
           run(db, "PRAGMA journal_size_limit = " STRING(JOURNAL_MOST)) &&
           run(db, relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
}

/* What is new is made through the -wal file: whoever looks at the file meanwhile, or once
 * the process was killed, finds one page of it, or all. Tables that were there wait with
 * that until they are known to be ours. */
static bool make(sqlite3 *db, bool relaxed)
{
    bool is_new = ask(db, "SELECT count(*) FROM sqlite_schema") == 0;
    return (!is_new || set_up(db, relaxed)) && migrate(db) && set_up(db, relaxed);
}

static bool has_wal(sqlite3 *db)
{
    return ask(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode") == 1;
}

sqlite3 *sqlite_file_open(const char *file, bool relaxed, char *error, size_t capacity)
{
    sqlite3 *db =
        connect(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error, capacity);
    if (db == NULL)
        return NULL;
    if (check_version(db, file, error, capacity)) {
        if (sqlite3_db_readonly(db, "main") == 1)
            explain_folder(file, EACCES, error, capacity);
        else if (!make(db, relaxed))
            explain(db, file, error, capacity);
        else if (has_wal(db))
            return db;
        else
            refuse(file, "lies where SQLite can't share memory (WAL): a network?", error,
                   capacity);
    }
    sqlite3_close(db);
    return NULL;
}

sqlite3 *sqlite_file_open_reader(const char *file, char *error, size_t capacity)
{
    sqlite3 *db = connect(file, SQLITE_OPEN_READWRITE, error, capacity);
    if (db != NULL && run(db, "PRAGMA query_only = 1"))
        return db;
    if (db != NULL)
        explain(db, file, error, capacity);
    sqlite3_close(db);
    return NULL;
}
