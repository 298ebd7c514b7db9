/* SPDX-License-Identifier: ISC */
/*
 * nginx_conf: an nginx configuration as a tree of directives, each with its file and
 * line.
 *
 * Reads what `nginx -T` prints: every file behind its "# configuration file PATH:" line,
 * with each `include` replaced by what it includes. Without such a line the whole is one
 * file, and includes can't be followed. The insides of Lua blocks are passed over.
 *
 * Pure; bounded in memory, time and depth, whatever the input. Private to the check; one
 * thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_CONF_H
#define FCGIWAIT_OPS_NGINX_CONF_H

#include "arena.h"
#include "token.h"

struct directive {
    struct text *words; /* the name, then the values; decoded */
    size_t count;       /* of words; 0: the whole of one configuration */
    const char *file;
    unsigned line;
    bool is_block;
    struct directive *parent, *next;
    struct directive *first, *last; /* inside the block */
};

struct nginx_file {
    const char *path;
    struct text body;
    unsigned dump; /* where several stand behind each other: which */
    bool is_included;
};

struct nginx_conf {
    struct arena arena; /* everything here lives in it */
    struct nginx_file *files;
    size_t file_count;
    bool is_dump;            /* there were "# configuration file" lines */
    struct directive *roots; /* one for each nginx.conf in the dump */
    size_t budget;   /* bytes that may still be read, includes counted each time */
    char wrong[512]; /* "FILE:LINE: what", where it can't be understood */
};

/* `name` is what to call the text where it names no files. `text` and `name` have to stay
 * as long as the result. False, with `wrong` filled in: not understood. Either way
 * nginx_conf_free(). */
bool nginx_conf_read(struct nginx_conf *conf, struct text text, const char *name);
void nginx_conf_free(struct nginx_conf *conf);

/* Fills in `wrong`, unless something was wrong before. Always false. */
bool nginx_conf_wrong(struct nginx_conf *conf, const char *file, unsigned line,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
