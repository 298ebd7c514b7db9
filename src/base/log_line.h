/* SPDX-License-Identifier: ISC */
/* log_line: what a line of the log looks like. Private to the log; pure; any thread. */
#ifndef FCGIWAIT_BASE_LOG_LINE_H
#define FCGIWAIT_BASE_LOG_LINE_H

#include <stddef.h>

#include "fcgiwait/clock.h"

#define LOG_LINE_MOST 1024 /* with its newline; what is longer is cut */

struct log_said {
    nanos wall;          /* when */
    const char *program; /* who; no character of it needs an escape */
    int pid;
    const char *level;
    const char *message; /* any bytes */
};

/* Both return the length, the newline included; there is no NUL. Control characters come
 * out as `?`, so that no message ends its line. In JSON, what is no UTF-8 does as well.
 */
size_t log_line_text(char line[LOG_LINE_MOST], const struct log_said *said);
size_t log_line_json(char line[LOG_LINE_MOST], const struct log_said *said);

/* Without when and who: syslog adds them. No newline. */
size_t log_line_bare(char line[LOG_LINE_MOST], const struct log_said *said);

#endif
