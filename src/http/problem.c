/* SPDX-License-Identifier: ISC */
/*
 * Writes application/problem+json. What a client sent may stand in it, so everything is
 * escaped.
 */
#include "fcgiwait/problem.h"

#include <stdio.h>
#include <string.h>

#define END "\"}\n"

static const struct {
    int status;
    const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

const char *problem_title(int status)
{
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

size_t problem_render(const struct problem *problem, char out[PROBLEM_TEXT])
{
    size_t most = PROBLEM_TEXT - sizeof END - 1; /* the last character may take two */
    size_t len = (size_t)snprintf(
        out, PROBLEM_TEXT,
        "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"",
        problem_title(problem->status), problem->status);
    for (const char *at = problem->detail; *at != '\0' && len < most; at++) {
        if (*at == '"' || *at == '\\')
            out[len++] = '\\';
        out[len++] = *at >= 0x20 && *at < 0x7f ? *at : '?';
    }
    memcpy(out + len, END, sizeof END);
    return len + sizeof END - 1;
}
