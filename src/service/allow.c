/* SPDX-License-Identifier: ISC */
/*
 * allow: the Allow header by what the location grants and what the store keeps.
 */
#include "allow.h"

#define READ_METHODS "GET, HEAD, OPTIONS"
#define WRITE_METHODS "PUT, PATCH, POST, DELETE"

/* What may be published. */
enum { NOTHING, TOUCHES, DOCUMENTS };

/* By what is followed below the path, and by that. */
static const char *const lines[2][3] = {
    {"Allow: " READ_METHODS "\r\n", "Allow: " READ_METHODS ", POST\r\n",
     "Allow: " READ_METHODS ", " WRITE_METHODS "\r\n"},
    {"Allow: " READ_METHODS ", QUERY\r\n", "Allow: " READ_METHODS ", QUERY, POST\r\n",
     "Allow: " READ_METHODS ", QUERY, " WRITE_METHODS "\r\n"},
};

static int publishable(const struct service *service, const struct operation *operation)
{
    if (!operation->publishes)
        return NOTHING;
    return store_keeps_documents(service->store) ? DOCUMENTS : TOUCHES;
}

bool allow_documents(const struct service *service, const struct operation *operation)
{
    return publishable(service, operation) == DOCUMENTS;
}

const char *allow_line(const struct service *service, const struct operation *operation)
{
    return lines[operation->below][publishable(service, operation)];
}
