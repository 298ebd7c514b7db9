/* SPDX-License-Identifier: ISC */
/*
 * date: a moment as HTTP writes it (IMF-fixdate, RFC 9110 section 5.6.7), in English
 * whatever the locale.
 *
 * Pure; any thread, and without the lock that the C library's calendar takes.
 */
#ifndef FCGIWAIT_DATE_H
#define FCGIWAIT_DATE_H

#include <stdbool.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

#define DATE_TEXT 29 /* "Sun, 06 Nov 1994 08:49:37 GMT"; no NUL */

/* `at` is wall clock, not before 1970. */
void date_format(nanos at, char out[DATE_TEXT]);

/* Reads each of the three forms (RFC 9110 section 5.6.7); a year of two digits is of 1970
 * to 2069. False, with *at untouched: none of them. What `nanos` can't tell comes out as
 * the nearest that they can. */
bool date_parse(struct text t, nanos *at);

#endif
