/* SPDX-License-Identifier: ISC */
/*
 * What --check-nginx finds really breaks streams, and the line that it proposes mends
 * them: each fault is planted in the configuration of a running nginx, tried with curl,
 * and repaired.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "proc.h"
#include "reader.h"
#include "repair.h"

/* What has not come after so many seconds does not come. */
#define PATIENCE 4

/* Of streams, in seconds: who takes nothing for three of them is let go. */
#define HEARTBEAT 5
#define HEARTBEAT_TEXT "5s"

#define LINE 32 /* of an event */
#define MANY 20
/* More than what all sockets on the way hold. */
#define STATES 100
#define DOCUMENT 200000 /* bytes of a state */
#define WINDOW 65536    /* of the slow client */

/* Less than one of nginx's takes, more than a stream without. */
#define COMPRESSOR_KB 60

/* The marks are where faults are planted. %1: the folder, %2: user, %3 to %5: ports. */
static const char correct[] = REPAIR_NGINX
    "ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
    "upstream fcgiwait { server unix:%1$s/socket; keepalive 500; }\n"
    "fastcgi_keep_conn on; fastcgi_read_timeout 300s; fastcgi_next_upstream off;\n"
    "fastcgi_pass_header X-Accel-Buffering;\n"
    "proxy_http_version 1.1; proxy_read_timeout 300s; proxy_next_upstream off;\n"
    "server {\n"
    "listen 127.0.0.1:%3$d backlog=1024; listen 127.0.0.1:%5$d ssl http2;\n"
    "root %1$s/none; server_name x;\n" REPAIR_TOLD
    "location = /generation { return 200 \"GENERATION\"; }\n"
    "location /live/ { #read\n"
    "fastcgi_pass fcgiwait; }\n"
    "location ~ ^/publish(?<resource>/.*)$ { allow 127.0.0.1; deny all;\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ACCESS publish;\n"
    "fastcgi_param FCGIWAIT_RESOURCE $resource;\n"
    "fastcgi_pass fcgiwait; }\n"
    "location ~ ^/fcgiwait/(?<endpoint>.*)$ { allow 127.0.0.1; deny all;\n" REPAIR_TOLD
    "fastcgi_param FCGIWAIT_ENDPOINT $endpoint; fastcgi_pass fcgiwait; }\n"
    "}\n"
    "server { listen 127.0.0.1:%4$d;\n"
    "location /live/ { #front\n"
    "proxy_pass http://127.0.0.1:%3$d; }\n"
    "}\n"
    "}\n";

static int front_port, secure_port;

static void write_first(const struct stack *stack)
{
    char *conf = NULL;
    front_port = free_port();
    secure_port = free_port();
    repair_certify(stack);
    must(asprintf(&conf, correct, stack->dir, geteuid() == 0 ? "user root;" : "",
                  stack->port, front_port, secure_port) > 0,
         "asprintf");
    repair_write(stack, conf);
    free(conf);
}

/* --- a stream, as curl reads it --- */

#define ENDED "ended\n"

struct stream {
    pid_t curl;
    char log[32];
    const struct stack *stack;
};

static void open_stream(struct stream *stream, const struct stack *stack, int port,
                        const char *header)
{
    static unsigned number;
    char url[128];
    *stream = (struct stream){.stack = stack};
    snprintf(stream->log, sizeof stream->log, "curl%u.log", number++);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/live/a", port);
    const char *const command[] = {
        "curl", "-sN",  "-w", ENDED, "-H", "Accept: text/event-stream",
        "-H",   header, url,  NULL};
    stream->curl = stack_run(stack, stream->log, command);
}

static size_t count(const struct stream *stream, const char *what)
{
    char path[128], line[256];
    size_t found = 0;
    stack_path(stream->stack, stream->log, path);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        found += strcmp(line, what) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

static bool comes(const struct stream *stream, const char *line, size_t times,
                  double patience)
{
    double start = seconds_now();
    while (count(stream, line) != times) {
        if (seconds_now() - start > patience || count(stream, ENDED) > 0)
            return false;
        sleep_ms(10);
    }
    return true;
}

static void close_stream(struct stream *stream)
{
    stack_end(&stream->curl);
}

/* --- whether streams are as they should be --- */

/* The line of the event that tells it. */
static void put(const struct stack *stack, char line[LINE])
{
    static int n;
    char json[20];
    snprintf(json, sizeof json, "{\"n\":%d}", ++n);
    snprintf(line, LINE, "data: %s\n", json);
    long status = http_put(stack->port, "/live/a", json, NULL);
    must(status == 201 || status == 204, "PUT: %ld", status);
}

/* What is there, and a change. */
static bool tells(const struct stack *stack, int port)
{
    struct stream stream;
    char line[LINE];
    put(stack, line);
    open_stream(&stream, stack, port, "A: b");
    bool told = comes(&stream, line, 1, PATIENCE);
    if (told) {
        put(stack, line);
        told = comes(&stream, line, 1, PATIENCE);
    }
    close_stream(&stream);
    return told;
}

static bool tells_at_once(const struct stack *stack)
{
    return tells(stack, stack->port);
}

static bool tells_in_front(const struct stack *stack)
{
    return tells(stack, front_port);
}

/* Whether so many events are given to streams soon. */
static bool are_given(const struct stack *stack, long long events)
{
    for (double start = seconds_now(); stack_status(stack, "stream_events") < events;
         sleep_ms(1))
        if (seconds_now() - start > PATIENCE)
            return false;
    return true;
}

/* Of a client that takes nothing for a while, through which much passes: whether it is
 * told what is there then, and not all that was there. Until the way to it is full each
 * state is waited for, that none is missed for haste. */
static bool skips(const struct stack *stack, int port)
{
    static const char *const accept[] = {"Accept: text/event-stream", NULL};
    static int trial;
    char json[DOCUMENT + 32], mark[32], path[32];
    struct reader slow, fast;
    size_t told = 0;
    long long given = stack_status(stack, "stream_events");
    bool flows;
    snprintf(path, sizeof path, "/live/slow%d", ++trial);
    reader_open(&slow, port, NULL, path, accept, WINDOW);
    reader_open(&fast, port, NULL, path, accept, 0);
    reader_event(&fast);
    flows = are_given(stack, given += 2);
    for (int n = 1; n <= STATES; n++) {
        snprintf(json, sizeof json, "{\"n\":%d,\"x\":\"%0*d\"}", n, DOCUMENT, 0);
        must(http_put(stack->port, path, json, NULL) / 100 == 2, "PUT");
        reader_event(&fast); /* so that each is told to who takes it */
        flows = flows && are_given(stack, given += 2);
    }
    snprintf(mark, sizeof mark, "{\"n\":%d,", STATES);
    for (const char *event = ""; strstr(event, mark) == NULL; told++) {
        event = reader_event(&slow);
        must(event != NULL, "it ends before the newest state");
    }
    reader_close(&slow);
    reader_close(&fast);
    print_message("%zu of %d states are told\n", told, STATES);
    return told < 2 * STATES / 3;
}

static bool skips_old_states(const struct stack *stack)
{
    return skips(stack, stack->port);
}

static bool skips_old_states_in_front(const struct stack *stack)
{
    return skips(stack, front_port);
}

/* The opening is one comment, a heartbeat the next. */
static bool lives(const struct stack *stack, int port)
{
    struct stream stream;
    open_stream(&stream, stack, port, "A: b");
    bool beats = comes(&stream, ":\n", 2, HEARTBEAT + PATIENCE);
    close_stream(&stream);
    return beats;
}

static bool lives_on(const struct stack *stack)
{
    return lives(stack, stack->port);
}

static bool lives_on_in_front(const struct stack *stack)
{
    return lives(stack, front_port);
}

static pid_t worker_of(pid_t nginx)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", nginx, nginx);
    FILE *file = fopen(path, "r");
    must(file != NULL && fscanf(file, "%d", &pid) == 1, "nginx has no worker");
    fclose(file);
    return pid;
}

static bool takes_little_memory(const struct stack *stack)
{
    struct stream streams[MANY];
    char line[LINE];
    pid_t worker = worker_of(stack->nginx);
    put(stack, line);
    long before = proc_resident_kb(worker);
    for (size_t i = 0; i < MANY; i++)
        open_stream(&streams[i], stack, stack->port, "Accept-Encoding: gzip");
    await_status(stack, "streams", MANY);
    long grown = proc_resident_kb(worker) - before;
    print_message("%ld KB of nginx for each of %d streams\n", grown / MANY, MANY);
    for (size_t i = 0; i < MANY; i++)
        close_stream(&streams[i]);
    await_status(stack, "streams", 0);
    return grown < MANY * COMPRESSOR_KB;
}

static bool speaks_http2(const struct stack *stack)
{
    char command[256], version[16] = "";
    (void)stack;
    snprintf(command, sizeof command,
             "exec curl -sk --http2 -o /dev/null -w '%%{http_version}' "
             "https://127.0.0.1:%d/live/a",
             secure_port);
    FILE *pipe = popen(command, "r");
    must(pipe != NULL && fgets(version, sizeof version, pipe) != NULL, "no answer");
    pclose(pipe);
    return strcmp(version, "2") == 0;
}

/* --- the faults --- */

#define READ "#read\n"
#define FRONT "#front\n"

static void what_gathers(void **state)
{
    static const struct repair rows[] = {
        {FRONT, "proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering;\n",
         "instead: proxy_buffering off;",
         "proxy_http_version 1.0; proxy_buffering off;\n", tells_in_front},
        {"fastcgi_pass_header X-Accel-Buffering;\nproxy_http_version 1.1;",
         "proxy_http_version 1.0;", "instead: fastcgi_pass_header X-Accel-Buffering;",
         "fastcgi_pass_header X-Accel-Buffering;\nproxy_http_version 1.0;",
         tells_in_front},
    };
    REPAIR_TRY(*state, rows);
}

static void what_reads_ahead(void **state)
{
    static const struct repair rows[] = {
        {READ, "fastcgi_ignore_headers X-Accel-Buffering;\n",
         "instead: fastcgi_buffering off;",
         "fastcgi_ignore_headers X-Accel-Buffering; fastcgi_buffering off;\n",
         skips_old_states},
        {FRONT, "proxy_ignore_headers X-Accel-Buffering;\n",
         "instead: proxy_buffering off;",
         "proxy_ignore_headers X-Accel-Buffering; proxy_buffering off;\n",
         skips_old_states_in_front},
        {"fastcgi_pass_header X-Accel-Buffering;\n", "",
         "instead: fastcgi_pass_header X-Accel-Buffering;", NULL,
         skips_old_states_in_front},
    };
    REPAIR_TRY(*state, rows);
}

static void what_cuts(void **state)
{
    static const struct repair rows[] = {
        {READ, "fastcgi_read_timeout 1100ms;\n", "instead: fastcgi_read_timeout 20s;",
         "fastcgi_read_timeout 20s;\n", lives_on},
        {FRONT, "proxy_read_timeout 1100ms;\n", "instead: proxy_read_timeout 20s;",
         "proxy_read_timeout 20s;\n", lives_on_in_front},
    };
    REPAIR_TRY(*state, rows);
}

static void what_costs(void **state)
{
    static const struct repair rows[] = {
        {READ, "gzip on; gzip_types text/event-stream;\n",
         "instead: gzip_types application/json text/plain;",
         "gzip on; gzip_types application/json text/plain;\n", takes_little_memory},
        {" ssl http2;", " ssl;", "ssl http2;", NULL, speaks_http2},
    };
    REPAIR_TRY(*state, rows);
}

static void what_is_correct_has_no_finding(void **state)
{
    const struct stack *stack = *state;
    struct run run = repair_check(stack);
    run_must(&run, 0, "0 findings");
    assert_true(tells_at_once(stack));
    assert_true(tells_in_front(stack));
    assert_true(lives_on(stack));
}

#define CONFIG "max_waiting = 500; wait = { default = \"1s\"; max = \"1s\"; };"

static const struct stack_options options = {
    .config = CONFIG "stream = { heartbeat = \"" HEARTBEAT_TEXT "\"; };",
    .write_nginx_conf = write_first};

/* Nobody is let go while a slow machine publishes a hundred states. */
static const struct stack_options patient = {.config = CONFIG
                                             "stream = { heartbeat = \"60s\"; };",
                                             .write_nginx_conf = write_first};

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(what_is_correct_has_no_finding, &options),
        stack_test(what_gathers, &options),
        stack_test(what_reads_ahead, &patient),
        stack_test(what_cuts, &options),
        stack_test(what_costs, &options),
    };
    return cmocka_run_group_tests_name("check_repairs_streams", tests, NULL, NULL);
}
