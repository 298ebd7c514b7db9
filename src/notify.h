/* SPDX-License-Identifier: ISC */
/*
 * notify: tells whoever started us how far we are, as sd_notify(3) describes it. Main
 * thread. Nothing happens where nobody asks, that is, without NOTIFY_SOCKET in the
 * environment; nor where it can't be told: being told is the other's concern.
 */
#ifndef FCGIWAIT_NOTIFY_H
#define FCGIWAIT_NOTIFY_H

#include "fcgiwait/clock.h"

void notify_serving(void);

/* Stopping takes so long at most, and is not to be cut short before. */
void notify_stopping(nanos longest);

#endif
