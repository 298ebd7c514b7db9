/* SPDX-License-Identifier: ISC */
/*
 * One spare reader is enough: a thread is through with most requests before it reads the
 * next, and what reads on holds its own.
 */
#include "context.h"

struct fcgi_reader *context_take_reader(struct context *context)
{
    struct fcgi_reader *reader = context->spare;
    context->spare = NULL;
    return reader != NULL ? reader : fcgi_reader_new();
}

void context_give_reader(struct context *context, struct fcgi_reader *reader)
{
    if (reader == NULL)
        return;
    fcgi_reader_reset(reader);
    if (context->spare == NULL && fcgi_reader_rests(reader))
        context->spare = reader;
    else
        fcgi_reader_free(&reader);
}
