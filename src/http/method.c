/* SPDX-License-Identifier: ISC */
/* method: the names of the methods. One that is new here needs a branch in
 * service/service.c as well. */
#include "fcgiwait/method.h"

static const struct text names[] = {
    [METHOD_OTHER] = TEXT("another method"),
    [METHOD_GET] = TEXT("GET"),
    [METHOD_HEAD] = TEXT("HEAD"),
    [METHOD_OPTIONS] = TEXT("OPTIONS"),
    [METHOD_PUT] = TEXT("PUT"),
    [METHOD_PATCH] = TEXT("PATCH"),
    [METHOD_POST] = TEXT("POST"),
    [METHOD_DELETE] = TEXT("DELETE"),
    [METHOD_QUERY] = TEXT("QUERY"),
};

#define METHODS (sizeof names / sizeof *names)

enum method method_parse(struct text name)
{
    for (size_t i = METHOD_OTHER + 1; i < METHODS; i++)
        if (text_is(name, names[i]))
            return (enum method)i;
    return METHOD_OTHER;
}

struct text method_name(enum method method)
{
    return names[method];
}
