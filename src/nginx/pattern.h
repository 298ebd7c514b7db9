/* SPDX-License-Identifier: ISC */
/*
 * nginx_pattern: regular expressions of a configuration, tried on a string.
 *
 * They are written for PCRE. What POSIX can't say as well (look-around, references back,
 * large repeats) is not known. Bounded in time and memory. Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_PATTERN_H
#define FCGIWAIT_NGINX_PATTERN_H

#include <regex.h>
#include <stdbool.h>

#include "fcgiwait/text.h"

enum matched { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

struct pattern {
    bool is_known;
    regex_t regex;
};

void pattern_open(struct pattern *pattern, struct text regex, bool any_case);
enum matched pattern_match(const struct pattern *pattern, const char *subject);
void pattern_close(struct pattern *pattern);

/* All three. */
enum matched pattern_try(struct text regex, bool any_case, const char *subject);

#endif
