/* SPDX-License-Identifier: ISC */
/*
 * fcgiwait --probe through real proxies: a chain that is good, and faults planted into
 * others, one in each. All are probed at the same time, since a probe does little but
 * wait; each test takes its own results.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgiwait/json.h"
#include "http.h"
#include "must.h"
#include "probed.h"
#include "program.h"

struct fault {
    const char *name;
    enum hop_kind kind;
    const char *lines;
    const char *options; /* of the probe */
    const char *subject; /* the first of the faults that are told; with "wait": a cut */
    const char *says;    /* in its sentence */
    const char *also;
};

#define NO_PASS "sub vcl_backend_response { set beresp.ttl = 0s; set beresp.grace = 0s; }"
#define CACHE_ALL                                                                        \
    "sub vcl_recv { return (hash); } sub vcl_backend_response { set beresp.ttl = 60s; "  \
    "set beresp.uncacheable = false; return (deliver); }"

static const struct fault faults[] = {
    {"nginx's timeout", HOP_NGINX, "proxy_read_timeout 3s;", "--wait 8s", "wait",
     "504 from a server that calls itself nginx/", "most likely its proxy_read_timeout"},
    {"HAProxy's timeout", HOP_HAPROXY, " timeout server 3s", "--wait 8s", "wait",
     "504 from a server that calls itself HAProxy, by its words",
     "most likely its timeout server"},
    {"Apache's timeout", HOP_APACHE, "ProxyTimeout 3", "--wait 8s", "wait", "50",
     "Apache"},
    {"lighttpd's timeout", HOP_LIGHTTPD, ", \"read-timeout\" => 3", "--wait 8s", "wait",
     "504 from a server that calls itself lighttpd/", "read-timeout of its proxy.server"},
    {"Varnish's timeout", HOP_VARNISH,
     "sub vcl_recv { return (pass); } sub vcl_backend_fetch { "
     "set bereq.first_byte_timeout = 3s; }",
     "--wait 8s", "wait", "503 from a server that calls itself Varnish",
     "most likely its first_byte_timeout"},
    {"a connection that is cut below HTTP", HOP_HAPROXY_TCP, " timeout server 3s",
     "--wait 8s", "wait", "the connection is closed without an answer",
     "nothing in it says whose"},
    {"a header of the answer that is dropped", HOP_HAPROXY,
     " http-response del-header X-Polling-Index", "--wait 1s", "index",
     "no X-Polling-Index arrives", "proxy_hide_header"},
    {"a header of the request that is dropped", HOP_HAPROXY,
     " http-request del-header Prefer", "--wait 1s", "prefer",
     "the request header Prefer does not arrive", "?index= and wait= do without"},
    {"a query that is dropped", HOP_NGINX, "rewrite ^(.*)$ $1? break;", "--wait 1s",
     "query", "index and wait of the query do not arrive", "rewrite"},
    {"a 304 that is turned into 200", HOP_HAPROXY,
     " http-response return status 200 if { status 304 }", "--wait 1s", "query",
     "a 304 arrives as 200 without a body", ""},
    {"a cache", HOP_VARNISH, CACHE_ALL, "--wait 2s", "cache",
     "an answer came out of a cache", "it names Varnish"},
    {"a server that takes no 304 for an answer", HOP_VARNISH, NO_PASS, "--wait 2s",
     "query", "503 from Varnish instead of 304", "return (pass)"},
    {"a cache that asks once for all", HOP_NGINX,
     "proxy_cache kept; proxy_cache_lock on;", "--wait 6s", "twins",
     "the second waits for the answer to the first", "proxy_cache_lock"},
    {"an ETag that compression changes", HOP_APACHE,
     "AddOutputFilterByType DEFLATE application/json", "--wait 1s", "gzip",
     "gzip changes the ETag to \"", "DeflateAlterETag"},
    {"a limit of requests", HOP_NGINX, "limit_req zone=few burst=12 nodelay;",
     "--wait 1s", "limits", "one was refused with 503 by nginx/", "limit_req"},
    {"a limit of requests at the same time", HOP_NGINX, "limit_conn side 2;", "--wait 8s",
     "wait of several waits together", "turned away at once: 503 by nginx/",
     "limit_conn"},
    {"connections that are not kept", HOP_NGINX, "keepalive_timeout 0;", "--wait 1s",
     "reuse", "closed after each answer", "option httpclose"},
    {"HEAD that is not let through", HOP_HAPROXY,
     " http-request deny deny_status 405 if METH_HEAD", "--wait 1s", "head",
     "HEAD is answered with 405", "GET with 200"},
    {"another origin that is not let in", HOP_NGINX, "",
     "--wait 1s --origin https://pages.example", "cors",
     "no Access-Control-Allow-Origin for https://pages.example", "may not read"},
    {"an index that pages may not see", HOP_NGINX,
     "add_header Access-Control-Allow-Origin * always;",
     "--wait 1s --origin https://pages.example", "cors",
     "Access-Control-Expose-Headers does not name X-Polling-Index", "pages.example"},
    {"a guard that lets no preflight through", HOP_NGINX,
     "if ($http_authorization = '') { return 401; } "
     "add_header Access-Control-Allow-Origin * always; "
     "add_header Access-Control-Expose-Headers X-Polling-Index always; "
     "add_header Access-Control-Allow-Headers 'Authorization, Prefer' always;",
     "--wait 1s --origin https://pages.example --header 'Authorization: Bearer a'",
     "cors", "may not send Authorization, and so not read this", "401 by nginx/"},
    {"a header that pages may not send to a host of many", HOP_NGINX,
     "if ($http_host != www.example) { return 404; } "
     "add_header Access-Control-Allow-Origin * always; "
     "add_header Access-Control-Expose-Headers X-Polling-Index always; "
     "add_header Access-Control-Allow-Headers Prefer always;",
     "--wait 1s --origin https://pages.example --header 'Host: www.example' "
     "--header 'X-Key: a'",
     "cors", "may not send X-Key, and so not read this", "is answered with 204 by"},
    {"a redirect to a file", HOP_NGINX, "return 302 file:///etc/hostname;", "--wait 1s",
     "answer", "nobody answers: ", "rotocol"},
};

/* Three seconds, whatever else the machine has to do. */
static bool is_cut_in_time(const char *told)
{
    double after = 0;
    const char *at = strstr(told, "is cut after ");
    return at != NULL && sscanf(at, "is cut after %lf s", &after) == 1 && after >= 2.9 &&
           after < 6.9;
}

static struct stack stack;

/* --- one fault in each chain --- */

#define FAULTS (sizeof faults / sizeof *faults)
static struct probed planted[FAULTS];

static void plant(struct probed *probed, const struct fault *fault)
{
    if (probed_behind(probed, &stack, fault->kind, fault->lines))
        probed_start(probed, "/a", fault->options);
}

/* What is told of it, up to the end of the line; NULL: not what should be. */
static const char *told_of(const struct fault *fault, const struct run *run, size_t *len)
{
    char line[64];
    snprintf(line, sizeof line, "fault %s ", fault->subject);
    const char *told = strstr(run->output, line);
    if (run->status != 1 || told == NULL)
        return NULL;
    *len = strcspn(told, "\n");
    bool named = memmem(told, *len, fault->says, strlen(fault->says)) != NULL &&
                 memmem(told, *len, fault->also, strlen(fault->also)) != NULL &&
                 (strcmp(fault->subject, "wait") != 0 || is_cut_in_time(told));
    return named ? told : NULL;
}

static void must_be_named(const struct fault *fault, const struct run *run)
{
    size_t len = 0;
    const char *told = told_of(fault, run, &len);
    must(told != NULL, "%s: not \"%s\" and \"%s\" of %s in time, but %d and:\n%s",
         fault->name, fault->says, fault->also, fault->subject, run->status, run->output);
    print_message("%s:\n    %.*s\n", fault->name, (int)len, told);
}

/* Who stands still for a second or two can't be told from one who keeps things back: what
 * has gone wrong is tried again. */
#define TRIES 3

static void all_are_named(enum hop_kind kind)
{
    for (size_t i = 0; i < FAULTS; i++)
        if (faults[i].kind == kind) {
            size_t len;
            struct run run = probed_result(&planted[i]);
            for (int j = 1; j < TRIES && told_of(&faults[i], &run, &len) == NULL; j++) {
                plant(&planted[i], &faults[i]);
                run = probed_result(&planted[i]);
            }
            must_be_named(&faults[i], &run);
        }
}

static void faults_of_nginx_are_named(void **state)
{
    (void)state;
    all_are_named(HOP_NGINX);
}

static void faults_of_haproxy_are_named(void **state)
{
    (void)state;
    all_are_named(HOP_HAPROXY);
}

static void who_works_below_http_can_not_be_named(void **state)
{
    (void)state;
    all_are_named(HOP_HAPROXY_TCP);
}

static void faults_of_apache_are_named(void **state)
{
    (void)state;
    all_are_named(HOP_APACHE);
}

static void faults_of_lighttpd_are_named(void **state)
{
    (void)state;
    all_are_named(HOP_LIGHTTPD);
}

static void faults_of_varnish_are_named(void **state)
{
    (void)state;
    all_are_named(HOP_VARNISH);
}

/* --- a fault behind another hop, which passes the answer on under its own name --- */

static const struct {
    struct fault fault;
    enum hop_kind front;
} hidden[] = {
    {{"HAProxy's timeout behind nginx", HOP_HAPROXY, " timeout server 3s", "--wait 8s",
      "wait", "504 from a server that calls itself HAProxy, by its words",
      "most likely its timeout server"},
     HOP_NGINX},
    {{"Apache's timeout behind nginx", HOP_APACHE, "ProxyTimeout 3", "--wait 8s", "wait",
      "from a server that calls itself Apache, by its words", "ProxyTimeout"},
     HOP_NGINX},
    {{"nginx's timeout behind Varnish", HOP_NGINX, "proxy_read_timeout 3s;", "--wait 8s",
      "wait", "504 from a server that calls itself nginx/",
      "most likely its proxy_read_timeout"},
     HOP_VARNISH},
};

#define HIDDEN (sizeof hidden / sizeof *hidden)
static struct probed behind[HIDDEN];

static void hide(size_t i)
{
    const struct fault *fault = &hidden[i].fault;
    if (!chain_can(hidden[i].front) ||
        !probed_behind(&behind[i], &stack, fault->kind, fault->lines))
        return;
    chain_add(&behind[i].chain, hidden[i].front, "");
    probed_start(&behind[i], "/a", fault->options);
}

static bool is_named_behind(size_t i, const struct run *run)
{
    size_t len;
    return told_of(&hidden[i].fault, run, &len) != NULL &&
           strstr(run->output, "fault stream a stream is cut after ") != NULL &&
           strstr(run->output, "most likely by what cuts waits, too") != NULL;
}

static void who_breaks_it_is_named_behind_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < HIDDEN; i++) {
        struct run run = probed_result(&behind[i]);
        for (int j = 1; j < TRIES && !is_named_behind(i, &run); j++) {
            hide(i);
            run = probed_result(&behind[i]);
        }
        must_be_named(&hidden[i].fault, &run);
        run_must(&run, 1, "fault stream a stream is cut after ");
        run_must(&run, 1, "most likely by what cuts waits, too");
    }
}

/* The redirect stands beside the resource. */
static struct probed redirected;

static void plant_redirect(void)
{
    if (probed_behind(&redirected, &stack, HOP_NGINX, ""))
        probed_start(&redirected, "/old/a", "--wait 1s");
}

static void a_redirect_that_drops_the_query_is_named(void **state)
{
    (void)state;
    struct run run = probed_result(&redirected);
    run_must(&run, 1, "fault redirect 301 from nginx/");
    run_must(&run, 1, "without the query: index and wait are lost");
    run_must(&run, 1, "\n1 fault, ");
}

/* The other one would answer, and logs whoever asks. */
static void what_a_header_tells_stays_with_its_origin(void **state)
{
    struct chain other, chain;
    struct stat log;
    char lines[256], path[128];
    (void)state;
    chain_open(&other, &stack);
    stack_path(&stack, "other.log", path);
    snprintf(lines, sizeof lines, "access_log %s;", path);
    chain_add(&other, HOP_NGINX, lines);
    chain_open(&chain, &stack);
    snprintf(lines, sizeof lines, "return 302 http://127.0.0.1:%d/a;", other.port);
    chain_add(&chain, HOP_NGINX, lines);
    struct run run = program_run("--probe http://127.0.0.1:%d/a --wait 1s --json "
                                 "--header 'Authorization: Bearer of-one'",
                                 chain.port);
    run_must(&run, 1, "302 from nginx/");
    run_must(&run, 1, "leads to another origin, to which --header is not taken: probe ");
    snprintf(lines, sizeof lines, "probe http://127.0.0.1:%d/a\"", other.port);
    run_must(&run, 1, lines);
    chain_close(&chain);
    chain_close(&other);
    must(stat(path, &log) == 0 && log.st_size == 0, "the other one was asked");
}

/* --- a good one --- */

static struct probed good;

static bool is_full(void)
{
    return getenv("FCGIWAIT_FULL") != NULL;
}

static void make_good(void)
{
    /* A newer Varnish drops "Content-Length: 0", and lighttpd takes no POST without. */
    static const enum hop_kind kinds[] = {HOP_APACHE, HOP_VARNISH, HOP_LIGHTTPD,
                                          HOP_HAPROXY, HOP_NGINX};
    char options[128];
    chain_open(&good.chain, &stack);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!chain_can(kinds[i]))
            return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        chain_add(&good.chain, kinds[i], "");
    snprintf(options, sizeof options, "--publish http://127.0.0.1:%d/publish/good %s",
             good.chain.port, is_full() ? "" : "--wait 16s");
    probed_start(&good, "/good", options);
}

static void a_chain_of_all_of_them_is_good(void **state)
{
    (void)state;
    struct run run = probed_result(&good);
    double took = 0, most = is_full() ? 75 : 31;
    for (int i = 1; i < TRIES && run.status != 0; i++) {
        print_message("once more, after:\n%s", run.output);
        make_good();
        run = probed_result(&good);
    }
    run_must(&run, 0, "\n0 faults, ");
    run_must(&run, 0, "fcgiwait: 10 s, and ");
    must(sscanf(strstr(run.output, "\n0 faults, "), " 0 faults, in %lf s", &took) == 1 &&
             took < most,
         "it took %.1f s", took);
    print_message("0 faults, in %.1f s of at most %.0f\n", took, most);
}

static void what_was_found_can_be_had_as_json(void **state)
{
    (void)state;
    struct json_error error;
    struct run run = {.status = -1};
    for (int i = 0; i < TRIES && run.status != 0; i++)
        run =
            program_run("--probe http://127.0.0.1:%d/a#?b --wait 1s --json", stack.port);
    run_must(&run, 0,
             "\"faults\":0,\"checks\":[{\"check\":\"answer\",\"verdict\":\"good\"");
    if (!json_check(text_of(run.output), &error))
        fail_msg("at %zu, %s: %s", error.offset, error.what, run.output);
}

static void who_does_not_answer_can_not_be_probed(void **state)
{
    (void)state;
    struct run run = program_run("--probe http://127.0.0.1:%d/a --wait 1s", free_port());
    run_must(&run, 2, "nobody answers: ");
    run = program_run("--probe nonsense://a --wait 1s");
    run_must(&run, 2, "nobody answers: ");
}

/* What answers, but is not fcgiwait, or is not trusted. */
static void who_is_not_fcgiwait_is_told_from_it(void **state)
{
    struct chain chain;
    (void)state;
    chain_open(&chain, &stack);
    chain_add(&chain, HOP_NGINX_TLS, "location /elsewhere { return 404; }");
    struct run run = program_run(
        "--probe https://127.0.0.1:%d/elsewhere --wait 1s --json", chain.port);
    run_must(&run, 1, "this 404 is not fcgiwait's, but of nginx/");
    run = program_run("--probe http://127.0.0.1:%d/a --wait 1s --json", chain.port);
    run_must(&run, 1, "400 from nginx/");
    run_must(&run, 1, "https:// is spoken there");
    char *bundle = strdup(getenv("CURL_CA_BUNDLE"));
    unsetenv("CURL_CA_BUNDLE");
    run = program_run("--probe https://127.0.0.1:%d/a --wait 1s --json", chain.port);
    setenv("CURL_CA_BUNDLE", bundle, 1);
    free(bundle);
    run_must(&run, 2, "clients do not trust the certificate: ");
    run = program_run("--probe http://127.0.0.1:%d/none --wait 1s --json", stack.port);
    run_must(&run, 0, "nothing is there yet (404)");
    chain_close(&chain);
}

static void its_options_go_with_it(void **state)
{
    (void)state;
    struct run run = program_run("--json");
    run_must(&run, 64, "--json goes with --probe URL");
    run = program_run("--probe http://127.0.0.1/ --wait soon");
    run_must(&run, 64, "allowed is a duration from 1s to 1h");
    run = program_run("--probe http://127.0.0.1/ --origin https://a.example/");
    run_must(&run, 64, "--origin https://a.example/: allowed is SCHEME://HOST[:PORT]");
    run = program_run("--probe http://127.0.0.1/ --header none");
    run_must(&run, 64, "as Name: value");
}

/* The good one first: it takes longest. */
static int begin_all(void **state)
{
    char document[1024]; /* as large as compressing is worth while */
    (void)state;
    stack_start(&stack, &(struct stack_options){.config = NULL});
    snprintf(document, sizeof document, "{\"some\":\"%0*d\"}", 1000, 0);
    must(http_put(stack.port, "/a", document, NULL) == 201, "PUT /a");
    must(http_put(stack.port, "/good", document, NULL) == 201, "PUT /good");
    make_good();
    for (size_t i = 0; i < FAULTS; i++)
        plant(&planted[i], &faults[i]);
    for (size_t i = 0; i < HIDDEN; i++)
        hide(i);
    plant_redirect();
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    stack_stop(&stack);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_nginx_are_named),
        cmocka_unit_test(faults_of_haproxy_are_named),
        cmocka_unit_test(who_works_below_http_can_not_be_named),
        cmocka_unit_test(faults_of_apache_are_named),
        cmocka_unit_test(faults_of_lighttpd_are_named),
        cmocka_unit_test(faults_of_varnish_are_named),
        cmocka_unit_test(who_breaks_it_is_named_behind_others),
        cmocka_unit_test(a_redirect_that_drops_the_query_is_named),
        cmocka_unit_test(what_a_header_tells_stays_with_its_origin),
        cmocka_unit_test(a_chain_of_all_of_them_is_good),
        cmocka_unit_test(what_was_found_can_be_had_as_json),
        cmocka_unit_test(who_does_not_answer_can_not_be_probed),
        cmocka_unit_test(who_is_not_fcgiwait_is_told_from_it),
        cmocka_unit_test(its_options_go_with_it),
    };
    return cmocka_run_group_tests_name("probe_names_who_breaks_what", tests, begin_all,
                                       end_all);
}
