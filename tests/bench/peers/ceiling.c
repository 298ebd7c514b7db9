/* SPDX-License-Identifier: ISC */
/*
 * The ceiling: fcgiwait's own front with an empty service behind it. Every request is
 * answered at once with the same bytes, so nothing on this front can answer faster.
 *
 *     spawn-fcgi -s /run/ceiling.sock -n -- ceiling
 *
 * The service's four functions that the front calls are here; the rest of libfcgiwait.a
 * comes as it is.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fcgiwait/front.h"

static const char head[] = "Status: 200 OK\r\n"
                           "X-Polling-Index: 1795545745000003\r\n"
                           "ETag: \"1795545745000003\"\r\n"
                           "Cache-Control: no-store\r\n"
                           "Vary: Prefer\r\n"
                           "Content-Type: application/json\r\n"
                           "Last-Modified: Tue, 24 Nov 2026 18:44:25 GMT\r\n"
                           "Content-Length: 64\r\n"
                           "\r\n";
static const char body[] =
    "{\"n\":1795545745000003,\"pad\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}";

void service_serve(struct service *service, struct request *request,
                   const struct cgi *cgi)
{
    struct reply reply = {
        .status = 200, .head_len = sizeof head - 1, .body = {body, sizeof body - 1}};
    (void)service, (void)cgi;
    memcpy(reply.head, head, sizeof head - 1);
    request->exchange->reply(request, &reply);
}

size_t service_wants_body(struct service *service, const struct cgi *cgi)
{
    (void)service, (void)cgi;
    return 0;
}

bool service_hangup(struct request *request)
{
    (void)request; /* none is ever held */
    return true;
}

void service_hung_up(const struct request *request)
{
    (void)request;
}

int main(void)
{
    static struct counters counters;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct front_options options = {.threads = (unsigned)(cores + 1) / 2, /* as main.c */
                                    .counters = &counters};
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct front *front = front_open(&options);
    if (front == NULL)
        return EXIT_FAILURE;
    for (;;) {
        struct pollfd fd = {.fd = options.listening, .events = POLLIN};
        poll(&fd, 1, 100);
        front_accept(front);
    }
}
