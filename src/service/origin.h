/* SPDX-License-Identifier: ISC */
/* origin: resources whose documents an existing API has. Private to the service; pure. */
#ifndef FCGIWAIT_SERVICE_ORIGIN_H
#define FCGIWAIT_SERVICE_ORIGIN_H

#include "fcgiwait/query.h"

/* NULL where FCGIWAIT_ORIGIN can be used, or one sentence that says what is wrong. */
const char *origin_check(struct text origin);

/* The end of a header block: X-Accel-Redirect with origin, path and query, and the empty
 * line. nginx decodes the path once, so whatever has a meaning in a URL is
 * percent-encoded in it; a segment . or .. twice, since nginx takes none in a redirect.
 * The query stays byte for byte, but without what `names` calls ours. malloc'd; NULL: out
 * of memory. */
char *origin_target(struct text origin, struct text path, struct text query,
                    const struct query_names *names);

#endif
