/* SPDX-License-Identifier: ISC */
/* must: ends the test, with a reason, where the ground it stands on gives way. */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define must(condition, ...)                                                             \
    do {                                                                                 \
        if (!(condition))                                                                \
            fail_msg(__VA_ARGS__);                                                       \
    } while (0)

#endif
