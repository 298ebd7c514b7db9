/* SPDX-License-Identifier: ISC */
/*
 * One multi handle for all, so that connections are shared as in a browser. What comes is
 * written into the exchange itself, with the moment at which it came; nothing is judged
 * here.
 */
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#define LOOK_MS 200

struct transfer {
    CURLM *multi;
};

struct running {
    CURL *easy; /* NULL: not begun */
    struct curl_slist *headers;
    struct exchange *exchange;
};

struct transfer *transfer_open(void)
{
    struct transfer *transfer = malloc(sizeof *transfer);
    if (transfer == NULL)
        return NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    transfer->multi = curl_multi_init();
    if (transfer->multi != NULL)
        return transfer;
    free(transfer);
    return NULL;
}

void transfer_close(struct transfer **pointer)
{
    struct transfer *transfer = *pointer;
    *pointer = NULL;
    if (transfer == NULL)
        return;
    curl_multi_cleanup(transfer->multi);
    curl_global_cleanup();
    free(transfer);
}

static nanos passed(const struct running *running)
{
    return clock_now().at - running->exchange->start.at;
}

/* A status line begins a head anew: an interim response may have come before. */
static size_t take_head(char *bytes, size_t size, size_t count, void *context)
{
    struct running *running = context;
    struct exchange *exchange = running->exchange;
    size_t len = size * count;
    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        exchange->head_len = 0;
        exchange->head_at = passed(running);
    }
    if (len <= EXCHANGE_HEAD - exchange->head_len) {
        memcpy(exchange->head + exchange->head_len, bytes, len);
        exchange->head_len += len;
    }
    return len;
}

/* What is not taken ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct running *running = context;
    struct exchange *exchange = running->exchange;
    exchange_take(exchange, bytes, size * count, passed(running));
    return exchange->until_event && exchange->event_at >= 0 ? 0 : size * count;
}

/* A redirect may name any protocol that libcurl knows. */
static void speak_http_alone(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static bool start(struct transfer *transfer, struct running *running)
{
    struct exchange *exchange = running->exchange;
    CURL *easy = running->easy = curl_easy_init();
    if (easy == NULL)
        return false;
    for (size_t i = 0; i < EXCHANGE_HEADERS && exchange->headers[i] != NULL; i++) {
        struct curl_slist *more =
            curl_slist_append(running->headers, exchange->headers[i]);
        if (more == NULL)
            return false;
        running->headers = more;
    }
    exchange->head_at = exchange->body_at = exchange->event_at = exchange->end_at = -1;
    exchange->start = clock_now();
    curl_easy_setopt(easy, CURLOPT_URL, exchange->url);
    speak_http_alone(easy);
    if (strcmp(exchange->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(exchange->method, "POST") == 0)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    else if (strcmp(exchange->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (exchange->unpacks)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (getenv("CURL_CA_BUNDLE") != NULL) /* as curl takes it */
        curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("CURL_CA_BUNDLE"));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, running->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "fcgiwait-probe");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, running);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, running);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->failure);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, running);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(exchange->patience / NANOS_PER_MS));
    return curl_multi_add_handle(transfer->multi, easy) == CURLM_OK;
}

static enum exchange_end end_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return EXCHANGE_ANSWERED;
    case CURLE_OPERATION_TIMEDOUT:
        return EXCHANGE_TIMED_OUT;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return EXCHANGE_CLOSED;
    case CURLE_PEER_FAILED_VERIFICATION:
        return EXCHANGE_UNTRUSTED;
    default:
        return EXCHANGE_FAILED;
    }
}

static int version_of(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_1_0:
        return 10;
    case CURL_HTTP_VERSION_1_1:
        return 11;
    case CURL_HTTP_VERSION_2_0:
        return 20;
    case CURL_HTTP_VERSION_3:
        return 30;
    default:
        return 0;
    }
}

/* False: it is no URL that can be asked, or there is no memory. */
static bool is_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *ours = NULL, *theirs = NULL;
    bool same = curl_url_get(a, part, &ours, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &theirs, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strcasecmp(ours, theirs) == 0;
    curl_free(ours);
    curl_free(theirs);
    return same;
}

static bool is_same_origin(const char *a, const char *b)
{
    CURLU *ours = curl_url(), *theirs = curl_url();
    bool same = ours != NULL && theirs != NULL &&
                curl_url_set(ours, CURLUPART_URL, a, CURLU_GUESS_SCHEME) == CURLUE_OK &&
                curl_url_set(theirs, CURLUPART_URL, b, CURLU_GUESS_SCHEME) == CURLUE_OK &&
                is_part(ours, theirs, CURLUPART_SCHEME) &&
                is_part(ours, theirs, CURLUPART_HOST) &&
                is_part(ours, theirs, CURLUPART_PORT);
    curl_url_cleanup(ours);
    curl_url_cleanup(theirs);
    return same;
}

static void finish(struct running *running, CURLcode code)
{
    struct exchange *exchange = running->exchange;
    long status = 0, version = 0, connects = 0;
    char *redirect = NULL;
    curl_off_t sent = 0; /* microseconds */
    curl_easy_getinfo(running->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    exchange->sent_at = (nanos)sent * (NANOS_PER_MS / 1000);
    curl_easy_getinfo(running->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(running->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(running->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(running->easy, CURLINFO_LOCAL_PORT, &exchange->port);
    curl_easy_getinfo(running->easy, CURLINFO_REDIRECT_URL, &redirect);
    snprintf(exchange->redirect, sizeof exchange->redirect, "%s",
             redirect != NULL ? redirect : "");
    exchange->sends_away = redirect != NULL && !is_same_origin(exchange->url, redirect);
    exchange->end_at = passed(running);
    exchange->end =
        exchange->until_event && code == CURLE_WRITE_ERROR ? EXCHANGE_LEFT : end_of(code);
    exchange->status = exchange->head_at >= 0 ? (int)status : 0;
    exchange->version = version_of(version);
    exchange->reused = connects == 0 && exchange->status != 0;
    if (exchange->failure[0] == '\0' && code != CURLE_OK)
        snprintf(exchange->failure, sizeof exchange->failure, "%s",
                 curl_easy_strerror(code));
}

static void take_ended(struct transfer *transfer)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(transfer->multi, &left)) != NULL) {
        struct running *running;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&running);
        finish(running, message->data.result);
    }
}

static bool may_start(const struct running *running)
{
    const struct exchange *after = running->exchange->after;
    return running->easy == NULL &&
           (after == NULL || after->body_at >= 0 || after->end_at >= 0);
}

/* False: no memory. */
static bool start_ready(struct transfer *transfer, struct running all[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (may_start(&all[i]) && !start(transfer, &all[i]))
            return false;
    return true;
}

static size_t count_running(const struct running all[], size_t count)
{
    size_t running = 0;
    for (size_t i = 0; i < count; i++)
        running += all[i].exchange->end_at < 0;
    return running;
}

static bool go_on(struct transfer *transfer, struct running all[], size_t count,
                  transfer_progress_fn *progress, void *context)
{
    struct instant start = clock_now();
    size_t left;
    int running;
    do {
        if (!start_ready(transfer, all, count) ||
            curl_multi_perform(transfer->multi, &running) != CURLM_OK)
            return false;
        take_ended(transfer);
        left = count_running(all, count);
        if (progress != NULL)
            progress(context, clock_now().at - start.at, left);
        if (running > 0)
            curl_multi_poll(transfer->multi, NULL, 0, LOOK_MS, NULL);
    } while (left > 0);
    return true;
}

bool transfer_run(struct transfer *transfer, struct exchange *const exchanges[],
                  size_t count, transfer_progress_fn *progress, void *context)
{
    struct running *all = calloc(count, sizeof *all);
    if (all == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        all[i].exchange = exchanges[i];
        exchanges[i]->body_at = exchanges[i]->end_at = -1;
    }
    bool ran = go_on(transfer, all, count, progress, context);
    for (size_t i = 0; i < count; i++) {
        if (all[i].easy != NULL)
            curl_multi_remove_handle(transfer->multi, all[i].easy);
        curl_easy_cleanup(all[i].easy);
        curl_slist_free_all(all[i].headers);
    }
    free(all);
    return ran;
}
