/* SPDX-License-Identifier: ISC */
/* method: the names of the methods. One that is new here needs a branch in
 * service/service.c as well. */
#include "fcgiwait/method.h"

#include <stddef.h>

static const struct {
    struct text name;
    enum method method;
} methods[] = {
    {TEXT("GET"), METHOD_GET},         {TEXT("HEAD"), METHOD_HEAD},
    {TEXT("OPTIONS"), METHOD_OPTIONS}, {TEXT("PUT"), METHOD_PUT},
    {TEXT("PATCH"), METHOD_PATCH},     {TEXT("POST"), METHOD_POST},
    {TEXT("DELETE"), METHOD_DELETE},   {TEXT("QUERY"), METHOD_QUERY},
};

enum method method_parse(struct text name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (text_is(name, methods[i].name))
            return methods[i].method;
    return METHOD_OTHER;
}
