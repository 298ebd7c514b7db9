/* SPDX-License-Identifier: ISC */
#include "http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "must.h"

struct bytes {
    char *at;
    size_t len, capacity;
};

static size_t collect(char *at, size_t size, size_t count, void *context)
{
    struct bytes *bytes = context;
    size_t len = size * count;
    if (bytes->len + len + 1 > bytes->capacity) {
        bytes->capacity = 2 * bytes->capacity + len + 1;
        bytes->at = realloc(bytes->at, bytes->capacity);
    }
    memcpy(bytes->at + bytes->len, at, len);
    bytes->len += len;
    bytes->at[bytes->len] = '\0';
    return len;
}

static void set_body(CURL *curl, const struct http *request)
{
    size_t len = request->body_len > 0 ? request->body_len : strlen(request->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
}

static void set_method(CURL *curl, const struct http *request)
{
    if (request->method == NULL)
        return;
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static struct curl_slist *header_list(const struct http *request)
{
    struct curl_slist *list = NULL;
    bool typed = false, expects = false;
    for (size_t i = 0; i < HTTP_HEADERS && request->headers[i] != NULL; i++) {
        typed = typed || strncasecmp(request->headers[i], "Content-Type", 12) == 0;
        expects = expects || strncasecmp(request->headers[i], "Expect", 6) == 0;
        list = curl_slist_append(list, request->headers[i]);
    }
    if (!expects) /* or the first of two would keep libcurl from waiting for the word */
        list = curl_slist_append(list, "Expect:");
    return typed ? list : curl_slist_append(list, "Content-Type:");
}

struct answer http(const struct http *request)
{
    CURL *curl = curl_easy_init();
    struct bytes headers = {calloc(1, 1), 0, 1}, body = {calloc(1, 1), 0, 1};
    struct answer answer = {0};
    struct curl_slist *list = header_list(request);
    char url[8192];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", request->port, request->path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT,
                     request->timeout > 0 ? request->timeout : 100L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    if (request->body != NULL)
        set_body(curl, request);
    set_method(curl, request);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &answer.seconds);
    answer.headers = headers.at;
    answer.body = body.at;
    answer.body_len = body.len;
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return answer;
}

struct answer http_get(int port, const char *path, const char *header)
{
    return http(&(struct http){.port = port, .path = path, .headers = {header}});
}

static long publish(const struct http *request, const char *resource, char index[24])
{
    char path[1024], value[256];
    struct http named = *request;
    snprintf(path, sizeof path, "/publish%s", resource);
    named.path = path;
    struct answer answer = http(&named);
    if (index != NULL)
        snprintf(index, 24, "%.23s", answer_header(&answer, "X-Polling-Index", value));
    long status = answer.status;
    answer_free(&answer);
    return status;
}

long http_put(int port, const char *resource, const char *json, char index[24])
{
    struct http request = {.port = port,
                           .method = "PUT",
                           .headers = {"Content-Type: application/json"},
                           .body = json};
    return publish(&request, resource, index);
}

long http_publish(int port, const char *method, const char *resource, char index[24])
{
    return publish(&(struct http){.port = port, .method = method}, resource, index);
}

const char *answer_header(const struct answer *answer, const char *name, char out[256])
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *line = answer->headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL)
            break;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1 + strspn(line + len + 1, " ");
            snprintf(out, 256, "%.*s", (int)(end - value), value);
            break;
        }
        line = end + 2;
    }
    return out;
}

void answer_free(struct answer *answer)
{
    free(answer->headers);
    free(answer->body);
    *answer = (struct answer){0};
}

void answer_must_have(const struct answer *answer, const char *name, const char *value)
{
    char found[256];
    answer_header(answer, name, found);
    must(strcmp(found, value != NULL ? value : "") == 0, "%s is \"%s\", not \"%s\"", name,
         found, value != NULL ? value : "");
}

void answer_must_be(struct answer answer, long status, const char *part)
{
    must(answer.status == status, "answered with %ld: %s", answer.status, answer.body);
    must(strstr(answer.body, part) != NULL, "no %s in %s", part, answer.body);
    answer_free(&answer);
}

bool http_answers(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

struct call {
    pthread_t thread;
    struct http request;
    struct answer answer;
    _Atomic bool done;
};

static void *run(void *context)
{
    struct call *call = context;
    call->answer = http(&call->request);
    atomic_store(&call->done, true);
    return NULL;
}

static const char *copy(const char *string)
{
    return string != NULL ? strdup(string) : NULL;
}

struct call *call_start(const struct http *request)
{
    struct call *call = calloc(1, sizeof *call);
    call->request = *request;
    call->request.path = copy(request->path);
    for (size_t i = 0; i < HTTP_HEADERS; i++)
        call->request.headers[i] = copy(request->headers[i]);
    must(pthread_create(&call->thread, NULL, run, call) == 0, "pthread_create");
    return call;
}

bool call_done(const struct call *call)
{
    return atomic_load(&call->done);
}

struct answer call_join(struct call *call)
{
    pthread_join(call->thread, NULL);
    struct answer answer = call->answer;
    free((char *)call->request.path);
    for (size_t i = 0; i < HTTP_HEADERS; i++)
        free((char *)call->request.headers[i]);
    free(call);
    return answer;
}
