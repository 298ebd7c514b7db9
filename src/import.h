/* SPDX-License-Identifier: ISC */
/* import: --import, which moves what one store has into the one that is configured. Main
 * thread, and those of the stores. */
#ifndef FCGIWAIT_IMPORT_H
#define FCGIWAIT_IMPORT_H

#include "fcgiwait/config.h"

/* `from`: the file of a SQLite store, or the URL of a Redis (store.name counts there,
 * too). Reads only there. Refuses where the configured store is not empty. Returns the
 * exit status; what had to be said has been printed. */
int import_run(const char *from, const struct config *config);

#endif
