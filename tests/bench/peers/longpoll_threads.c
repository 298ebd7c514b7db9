/* SPDX-License-Identifier: ISC */
/*
 * The peer: long polling with libfcgi as it is commonly used, a thread for each request
 * that is under way, asleep on its resource's condition variable while it waits.
 *
 *     spawn-fcgi -s /run/longpoll.sock -n -- longpoll_threads
 *
 * GET ?index=N&wait=60s reads SCRIPT_NAME, PUT stores FCGIWAIT_RESOURCE, and
 * FCGIWAIT_ENDPOINT tells how many wait. A hang-up is not noticed before the answer.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <uthash.h>

#define STACK 65536
#define BODY_MOST 16384
#define WAIT_MAX 60

struct resource {
    UT_hash_handle hh;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t index;
    char type[64], body[BODY_MOST];
    size_t len;
    char path[];
};

static pthread_mutex_t finding = PTHREAD_MUTEX_INITIALIZER;
static struct resource *resources;
static _Atomic uint64_t newest;
static _Atomic long waiting;

static struct resource *find(const char *path)
{
    struct resource *resource;
    pthread_mutex_lock(&finding);
    HASH_FIND_STR(resources, path, resource);
    if (resource == NULL) {
        resource = calloc(1, sizeof *resource + strlen(path) + 1);
        if (resource == NULL)
            abort();
        strcpy(resource->path, path);
        pthread_mutex_init(&resource->lock, NULL);
        pthread_cond_init(&resource->changed, NULL);
        HASH_ADD_STR(resources, path, resource);
    }
    pthread_mutex_unlock(&finding);
    return resource;
}

static const char *param(const FCGX_Request *request, const char *name)
{
    const char *value = FCGX_GetParam(name, request->envp);
    return value != NULL ? value : "";
}

/* The lock is held. */
static void hold(struct resource *resource, uint64_t index, long wait)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait > 0 && wait < WAIT_MAX ? wait : WAIT_MAX;
    atomic_fetch_add(&waiting, 1);
    while (resource->index == index &&
           pthread_cond_timedwait(&resource->changed, &resource->lock, &until) == 0)
        ;
    atomic_fetch_sub(&waiting, 1);
}

static void read_resource(FCGX_Request *request)
{
    const char *query = param(request, "QUERY_STRING");
    const char *index = strstr(query, "index="), *wait = strstr(query, "wait=");
    uint64_t known = index != NULL ? strtoull(index + 6, NULL, 10) : UINT64_MAX;
    struct resource *resource = find(param(request, "SCRIPT_NAME"));
    char head[512], body[BODY_MOST];
    pthread_mutex_lock(&resource->lock);
    if (resource->index == known)
        hold(resource, known, wait != NULL ? atol(wait + 5) : WAIT_MAX);
    bool same = resource->index == known;
    size_t len = same ? 0 : resource->len;
    int head_len =
        snprintf(head, sizeof head,
                 "Status: %s\r\nX-Polling-Index: %" PRIu64 "\r\nETag: \"%" PRIu64 "\"\r\n"
                 "Cache-Control: no-store\r\nVary: Prefer\r\n",
                 same                   ? "304 Not Modified"
                 : resource->index == 0 ? "404 Not Found"
                                        : "200 OK",
                 resource->index, resource->index);
    if (!same)
        head_len +=
            snprintf(head + head_len, sizeof head - (size_t)head_len,
                     "Content-Type: %s\r\nContent-Length: %zu\r\n", resource->type, len);
    memcpy(body, resource->body, len);
    pthread_mutex_unlock(&resource->lock);
    FCGX_PutStr(head, head_len, request->out);
    FCGX_PutStr("\r\n", 2, request->out);
    FCGX_PutStr(body, (int)len, request->out);
}

static void publish(FCGX_Request *request)
{
    char body[BODY_MOST];
    int len = FCGX_GetStr(body, sizeof body, request->in);
    struct resource *resource = find(param(request, "FCGIWAIT_RESOURCE"));
    pthread_mutex_lock(&resource->lock);
    uint64_t index = resource->index = atomic_fetch_add(&newest, 1) + 1;
    memcpy(resource->body, body, (size_t)len);
    resource->len = (size_t)len;
    strncpy(resource->type, param(request, "CONTENT_TYPE"), sizeof resource->type - 1);
    pthread_cond_broadcast(&resource->changed);
    pthread_mutex_unlock(&resource->lock);
    FCGX_FPrintF(request->out,
                 "Status: 204 No Content\r\nX-Polling-Index: %" PRIu64 "\r\n\r\n", index);
}

static void serve(FCGX_Request *request)
{
    if (param(request, "FCGIWAIT_ENDPOINT")[0] != '\0')
        FCGX_FPrintF(request->out,
                     "Content-Type: application/json\r\n\r\n{\"waiting\":%ld}",
                     atomic_load(&waiting));
    else if (strcmp(param(request, "REQUEST_METHOD"), "PUT") == 0)
        publish(request);
    else
        read_resource(request);
}

/* One connection of the web server, which it keeps open (fastcgi_keep_conn). */
static void *serve_connection(void *context)
{
    FCGX_Request request;
    FCGX_InitRequest(&request, -1, 0);
    request.ipcFd = (int)(intptr_t)context;
    request.keepConnection = 1; /* so that libfcgi reads from it, and does not accept */
    while (FCGX_Accept_r(&request) == 0)
        serve(&request);
    FCGX_Free(&request, 1);
    return NULL;
}

int main(void)
{
    pthread_attr_t small;
    pthread_t thread;
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    if (FCGX_Init() != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return EXIT_FAILURE;
    signal(SIGTERM, SIG_DFL); /* FCGX_Init() took it */
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    newest = (uint64_t)time(NULL) * 1000000;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept4(0, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0 &&
            pthread_create(&thread, &small, serve_connection, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
}
