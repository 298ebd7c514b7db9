/* SPDX-License-Identifier: ISC */
/*
 * config_tables: store.tables, the one key whose value is a list of groups.
 *
 * Private to the configuration; the main thread's.
 */
#ifndef FCGIWAIT_CONFIG_TABLES_H
#define FCGIWAIT_CONFIG_TABLES_H

#include <stdbool.h>

#include "fcgiwait/config.h"

struct config_setting_t; /* libconfig's */

/* What is wrong, and with which setting. */
struct tables_error {
    const struct config_setting_t *at;
    char key[128]; /* "store.tables[0].path" */
    const char *what, *allowed;
};

/* Copies what the list says, in place of what was there. False: `error`, whose `what` is
 * NULL where memory ran out. */
bool tables_take(struct config *config, const struct config_setting_t *list,
                 struct tables_error *error);

void tables_free(struct config *config);
bool tables_differ(const struct config *a, const struct config *b);

#endif
