/* SPDX-License-Identifier: ISC */
/* postgres_setup: what a database needs before it can be followed. Private to the
 * PostgreSQL store; asks nobody. */
#ifndef FCGIWAIT_STORE_POSTGRES_SETUP_H
#define FCGIWAIT_STORE_POSTGRES_SETUP_H

#include "fcgiwait/store.h"

/* Of struct store_backend: SQL for psql and an administrator, which may be run again. */
bool postgres_print_setup(const struct store_options *options, FILE *out, char *error,
                          size_t capacity);

#endif
