/* SPDX-License-Identifier: ISC */
/*
 * Documents are never changed, so that answers can share one while the next is stored.
 * The last reference frees.
 */
#include "fcgiwait/document.h"

#include <stdlib.h>

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

bool document_same(const struct document *document, struct text type, struct text body)
{
    return text_is(document->type, type) && text_is(document->body, body);
}

bool document_type_is_sound(struct text type)
{
    return type.len > 0 && type.len < DOCUMENT_TYPE_MAX && !text_has_control(type);
}
