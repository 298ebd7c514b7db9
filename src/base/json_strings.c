/* SPDX-License-Identifier: ISC */
/*
 * An array of strings, read by json-c once json_check() has said that it is JSON at all.
 * No string becomes longer by that: an escape is longer than what it stands for.
 */
#include <limits.h>

#include <json-c/json.h>

#include "fcgiwait/json.h"

static enum json_array visit(json_object *array, json_string_fn *each, void *context)
{
    size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count; i++) {
        json_object *string = json_object_array_get_idx(array, i);
        if (!json_object_is_type(string, json_type_string))
            return JSON_OTHER;
        struct text t = {json_object_get_string(string),
                         (size_t)json_object_get_string_len(string)};
        if (!each(context, t))
            return JSON_STOPPED;
    }
    return JSON_STRINGS;
}

enum json_array json_strings(struct text t, json_string_fn *each, void *context)
{
    struct json_error error;
    if (t.len > INT_MAX || !json_check(t, &error))
        return JSON_OTHER;
    struct json_tokener *tokener = json_tokener_new();
    if (tokener == NULL)
        return JSON_NO_MEMORY;
    json_object *array = json_tokener_parse_ex(tokener, t.at, (int)t.len);
    enum json_array result = JSON_OTHER;
    if (json_object_is_type(array, json_type_array))
        result = visit(array, each, context);
    json_object_put(array);
    json_tokener_free(tokener);
    return result;
}
