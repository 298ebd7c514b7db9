/* SPDX-License-Identifier: ISC */
/* start_probe: --probe URL. Becomes the program that asks. Main thread. */
#ifndef FCGIWAIT_START_PROBE_H
#define FCGIWAIT_START_PROBE_H

#include "arguments.h"

/* Returns the exit status where it can't be started; else it does not return. */
int start_probe(const struct arguments *arguments);

#endif
