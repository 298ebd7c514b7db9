/* SPDX-License-Identifier: ISC */
/*
 * page: the files of the live page, as they were built in from src/ops/page.html. Static;
 * any thread.
 */
#ifndef FCGIWAIT_PAGE_H
#define FCGIWAIT_PAGE_H

#include <stdbool.h>

#include "fcgiwait/text.h"

/* Nothing runs in it but its own script, whatever a path that is shown may look like. The
 * page keeps within this, and within whatever a web server adds that grants 'self'. */
#define PAGE_HEADERS                                                                     \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "          \
    "'none'\r\n"                                                                         \
    "X-Content-Type-Options: nosniff\r\n"                                                \
    "Referrer-Policy: no-referrer\r\n"

struct page_file {
    const char *type;
    struct text bytes;
};

/* By the query of the page's URL; without one it is the page itself. False: there is none
 * of that name. */
bool page_file(struct text query, struct page_file *file)
    __attribute__((warn_unused_result));

#endif
