/* SPDX-License-Identifier: ISC */
/* machine: what the machine and the limits of the process allow. Main thread. */
#ifndef FCGIWAIT_MACHINE_H
#define FCGIWAIT_MACHINE_H

#include <stdint.h>

#include "fcgiwait/config.h"

/* How many requests can be held: as many as the configuration says, and as the limit of
 * open files allows, which is raised as far as it goes; logs where that is fewer. */
int64_t machine_waiting(const struct config *config);

/* Threads: of the waiting room, and of the front. */
unsigned machine_workers(const struct config *config);
unsigned machine_front_threads(void);

#endif
