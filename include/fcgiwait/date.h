/* SPDX-License-Identifier: ISC */
/*
 * date: a moment as HTTP writes it (IMF-fixdate, RFC 9110 section 5.6.7), in English
 * whatever the locale.
 *
 * Pure; any thread, and without the lock that the C library's calendar takes.
 */
#ifndef FCGIWAIT_DATE_H
#define FCGIWAIT_DATE_H

#include "fcgiwait/clock.h"

#define DATE_TEXT 29 /* "Sun, 06 Nov 1994 08:49:37 GMT"; no NUL */

/* `at` is wall clock, not before 1970. */
void date_format(nanos at, char out[DATE_TEXT]);

#endif
