/* SPDX-License-Identifier: ISC */
/* probed: a chain and the probe that looks at it; many can run at the same time. */
#ifndef TESTS_PROBED_H
#define TESTS_PROBED_H

#include <stdio.h>

#include "chain.h"
#include "program.h"

struct probed {
    struct chain chain;
    FILE *probe; /* NULL: not begun */
};

/* One proxy before the stack, where its program is installed. True: it is. */
bool probed_behind(struct probed *probed, const struct stack *stack, enum hop_kind kind,
                   const char *lines);

/* Begins to ask for `path` on the outermost, which speaks TLS where it is of that kind.
 */
void probed_start(struct probed *probed, const char *path, const char *options);

/* What it says, one line for each thing, one blank between words; the chain is closed.
 * Skips the test (cmocka) where it was not begun. */
struct run probed_result(struct probed *probed);

#endif
