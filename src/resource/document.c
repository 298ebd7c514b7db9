/* SPDX-License-Identifier: ISC */
/*
 * Documents are never changed, so that answers can share one while the next is stored.
 * The last reference frees.
 */
#include "fcgiwait/document.h"

#include <stdlib.h>

#include "fcgiwait/json.h"
#include "fcgiwait/media.h"

struct document *document_new(struct text type, struct text body)
{
    struct document *document = malloc(sizeof *document + type.len + body.len);
    if (document == NULL)
        return NULL;
    char *bytes = (char *)(document + 1);
    text_put(text_put(bytes, type), body);
    document->type = (struct text){bytes, type.len};
    document->body = (struct text){bytes + type.len, body.len};
    atomic_init(&document->refs, 1);
    atomic_init(&document->is_json, 0);
    return document;
}

struct document *document_ref(struct document *document)
{
    if (document != NULL)
        atomic_fetch_add_explicit(&document->refs, 1, memory_order_relaxed);
    return document;
}

void document_unref(struct document **pointer)
{
    struct document *document = *pointer;
    *pointer = NULL;
    if (document != NULL &&
        atomic_fetch_sub_explicit(&document->refs, 1, memory_order_acq_rel) == 1)
        free(document);
}

bool document_is_json(struct document *document)
{
    struct json_error error;
    int known = atomic_load_explicit(&document->is_json, memory_order_relaxed);
    if (known == 0) {
        known =
            media_is_json(document->type) && json_check(document->body, &error) ? 1 : -1;
        atomic_store_explicit(&document->is_json, (signed char)known,
                              memory_order_relaxed);
    }
    return known > 0;
}

void document_set_json(struct document *document)
{
    atomic_store_explicit(&document->is_json, 1, memory_order_relaxed);
}

bool document_same(const struct document *document, struct text type, struct text body)
{
    return text_is(document->type, type) && text_is(document->body, body);
}

bool document_type_is_sound(struct text type)
{
    return type.len > 0 && type.len < DOCUMENT_TYPE_MAX && !text_has_control(type);
}
