/* SPDX-License-Identifier: ISC */
/*
 * libfcgi: how the library that everybody knows decodes parameters: what ours is compared
 * with. It gets them as it would from a web server, through a socket.
 */
#ifndef TESTS_LIBFCGI_H
#define TESTS_LIBFCGI_H

#include <fcgiapp.h>

#include "fcgiwait/text.h"

/* It allocates what a length says before it looks whether so much is there, and ends the
 * process where that can't be had: no larger ones are for it. */
#define LIBFCGI_LENGTH_MOST 0xffffff

/* At most 65,535 bytes of pairs, sent in records of `record` bytes, or in fewer where
 * that would be too many for a socket. Not for several threads at once. The environment
 * is NAME=VALUE strings up to a NULL, or NULL where libfcgi refuses the parameters; in
 * any case it is libfcgi_forget()'s. */
struct libfcgi {
    FCGX_Request request;
    char **environment;
};
void libfcgi_decode(struct libfcgi *libfcgi, struct text pairs, size_t record);
void libfcgi_forget(struct libfcgi *libfcgi);

#endif
