/* SPDX-License-Identifier: ISC */
/* cgi_text: all that a request says, written out, so that two can be compared. */
#ifndef TESTS_FUZZ_CGI_TEXT_H
#define TESTS_FUZZ_CGI_TEXT_H

#include "fuzz.h"

#include "fcgiwait/cgi.h"

static inline void cgi_text_value(FILE *out, struct text value)
{
    fprintf(out, value.at != NULL ? " %zu:" : " none:", value.len);
    if (value.len > 0)
        fwrite(value.at, 1, value.len, out);
}

static inline void cgi_text(FILE *out, const struct cgi *cgi)
{
    const struct text values[] = {cgi->method,        cgi->script_name,    cgi->path_info,
                                  cgi->query,         cgi->content_type,   cgi->if_match,
                                  cgi->if_none_match, cgi->content_length, cgi->resource,
                                  cgi->access,        cgi->endpoint,       cgi->wait_max};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cgi_text_value(out, values[i]);
    if (cgi->prefer.has_wait)
        fprintf(out, " wait %lld", (long long)cgi->prefer.wait);
    if (cgi->prefer.has_index)
        cgi_text_value(out, cgi->prefer.index);
    fprintf(out, " %d %llu", cgi->too_long, (unsigned long long)cgi->body_length);
    cgi_text_value(out,
                   (struct text){cgi->body.len > 0 ? cgi->body.at : "", cgi->body.len});
}

#endif
