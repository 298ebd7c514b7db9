/* SPDX-License-Identifier: ISC */
/* responder: the process that serves: everything is wired, run and stopped here. Main
 * thread. */
#ifndef FCGIWAIT_RESPONDER_H
#define FCGIWAIT_RESPONDER_H

#include "arguments.h"
#include "fcgiwait/config.h"

/* Serves the listening socket on descriptor 0 until a signal stops it, and returns the
 * exit status. A reload changes `config`; `arguments` say again what it was made from. */
int responder_run(const struct arguments *arguments, struct config *config);

#endif
