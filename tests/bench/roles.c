/* SPDX-License-Identifier: ISC */
/* roles: what a publisher, a waiter and a bystander do with an answer. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER (NANOS_PER_SECOND / 10)
#define LATE_MS 1000

/* --- requests --- */

static void resource_of(const struct load *load, uint32_t number, char *name, size_t room)
{
    if (number == load->topic_count)
        snprintf(name, room, "/aside");
    else if (load->topic_count == 1)
        snprintf(name, room, "/all");
    else
        snprintf(name, room, "/%u", number);
}

static uint32_t topic_of(const struct load *load, const struct client *client)
{
    return client->number % (uint32_t)load->topic_count;
}

/* What is below the prefix, but of that the one name alone. */
static void load_ask_feed(struct load *load, struct client *client, const char *name)
{
    const struct options *options = &load->options;
    char text[1024], poll[64] = "";
    if (client->index[0] != '\0')
        snprintf(poll, sizeof poll, "&index=%s&wait=60s", client->index);
    int len =
        snprintf(text, sizeof text, "GET %s/?only=%s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                 options->read, name, poll, options->host);
    if (client_ask(&load->clients, client, text, (size_t)len) && client->index[0] != '\0')
        client_arrived(&load->clients, client);
}

/* From where the last page stopped, or from the beginning. */
static void load_ask_page(struct load *load, struct client *client)
{
    const struct options *options = &load->options;
    char text[1024], from[64] = "";
    if (client->index[0] != '\0')
        snprintf(from, sizeof from, "?index=%s", client->index);
    int len = snprintf(text, sizeof text, "GET %s/%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       options->read, from, options->host);
    client_ask(&load->clients, client, text, (size_t)len);
}

/* The wait comes with an index only: the first request just asks for the present one. */
void load_ask(struct load *load, struct client *client)
{
    const struct options *options = &load->options;
    char text[1024], name[16], *at = strstr(options->poll, "INDEX");
    int len;
    if (client->role == CLIENT_WAITER && strcmp(options->mode, "pages") == 0) {
        load_ask_page(load, client);
        return;
    }
    resource_of(load, topic_of(load, client), name, sizeof name);
    if (client->role == CLIENT_WAITER && options->feed) {
        load_ask_feed(load, client, name + 1);
        return;
    }
    if (client->role == CLIENT_WAITER && options->stream)
        len =
            snprintf(text, sizeof text,
                     "GET %s%s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
                     options->read, name, options->host);
    else if (client->index[0] == '\0' || at == NULL)
        len = snprintf(text, sizeof text, "GET %s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       options->read, name, options->host);
    else
        len = snprintf(text, sizeof text, "GET %s%s%.*s%s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       options->read, name, (int)(at - options->poll), options->poll,
                       client->index, at + strlen("INDEX"), options->host);
    if (client_ask(&load->clients, client, text, (size_t)len) &&
        client->index[0] != '\0' && !options->stream)
        client_arrived(&load->clients, client); /* the answer may take a while */
}

static size_t publish_text(const struct load *load, uint32_t number, uint64_t n,
                           char *text, size_t room)
{
    char body[96], name[16];
    const struct options *options = &load->options;
    resource_of(load, number, name, sizeof name);
    size_t start =
        (size_t)snprintf(body, sizeof body, "{\"n\":%llu,\"t\":%lld,\"pad\":\"",
                         (unsigned long long)n, (long long)nanos_now());
    size_t pad = options->body > start + 2 ? options->body - start - 2 : 0;
    size_t len =
        (size_t)snprintf(text, room,
                         "PUT %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: "
                         "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         options->publish, name, options->host, start + pad + 2, body);
    memset(text + len, 'x', pad);
    memcpy(text + len + pad, "\"}", 2);
    return len + pad + 2;
}

/* Publishes the next number of the topic. */
bool load_publish(struct load *load, struct client *client, uint32_t number)
{
    struct topic *topic = &load->topics[number];
    size_t room = load->options.body + 1024;
    char *text = malloc(room);
    if (text == NULL)
        abort();
    size_t len = publish_text(load, number, topic->sent + 1, text, room);
    topic->sent_at[(topic->sent + 1) % TOPIC_SENT] = nanos_now();
    bool asked = client_ask(&load->clients, client, text, len);
    free(text);
    if (asked) {
        topic->sent++;
        load->published++;
    }
    return asked;
}

/* --- publishers that go round --- */

/* A publisher's topics are its number, and every so many on; `seen` is the present one.
 */
void load_publish_next(struct load *load, struct client *client)
{
    size_t step = (size_t)load->options.publishers;
    if (!load->publishing || client->state != CLIENT_IDLE)
        return;
    if (load->options.rate > 0) {
        if (load->clients.now < load->next_publish)
            return; /* the next tick asks again */
        load->next_publish += (nanos)(NANOS_PER_SECOND / load->options.rate);
    }
    client->seen += step;
    if (client->seen >= load->topic_count)
        client->seen = client->number;
    load_publish(load, client, (uint32_t)client->seen);
}

static void publisher_answered(struct load *load, struct client *client)
{
    struct topic *topic = &load->topics[client->seen];
    int status = client->answer.status;
    nanos sent_at = topic->sent_at[topic->sent % TOPIC_SENT];
    if (status >= 200 && status < 300)
        topic->acknowledged = topic->sent;
    else
        load->failed++;
    if (load->recording)
        samples_add(client->seen == load->topic_count ? &load->acks_aside : &load->acks,
                    (double)(load->clients.now - sent_at) / 1e6);
    load_publish_next(load, client);
}

/* --- the bystander --- */

#define BYSTANDER_PAUSE (NANOS_PER_SECOND / 500)

void load_stand_by(struct load *load)
{
    char text[512];
    const struct options *options = &load->options;
    if (load->bystander->state != CLIENT_IDLE ||
        load->clients.now < load->bystander_asked + BYSTANDER_PAUSE)
        return;
    int len = snprintf(text, sizeof text, "GET %s/aside HTTP/1.1\r\nHost: %s\r\n\r\n",
                       options->read, options->host);
    load->bystander_asked = nanos_now();
    client_ask(&load->clients, load->bystander, text, (size_t)len);
}

static void bystander_answered(struct load *load)
{
    if (load->recording)
        samples_add(&load->bystander_ms,
                    (double)(load->clients.now - load->bystander_asked) / 1e6);
}

/* --- waiters --- */

bool load_churns(const struct load *load, const struct client *client)
{
    return strcmp(load->options.mode, "churn") == 0 && client->number % CHURN_SHARE == 0;
}

static void take_sample(struct load *load, const struct topic *topic, uint64_t n)
{
    double ms = (double)(load->clients.now - topic->sent_at[n % TOPIC_SENT]) / 1e6;
    samples_add(&load->latency, ms);
    if (ms > LATE_MS)
        load->late++;
}

/* Numbers that were left out count as delivered with the newer one. */
static void delivered(struct load *load, struct client *client, uint64_t n)
{
    const struct topic *topic = &load->topics[topic_of(load, client)];
    if (n <= client->seen || n > topic->sent)
        return;
    uint64_t from = client->seen + 1;
    if (n - from >= TOPIC_SENT)
        from = n - TOPIC_SENT + 1;
    if (load->recording) {
        load->delivered++;
        load->superseded += (long)(n - client->seen - 1);
        for (; from <= n && !load_churns(load, client); from++)
            take_sample(load, topic, from);
    }
    client->seen = n;
    if (n == topic->sent) {
        load->answered++;
        load->answered_at = load->clients.now;
    }
}

static void waiter_answered(struct load *load, struct client *client)
{
    const struct answer *answer = &client->answer;
    const char *n = strstr(answer->body, "\"n\":");
    if ((answer->status != 200 && answer->status != 304 && answer->status != 404) ||
        answer->index[0] == '\0') {
        if (client->retry_at == 0)
            load->retrying++;
        client->retry_at = load->clients.now + RETRY_AFTER;
        return;
    }
    memcpy(client->index, answer->index, sizeof client->index);
    if (answer->status == 200 && n != NULL)
        delivered(load, client, strtoull(n + 4, NULL, 10));
    load_ask(load, client);
}

/* A document's line comes to everybody who reads a stream, whoever sends it. */
void load_told(void *context, struct client *client)
{
    struct load *load = context;
    const char *line = client->answer.body;
    const char *n = strncmp(line, "data:", 5) == 0 ? strstr(line, "\"n\":") : NULL;
    if (n != NULL)
        delivered(load, client, strtoull(n + 4, NULL, 10));
}

static void getter_answered(struct load *load, struct client *client)
{
    if (load->recording)
        load->gets++;
    client->index[0] = '\0';
    load_ask(load, client);
}

/* `delivered` counts those who have come to the end. */
static void page_answered(struct load *load, struct client *client)
{
    const struct answer *answer = &client->answer;
    bool more = strstr(answer->body, "\"more\":true") != NULL;
    load->gets++;
    load->delivered += !more;
    snprintf(client->index, sizeof client->index, "%s", more ? answer->index : "");
    load_ask(load, client);
}

void load_ready(void *context, struct client *client)
{
    struct load *load = context;
    if (client->role == CLIENT_WAITER)
        load_ask(load, client);
    else if (client->role == CLIENT_PUBLISHER)
        load_publish_next(load, client);
}

void load_answered(void *context, struct client *client)
{
    struct load *load = context;
    if (client->role == CLIENT_PUBLISHER)
        publisher_answered(load, client);
    else if (client->role == CLIENT_BYSTANDER)
        bystander_answered(load);
    else if (client->role == CLIENT_WAITER && strcmp(load->options.mode, "get") == 0)
        getter_answered(load, client);
    else if (client->role == CLIENT_WAITER && strcmp(load->options.mode, "pages") == 0)
        page_answered(load, client);
    else if (client->role == CLIENT_WAITER)
        waiter_answered(load, client);
}
