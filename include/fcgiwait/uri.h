/* SPDX-License-Identifier: ISC */
/*
 * uri: which path of this host a reference names, as in Location and Content-Location
 * (RFC 3986 section 5.2; RFC 9110 sections 8.7 and 10.2.2); and bytes as a URL has them.
 *
 * Pure; any thread.
 */
#ifndef FCGIWAIT_URI_H
#define FCGIWAIT_URI_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

/* Resolves `reference` (relative, absolute, //host, with a query or a fragment, which
 * count for nothing) against `base`, a path as below, and writes the path that it names:
 * percent-decoded once, without dot segments and double slashes, as the web server's own
 * $uri. `host` is the request's Host; letter case, ports and user names are not compared.
 * `out` has room for base.len + reference.len + 1 bytes. False: another host, a scheme
 * that is not http or https, a broken escape, a control character. */
bool uri_path(struct text reference, struct text base, struct text host, char *out,
              struct text *path);

/* Writes one byte as three: %2F. Returns what lies behind them. */
char *uri_escape(char *out, unsigned char byte);

/* The same with all bytes but those that stand for themselves (RFC 3986 section 2.3). */
char *uri_put(char *out, struct text t);

#endif
