/* SPDX-License-Identifier: ISC */
/*
 * change: one step in the life of a resource, and the state that it leads to. Plain
 * values.
 */
#ifndef FCGIWAIT_CHANGE_H
#define FCGIWAIT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/document.h"
#include "fcgiwait/text.h"

/* Indexes stay below this, so that JavaScript's numbers hold them. */
#define INDEX_LIMIT (UINT64_C(1) << 53)

/* What a resource is at present. Index 0: it has never existed here. */
struct present {
    uint64_t index;
    nanos changed;             /* wall clock, of that index */
    struct document *document; /* a reference of the holder's, or NULL: does not exist */
    bool deleted;              /* it does not, and has existed */
};

/* Gives the document's reference back. */
static inline void present_dispose(struct present *present)
{
    document_unref(&present->document);
}

enum change_kind {
    CHANGE_PUT,
    CHANGE_TOUCH,
    CHANGE_DELETE,
    CHANGE_BARE, /* a touch of what has no document, here or wherever it was read */
    /* All that lies behind origins at or below the path: nobody knows what was missed. */
    CHANGE_EVERYTHING,
    /* Paths without a document are forgotten, up to this index, as if they had never
     * been. It takes no index of its own: this one is of an earlier change. */
    CHANGE_FORGET,
    /* Nothing happened up to this index: it was seen, and others may have told it. */
    CHANGE_NONE
};

/* Path and document belong to whoever hands the change on; receivers copy and count. */
struct change {
    enum change_kind kind;
    uint64_t index;
    nanos at;                  /* wall clock */
    struct text path;          /* of CHANGE_FORGET and CHANGE_NONE: "/" */
    struct document *document; /* of CHANGE_PUT, else NULL */
};

#endif
