/* SPDX-License-Identifier: ISC */
/*
 * nginx_passage: who is still there behind the rewrite directives of a block.
 *
 * nginx runs `if`, `rewrite`, `return` and `break` in the order in which they stand, and
 * none of them behind the one that ends the set: an `if` there keeps nobody out. Private
 * to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_PASSAGE_H
#define FCGIWAIT_NGINX_PASSAGE_H

#include "stranger.h"

/* Of those who have come to a line. */
struct passage {
    enum who on;  /* who goes on to it */
    enum who out; /* who has left the set before, and stays in the block */
    const struct directive *guarded;
    bool is_looked_for, is_made; /* a `rewrite` that makes the guarded block's path */
};

/* At the first line, of those. `guarded` is the block that is asked about: who leaves the
 * set on the way to another path does not come there. NULL: whatever they come to. */
static inline struct passage passage_begin(enum who who, const struct directive *guarded)
{
    return (struct passage){who, WHO_NOBODY, guarded, false, false};
}

/* Past one more line. */
void passage_go(struct passage *passage, const struct directive *line);

static inline enum who passage_who(const struct passage *passage)
{
    return who_most(passage->on, passage->out);
}

/* Whether whoever gets into the `if` is answered or sent elsewhere. */
bool passage_turns_away(const struct directive *condition);

#endif
