/* SPDX-License-Identifier: ISC */
/*
 * nginx_dump: the files in what `nginx -T` prints. Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_DUMP_H
#define FCGIWAIT_NGINX_DUMP_H

#include "conf.h"

/* Fills in `files`, `file_count` and `is_dump`. False: out of memory. */
bool dump_cut(struct nginx_conf *conf, struct text text, const char *name);

/* Nothing but what nginx says of itself: it prints no configuration that it refuses. */
bool dump_is_empty(struct text text);

#endif
