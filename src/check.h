/* SPDX-License-Identifier: ISC */
/* check: --check-nginx FILE. Reads the file and prints what is wrong with it. Main
 * thread. */
#ifndef FCGIWAIT_CHECK_H
#define FCGIWAIT_CHECK_H

#include "fcgiwait/config.h"

/* `file` as on the command line: "-" is standard input. Returns the exit status. */
int check_nginx(const char *file, const struct config *config);

#endif
