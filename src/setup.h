/* SPDX-License-Identifier: ISC */
/*
 * setup: what the configuration says to the store, and what has to be there for it.
 * Main thread.
 */
#ifndef FCGIWAIT_SETUP_H
#define FCGIWAIT_SETUP_H

#include "fcgiwait/config.h"
#include "fcgiwait/store.h"

/* Without a view. Its texts are the configuration's. */
struct store_options setup_store(const struct config *config);

/* -t: whether the store could be opened now, where that can be told. Returns the exit
 * status. */
int setup_check(const struct config *config);

/* --postgres-setup: prints what the database needs. Returns the exit status. */
int setup_print(const struct config *config);

#endif
