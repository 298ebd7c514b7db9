/* SPDX-License-Identifier: ISC */
/*
 * cgi: what the web server says of one request (the meta-variables of RFC 3875,
 * section 4.1, and the FCGIWAIT_ parameters that only its configuration can set: a
 * client's headers come as HTTP_*).
 *
 * Plain values over somebody else's bytes; pure; any thread.
 */
#ifndef FCGIWAIT_CGI_H
#define FCGIWAIT_CGI_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/prefer.h"
#include "fcgiwait/text.h"

struct cgi {
    struct text method, script_name, path_info, query;
    struct text content_type, content_length;
    struct text request_uri, host;
    struct text content_encoding, content_range;
    /* `at` NULL: no such header */
    struct text if_match, if_none_match, if_unmodified_since;
    struct text traceparent; /* of tracing (W3C) */
    struct text accept, last_event_id;
    struct preference prefer; /* of all Prefer headers */
    struct text resource, access, endpoint, wait_max, query_names, client, expires, scope;
    struct text stream;
    struct text origin;        /* where the documents are; empty: here */
    struct text origin_status; /* of a reported write; `at` NULL: none is reported */
    struct text location, content_location, also, again; /* with it */
    /* set by whoever reads the request */
    bool too_long;        /* more parameters than are kept: nothing above is filled in */
    struct text body;     /* what was kept of it */
    uint64_t body_length; /* how long it was, kept or not */
};

/* Takes one parameter in; unknown ones are passed over, repeated ones count once but for
 * Prefer, whose instances are one list. `cgi` starts as all zero. */
void cgi_add(struct cgi *cgi, struct text name, struct text value);

#endif
