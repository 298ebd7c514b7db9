/* SPDX-License-Identifier: ISC */
/*
 * sqlite_file: an SQLite file that is ours: found, refused, made or migrated. Private to
 * the SQLite store.
 *
 * PRAGMA user_version says which layout it has, PRAGMA application_id that it is ours.
 */
#ifndef FCGIWAIT_STORE_SQLITE_FILE_H
#define FCGIWAIT_STORE_SQLITE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

/* Whether the file may be opened, or is not there and can be made. Changes nothing: what
 * is refused is left as it is. False with `error`: what to do about it. */
bool sqlite_file_check(const char *file, char *error, size_t capacity);

/* Opens the file, which is made, or brought to the present layout. One process at a time.
 * With `relaxed` a commit does not wait for the disk. NULL with `error`. */
sqlite3 *sqlite_file_open(const char *file, bool relaxed, char *error, size_t capacity);

/* Another connection to a file that is open, for reading alone. NULL with `error`. */
sqlite3 *sqlite_file_open_reader(const char *file, char *error, size_t capacity);

/* Says what an SQLite result code means for the file, and what to do about it. `reason`
 * is an errno value, or 0. */
void sqlite_file_explain(const char *file, int code, int reason, const char *message,
                         char *error, size_t capacity);

#endif
