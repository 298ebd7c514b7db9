/* SPDX-License-Identifier: ISC */
/* must: ends the test, with a reason, where the ground it stands on gives way. */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define must(condition, ...)                                                             \
    do {                                                                                 \
        if (!(condition))                                                                \
            fail_msg(__VA_ARGS__);                                                       \
    } while (0)

/* Waits until the semaphore is posted; nobody is ever a minute late. */
static inline void must_come(sem_t *sem, const char *why_not)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    must(sem_timedwait(sem, &until) == 0, "%s", why_not);
}

#endif
