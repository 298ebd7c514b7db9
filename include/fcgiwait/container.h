/* SPDX-License-Identifier: ISC */
/* container: from a struct that is embedded in another to the one around it. */
#ifndef FCGIWAIT_CONTAINER_H
#define FCGIWAIT_CONTAINER_H

#include <stddef.h>

/* The `type` whose `member` the pointer points to. The branch that is never taken lets
 * the compiler refuse a pointer to anything else. */
#define CONTAINER_OF(pointer, type, member)                                              \
    ((type *)(void *)((char *)(1 ? (pointer) : &((type *)0)->member) -                   \
                      offsetof(type, member)))

#endif
