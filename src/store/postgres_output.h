/* SPDX-License-Identifier: ISC */
/*
 * postgres_output: what PostgreSQL sends down a replication connection (PostgreSQL
 * manual, 55.4 "Streaming Replication Protocol", 55.9 "Logical Replication Message
 * Formats"). Private to the PostgreSQL store; pure; any thread.
 *
 * Protocol versions 1 to 4 of the plugin pgoutput, as they come where neither binary
 * values nor streamed or prepared transactions are asked for: then the messages below are
 * the same in all of them. Everything that is read points into the bytes that were given.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_OUTPUT_H
#define FCGIWAIT_STORE_POSTGRES_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

/* --- the frames around the messages --- */

enum postgres_frame_kind { POSTGRES_DATA, POSTGRES_KEEPALIVE };

struct postgres_frame {
    enum postgres_frame_kind kind;
    uint64_t start; /* of POSTGRES_DATA: where this message is in the log */
    uint64_t end;   /* where the server's log ends now; of a keepalive: how far it was
                       read for us */
    nanos at;       /* wall clock of the server */
    bool reply;     /* of a keepalive: an answer is wanted now */
    struct text payload;
};

/* `data`: of one CopyData. False: none that a server sends. */
bool postgres_frame_read(struct text data, struct postgres_frame *frame);

/* What a client says of itself: it has all up to `lsn`. */
#define POSTGRES_STATUS 34
void postgres_status_write(char out[POSTGRES_STATUS], uint64_t lsn, nanos at, bool reply);

/* --- the messages --- */

enum postgres_message_kind {
    POSTGRES_BEGIN,
    POSTGRES_COMMIT,
    POSTGRES_RELATION,
    POSTGRES_TYPE,
    POSTGRES_INSERT,
    POSTGRES_UPDATE,
    POSTGRES_DELETE,
    POSTGRES_TRUNCATE,
    POSTGRES_MESSAGE, /* of pg_logical_emit_message() */
    POSTGRES_ORIGIN
};

/* The old row of an update or a delete. */
enum postgres_old {
    POSTGRES_OLD_NONE, /* its key is the new one's */
    POSTGRES_OLD_KEY,  /* of the replica identity alone; the other columns are NULL */
    POSTGRES_OLD_ROW   /* all of it: REPLICA IDENTITY FULL */
};

/* Columns, or relations: what postgres_column_next() and its like walk along. */
struct postgres_list {
    uint32_t count;
    struct text bytes;
};

struct postgres_message {
    enum postgres_message_kind kind;
    uint64_t lsn; /* of begin, commit: of the commit; of a message: where it lies */
    uint64_t end; /* of a commit: what follows the transaction */
    nanos at;     /* of begin, commit: wall clock of the server */
    uint32_t transaction;     /* of begin */
    uint32_t relation;        /* of relation, insert, update, delete; of type: its own */
    struct text schema, name; /* of relation, type; of pg_catalog's the schema is empty */
    char identity;            /* of relation: its relreplident */
    struct postgres_list list; /* of relation: columns; of truncate: relations */
    enum postgres_old old_kind;
    struct postgres_list old, new; /* of insert, update, delete: values */
    bool transactional;            /* of a message: part of a transaction */
    struct text prefix, content;   /* of a message */
};

/* `payload`: of a POSTGRES_DATA frame. All of it was looked at: what is walked along
 * later is sound. False: nothing that a server sends to us. */
bool postgres_message_read(struct text payload, struct postgres_message *message);

/* A column of a relation. */
struct postgres_column {
    struct text name;
    uint32_t type; /* its OID */
    bool key;      /* part of the replica identity */
};
bool postgres_column_next(struct postgres_list *list, struct postgres_column *column);

enum postgres_value_kind {
    POSTGRES_NULL,
    POSTGRES_UNCHANGED, /* a large value that the update left as it was: not sent */
    POSTGRES_TEXT
};
struct postgres_value {
    enum postgres_value_kind kind;
    struct text text;
};
bool postgres_value_next(struct postgres_list *list, struct postgres_value *value);

/* A relation of a truncate. */
bool postgres_relation_next(struct postgres_list *list, uint32_t *relation);

/* Which path a message of ours names, as FCGIWAIT_ALSO has them: /a, or /a and a star as
 * its last segment, which is everything at and below it. The bytes are the resource's own
 * name, not percent-encoded. False: it names none. */
bool postgres_message_path(struct text content, struct text *path, bool *below);

#endif
