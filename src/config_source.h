/* SPDX-License-Identifier: ISC */
/*
 * config_source: looks through the text of a configuration before libconfig (1.5) does,
 * for what libconfig does not survive, or silently takes for something else: an @include
 * of what can't be read ends the process, a whole number of more than 32 bits without an
 * L behind it loses the rest of them, a NUL hides what stands behind it. Private to the
 * configuration.
 */
#ifndef FCGIWAIT_CONFIG_SOURCE_H
#define FCGIWAIT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

/* False with `error` filled in: "FILE:LINE: what; allowed is ...". Includes are followed.
 */
bool config_source_check(const char *file, char *error, size_t capacity);

#endif
