/* SPDX-License-Identifier: ISC */
#include "faults.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

#define ENDLESS 10000 /* more requests than any scenario makes */

static struct {
    _Atomic bool armed, refused;
    _Atomic long left; /* until one fails */
    enum faults faults;
} state;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *string);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *string);

static bool fails(void)
{
    if (!state.armed)
        return false;
    long left = --state.left;
    if (left > 0 || (left < 0 && state.faults == FAULTS_ONCE))
        return false;
    state.refused = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *string)
{
    return fails() ? NULL : __real_strdup(string);
}

void faults_arm(long nth, enum faults faults)
{
    state.left = nth;
    state.faults = faults;
    state.refused = false;
    state.armed = true;
}

bool faults_disarm(void)
{
    state.armed = false;
    return state.refused;
}

void faults_sweep(bool (*scenario)(long nth, enum faults faults))
{
    for (int faults = FAULTS_ONCE; faults <= FAULTS_FROM_THEN; faults++) {
        long nth = 1;
        while (scenario(nth, (enum faults)faults))
            must(++nth < ENDLESS, "no end");
        must(nth > 1, "nothing asked for memory");
    }
}
