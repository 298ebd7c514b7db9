/* SPDX-License-Identifier: ISC */
/*
 * feed_model: the naive model of what is told below a path: every path, in its last
 * state. It looks through all of it for each answer, and knows exactly what that has to
 * be.
 */
#ifndef TESTS_FEED_MODEL_H
#define TESTS_FEED_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "far_service.h"

#define MODEL_PATHS 160
#define MODEL_FEW 40 /* of them, the most tangled */
#define MODEL_TARGETS 10

/* The last that happened to a path. */
struct model_state {
    uint64_t index; /* 0: nothing */
    bool there, deleted, json;
    bool anew; /* touched after it was forgotten: a process that has seen it before, and
                  not what was between, takes it for deleted, and has to */
    int n, p;  /* {"n":1,"p":2}; of text: n alone */
};

struct model_target {
    const char *path, *only; /* `only` NULL: everything below */
};

extern char model_paths[MODEL_PATHS][16]; /* after model_begin() */
extern const struct model_target model_targets[MODEL_TARGETS];

struct model {
    struct model_state now[MODEL_PATHS];
    size_t there;       /* paths with a document */
    uint64_t newest;    /* index */
    unsigned life;      /* a memory store that starts again begins another */
    size_t least, most; /* changes that an answer tells that says "more", and any */
};

/* From where to where an index means something to the process that was asked. */
struct model_span {
    uint64_t horizon, newest, born;
};

/* What a reader has. */
struct model_copy {
    size_t target;
    bool has_index;
    uint64_t index; /* as it was told */
    unsigned life;  /* in which it was */
    bool watches;   /* it has been good, and nothing was missed since */
    /* where the page before stopped, of one that said "more"; `index` is a bookmark where
     * that is older than the horizon was */
    bool goes_on;
    uint64_t stopped, horizon;
    struct model_state seen[MODEL_PATHS];
};

bool model_concerns(size_t target, size_t path);

/* A life without what was. */
void model_begin(struct model *model);

/* Whether the reader has to be told something, or can wait. */
bool model_has_news(const struct model *model, const struct model_copy *copy,
                    const struct model_span *span);

/* Takes an answer in: what is told, and nothing else, in that order. False: it is wrong,
 * and why was printed to `why`; then nothing was taken in. */
bool model_take(const struct model *model, struct model_copy *copy,
                const struct model_span *span, const struct far_answer *answer,
                char why[400]);

/* After the last page: whether what the reader has is what is there. */
bool model_is_whole(const struct model *model, const struct model_copy *copy,
                    char why[400]);

/* The same of one resource, asked for by an index of that life. */
bool model_check_one(const struct model *model, size_t path, uint64_t index,
                     unsigned life, const struct model_span *span,
                     const struct far_answer *answer, char why[400]);

#endif
