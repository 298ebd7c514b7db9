/* SPDX-License-Identifier: ISC */
/*
 * log: a line for each event, on standard error, or to syslog where that leads nowhere.
 *
 * The one global of the program. Any thread; a line is written whole, or not at all: one
 * that standard error does not take at once is lost, and the next that it takes is
 * preceded by how many were. syslog may block, so no lock but its own is held while it is
 * called; checking builds die where one is.
 */
#ifndef FCGIWAIT_LOG_H
#define FCGIWAIT_LOG_H

#include <stdbool.h>

#include "fcgiwait/text.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Once, from main, before other threads start. Standard error that is closed or /dev/null
 * (as spawn-fcgi leaves it without -n) sends the lines to syslog, facility daemon. */
void log_open(const char *program);
void log_set_level(enum log_level level);
void log_set_json(bool json); /* lines as JSON objects; not to syslog, which has fields */

/* Whether lines of this level are written: to be asked before a line costs something. */
bool log_wants(enum log_level level);

bool log_level_parse(struct text name, enum log_level *level);

/* Control characters in what is printed come out as `?`: a path can't forge a line. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
