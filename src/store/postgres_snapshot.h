/* SPDX-License-Identifier: ISC */
/*
 * postgres_snapshot: which transactions a reader of the database sees. Private to the
 * PostgreSQL store; pure.
 *
 * What pg_current_snapshot() says (PostgreSQL manual, 9.26.8): "10:20:10,14,15", the
 * transactions below 10, and those below 20 that are not listed.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_SNAPSHOT_H
#define FCGIWAIT_STORE_POSTGRES_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/text.h"

/* All zero: sees nothing. */
struct postgres_snapshot {
    uint64_t from, to;    /* all before `from` are seen, none from `to` on is */
    struct text underway; /* in the text that was read */
};

/* False: it is none. */
bool postgres_snapshot_read(struct text said, struct postgres_snapshot *snapshot);

/* Whether the transaction is over for whoever reads. `transaction`: its number as the log
 * has it, without the epoch. */
bool postgres_snapshot_sees(const struct postgres_snapshot *snapshot,
                            uint32_t transaction);

#endif
