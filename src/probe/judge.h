/* SPDX-License-Identifier: ISC */
/*
 * judge: what an answer shows of the way that it came. Each function looks at one thing
 * and adds a line to the report. Private to the probe; pure.
 *
 * `index` is the one that the first answer had. The resource may change at any time, also
 * while it is probed: that is never a fault.
 */
#ifndef FCGIWAIT_PROBE_JUDGE_H
#define FCGIWAIT_PROBE_JUDGE_H

#include "exchange.h"
#include "report.h"

/* --- judge_first.c --- */

/* False: there is no use in going on. */
bool judge_answer(struct report *report, const struct exchange *first);
bool judge_index(struct report *report, const struct exchange *first, uint64_t *index);
void judge_redirect(struct report *report, const struct exchange *asked);

/* --- judge.c: answers that come at once --- */

void judge_etag(struct report *report, const struct exchange *first, uint64_t index);
void judge_cache(struct report *report, const struct exchange *first,
                 const struct exchange *again);
void judge_reuse(struct report *report, const struct exchange *again);
void judge_head(struct report *report, const struct exchange *head,
                const struct exchange *first);
void judge_gzip(struct report *report, const struct exchange *packed, uint64_t index);
void judge_burst(struct report *report, struct exchange *const burst[], size_t count);

/* Asked for the present index without a wait: in the query, by Prefer, by If-None-Match.
 */
void judge_query(struct report *report, const struct exchange *exchange,
                 const struct exchange *first);
void judge_prefer(struct report *report, const struct exchange *exchange,
                  const struct exchange *first);
void judge_condition(struct report *report, const struct exchange *exchange,
                     const struct exchange *first);

/* --- judge_cors.c --- */

#define JUDGE_PREFLIGHT 1024

/* Access-Control-Request-Headers as a browser writes it for a page that sends these
 * ("Name: value", NULL behind the last) and Prefer. */
void judge_preflight(const char *const headers[EXCHANGE_HEADERS],
                     char line[JUDGE_PREFLIGHT]);
/* "Name: value" that a browser sends by itself, and with what it asks before, too. */
bool judge_is_of_browser(const char *header);
/* Answers to a page of this origin, and to what its browser asks before. */
void judge_cors(struct report *report, const struct exchange *get,
                const struct exchange *preflight, const char *origin);

/* --- judge_wait.c: answers that take their time --- */

/* Waits on the present index, of several lengths, the longest last; all began together.
 * The one that was cut first, or NULL. */
const struct exchange *judge_waits(struct report *report, struct exchange *const waits[],
                                   size_t count, uint64_t index);
/* Two that are the same, asked at the same time. */
void judge_twins(struct report *report, const struct exchange *a,
                 const struct exchange *b);
/* What `publish` said, and a wait on `index` that it had to end; then a plain GET. False:
 * it is no change of this resource, or another one came first. */
bool judge_publish(struct report *report, const struct exchange *publish,
                   const struct exchange *wait, const struct exchange *get,
                   uint64_t index);

/* --- judge_stream.c --- */

/* A stream that was asked for without an index, and what judge_waits() said. False:
 * streams are of no use here. */
bool judge_stream(struct report *report, const struct exchange *stream,
                  const struct exchange *cut_wait);

/* One that was open before `publish` made a change, and had the state before. */
void judge_stream_change(struct report *report, const struct exchange *stream,
                         const struct exchange *publish);

/* Waits on the present index, begun together over HTTP/2. */
void judge_side_by_side(struct report *report, struct exchange *const held[],
                        size_t count);

#endif
