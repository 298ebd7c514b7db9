/* SPDX-License-Identifier: ISC */
/*
 * traceparent: which trace a request belongs to (W3C Trace Context, section 3.2). Pure;
 * any thread.
 */
#ifndef FCGIWAIT_TRACEPARENT_H
#define FCGIWAIT_TRACEPARENT_H

#include "fcgiwait/text.h"

/* The 32 digits of the trace's id, where they lie; empty where the header has none. */
struct text traceparent_id(struct text header);

/* Whether these are such digits, wherever they come from. */
bool traceparent_is_id(struct text id);

#endif
