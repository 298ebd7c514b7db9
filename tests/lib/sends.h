/* SPDX-License-Identifier: ISC */
/*
 * sends: what the program's own code sends on sockets, as far as the test lets it. The
 * test's own side waits, and is let alone. A test that wants it is linked with --wrap
 * (LDFLAGS_SENDS, tests/Makefile.am).
 */
#ifndef TESTS_SENDS_H
#define TESTS_SENDS_H

#include <sys/types.h>

/* How many of `len` bytes may go out, or -1 with errno. What goes out in pieces
 * (sendmsg(2)) is not counted: of that, 1 byte or all of it. */
typedef ssize_t sends_allow_fn(size_t len);

/* Asked at each call from now on; before, all goes out. */
void sends_limit(sends_allow_fn *allow);

#endif
