/* SPDX-License-Identifier: ISC */
/* Publish locations: an open one is found, whatever it is written like, or it is said
 * that it can't be told. */
#include <time.h>

#include "planted.h"

#define OPEN "deny all; # publish"
#define ALLOW "allow 127.0.0.1; # publish"
#define GRANT "fastcgi_param FCGIWAIT_ACCESS publish;"
#define HTTP "geo $near"

/* What stands in the place of `allow` and `deny`; in http; and instead of `publish`. */
struct guarded {
    const char *location, *http, *access;
    const char *says; /* in the finding; NULL: there is none */
};

static char *replaced(char *dump, const char *from, const char *to)
{
    char *found = strstr(dump, from), *whole = NULL;
    must(found != NULL, "%s is not there", from);
    must(asprintf(&whole, "%.*s%s%s", (int)(found - dump), dump, to,
                  found + strlen(from)) > 0,
         "asprintf");
    free(dump);
    return whole;
}

static char *guarded_dump(const struct guarded *row)
{
    char grant[256], http[1024];
    snprintf(grant, sizeof grant, "fastcgi_param FCGIWAIT_ACCESS %s;",
             row->access != NULL ? row->access : "publish");
    snprintf(http, sizeof http, "%s\n" HTTP, row->http != NULL ? row->http : "");
    char *dump = replaced(strdup(correct), OPEN, "");
    dump = replaced(dump, ALLOW, row->location);
    dump = replaced(dump, GRANT, grant);
    return replaced(dump, HTTP, http);
}

static void judge(const struct guarded *row, char *dump)
{
    struct nginx_check *check = check_text(dump);
    const struct finding *first = nginx_check_findings(check);
    bool good = row->says == NULL ? nginx_check_result(check) == NGINX_GOOD
                                  : first != NULL && first->next == NULL &&
                                        strcmp(first->rule, "open_publish") == 0 &&
                                        strstr(first->what, row->says) != NULL;
    if (!good) {
        nginx_check_report(check, stderr);
        fail_msg("%s | %s | %s", row->location, row->http, row->access);
    }
    nginx_check_free(&check);
    free(dump);
}

static void try(const struct guarded *row)
{
    judge(row, guarded_dump(row));
}

#define WORLD "is open to the world"
#define UNSURE "it can't be told"

static void lists_of_addresses(void **state)
{
    static const struct guarded rows[] = {
        {"", NULL, NULL, WORLD},
        {"allow 127.0.0.1;", NULL, NULL, WORLD},
        {"allow 0.0.0.0/1; allow 128.0.0.0/1; deny all;", NULL, NULL, WORLD},
        {"allow 0.0.0.0/2; allow 64.0.0.0/3; deny all;", NULL, NULL, WORLD},
        {"deny 10.0.0.0/8; allow all;", NULL, NULL, WORLD},
        {"deny 1.2.3.4;", NULL, NULL, WORLD},
        {"deny 0.0.0.0/1;", NULL, NULL, WORLD},
        {"allow 0.0.0.0/0; deny all;", NULL, NULL, WORLD},
        {"set_real_ip_from 0.0.0.0/0; allow 10.0.0.0/8; deny all;", NULL, NULL, WORLD},
        {"allow 10.0.0.0/8; deny all;", NULL, NULL, NULL},
        {"allow 203.0.113.0/24; allow 198.51.100.7; deny all;", NULL, NULL, NULL},
        {"allow 127.0.0.1; deny 0.0.0.0/0;", NULL, NULL, NULL},
        {"deny 0.0.0.0/1; deny 128.0.0.0/1;", NULL, NULL, NULL},
        {"deny all; allow all;", NULL, NULL, NULL},
    };
    (void)state;
    EACH(rows, try);
}

static void a_long_list_is_closed_by_its_end(void **state)
{
    static const struct {
        const char *end, *says;
    } rows[] = {{"deny all;", NULL},
                {"deny 0.0.0.0/0; deny ::/0;", NULL},
                {"deny 10.0.0.0/8;", WORLD},
                {"allow all; deny all;", WORLD}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *list = NULL;
        size_t len;
        FILE *out = open_memstream(&list, &len);
        for (int j = 0; j < 300; j++)
            fprintf(out, "allow 10.%d.%d.0/24;\n", j / 256, j % 256);
        fprintf(out, "%s", rows[i].end);
        fclose(out);
        try(&(struct guarded){list, NULL, NULL, rows[i].says});
        free(list);
    }
}

static void addresses_count_for_how_the_server_listens(void **state)
{
    char *dump =
        replaced(strdup(correct), "listen 8080;", "listen 8080; listen [::]:8080;");
    (void)state;
    dump = replaced(dump, OPEN, "deny 0.0.0.0/0;");
    struct nginx_check *check = check_text(dump);
    const struct finding *first = nginx_check_findings(check);
    assert_non_null(first);
    assert_string_equal(first->rule, "open_publish");
    nginx_check_free(&check);
    dump = replaced(dump, "deny 0.0.0.0/0;", "deny 0.0.0.0/0; deny ::/0;");
    check = check_text(dump);
    assert_int_equal(nginx_check_result(check), NGINX_GOOD);
    nginx_check_free(&check);
    free(dump);
}

#define ASKS "auth_request /ask; location = /ask { internal; "

static void passwords(void **state)
{
    static const struct guarded rows[] = {
        {"auth_basic who;", NULL, NULL, WORLD},
        {"auth_basic off; auth_basic_user_file x;", NULL, NULL, WORLD},
        {"auth_basic $realm; auth_basic_user_file x;",
         "map $request_method $realm { default off; PUT who; }", NULL, WORLD},
        {"auth_basic $realm; auth_basic_user_file x;",
         "map $http_x_debug $realm { default who; 1 off; }", NULL, WORLD},
        {"auth_basic $realm; auth_basic_user_file x;",
         "geo $realm { default off; 10.0.0.0/8 who; }", NULL, WORLD},
        {"set $realm off; auth_basic $realm; auth_basic_user_file x;", NULL, NULL, WORLD},
        {"auth_basic $realm; auth_basic_user_file x;",
         "map $uri $realm { default who; }\ngeo $realm { default off; }", NULL, WORLD},
        {"auth_basic $realm; auth_basic_user_file x;",
         "geo $realm { default off; }\nmap $uri $realm { default who; }", NULL, NULL},
        {"auth_basic $who_knows; auth_basic_user_file x;", NULL, NULL, UNSURE},
        {"auth_request /health-or-so; location = /health-or-so { return 204; }", NULL,
         NULL, WORLD},
        {ASKS "if ($http_apikey = \"\") { return 401; } return 204; }", NULL, NULL,
         WORLD},
        {ASKS "if ($http_user_agent ~ curl) { return 200; } return 403; }", NULL, NULL,
         WORLD},
        {ASKS "if ($http_apikey != s3cret) { set $no 1; } return 204; }", NULL, NULL,
         WORLD},
        {ASKS "if ($who = 1) { return 204; } proxy_pass http://127.0.0.1:3000; }",
         "map $http_a $who { ~. 1; }", NULL, WORLD},
        {ASKS "if ($from_njs) { return 204; } return 403; }", NULL, NULL, UNSURE},
        {ASKS
         "if ($http_apikey = \"\") { return 401; } if ($client = \"\") { return 403; } "
         "return 204; }",
         "map $http_apikey $client { default \"\"; \"7B5zIqmR\" one; }", NULL, NULL},
        {ASKS "if ($http_apikey = s3cret) { return 204; } return 403; }", NULL, NULL,
         NULL},
        {ASKS "if ($http_apikey = s3cret) { return 204; } "
              "proxy_pass http://127.0.0.1:3000; }",
         NULL, NULL, NULL},
        {"auth_basic $realm; auth_basic_user_file x;",
         "map $request_method $realm { default who; GET off; }", NULL, NULL},
        {"auth_basic $realm; auth_basic_user_file x;",
         "geo $realm { default who; 10.0.0.0/8 off; }", NULL, NULL},
        {"auth_basic who; auth_basic_user_file x;", NULL, NULL, NULL},
        {"satisfy any; auth_basic who; auth_basic_user_file x; allow 127.0.0.1; deny "
         "all;",
         NULL, NULL, NULL},
        {"satisfy any; auth_basic who; auth_basic_user_file x; allow 0.0.0.0/1; allow "
         "128.0.0.0/1; deny all;",
         NULL, NULL, WORLD},
    };
    (void)state;
    EACH(rows, try);
}

static void conditions(void **state)
{
    static const struct guarded rows[] = {
        {"if ($http_user_agent ~ bot) { return 403; }", NULL, NULL, WORLD},
        {"if ($host != example.com) { return 444; }", NULL, NULL, WORLD},
        {"if ($http_x_key = \"\") { return 403; }", NULL, NULL, WORLD},
        {"if ($http_x_key = bad) { return 403; }", NULL, NULL, WORLD},
        {"if ($http_x_key !~ .) { return 403; }", NULL, NULL, WORLD},
        {"if ($remote_addr = 1.2.3.4) { return 403; }", NULL, NULL, WORLD},
        {"if ($request_method = GET) { return 403; }", NULL, NULL, WORLD},
        {"if ($request_method !~ ^(GET|HEAD|PUT)$) { return 405; }", NULL, NULL, WORLD},
        {"if ($bad) { return 403; }", "map $http_user_agent $bad { default 0; ~bot 1; }",
         NULL, WORLD},
        {"if ($ok = 0) { return 403; }", "geo $ok { default 1; 10.0.0.0/8 0; }", NULL,
         WORLD},
        {"if ($ok = 0) { return 403; }",
         "geo $ok { default 0; 0.0.0.0/1 1; 128.0.0.0/1 1; }", NULL, WORLD},
        {"set $ok 1; if ($remote_addr = 10.1.1.1) { set $ok 0; } if ($ok = 0) { return "
         "403; "
         "}",
         NULL, NULL, WORLD},
        {"valid_referers example.com; if ($invalid_referer) { return 403; }", NULL, NULL,
         WORLD},
        {"if ($ssl_client_verify = NONE2) { return 403; }", NULL, NULL, WORLD},
        {"if ($from_njs) { return 403; }", NULL, NULL, UNSURE},
        {"if ($http_x_key !~ (?=a)s3cret) { return 403; }", NULL, NULL, UNSURE},
        {"if ($http_x_key != s3cret) { return 403; }", NULL, NULL, NULL},
        {"if ($http_authorization !~ \"^Bearer s3cret$\") { return 401; }", NULL, NULL,
         NULL},
        {"if ($remote_addr != 10.1.1.1) { return 403; }", NULL, NULL, NULL},
        {"if ($remote_addr !~ ^10\\.) { return 403; }", NULL, NULL, NULL},
        {"if ($ssl_client_verify != SUCCESS) { return 403; }", NULL, NULL, NULL},
        {"if ($ok = 0) { return 403; }", "geo $ok { default 0; 10.0.0.0/8 1; }", NULL,
         NULL},
        {"if ($ok = \"\") { return 403; }", "map $http_x_key $ok { s3cret 1; }", NULL,
         NULL},
        {"set $ok 0; if ($http_x_key = s3cret) { set $ok 1; } if ($ok = 0) { return 403; "
         "}",
         NULL, NULL, NULL},
        {"if ($request_method !~ ^(GET|HEAD)$) { return 405; }", NULL, NULL, NULL},
        {"return 403;", NULL, NULL, NULL},
    };
    (void)state;
    EACH(rows, try);
}

#define KEY "if ($http_x_key != s3cret) { return 403; }"

/* nginx runs the lines in their order, and none behind a `break`. */
static void lines_behind_a_break(void **state)
{
    static const struct guarded rows[] = {
        {"break; " KEY, NULL, NULL, WORLD},
        {"rewrite ^/publish(/.*)$ $1 break; " KEY, NULL, NULL, WORLD},
        {"if ($request_method = PUT) { break; } " KEY, NULL, NULL, WORLD},
        {"if ($http_x_key != s3cret) { break; return 403; }", NULL, NULL, WORLD},
        {"if ($http_x_a) { rewrite ^/publish(/.*)$ $1 break; } return 403;", NULL, NULL,
         WORLD},
        {"if ($from_njs) { break; } return 403;", NULL, NULL, UNSURE},
        {KEY " break;", NULL, NULL, NULL},
        {KEY " rewrite ^/publish(/.*)$ $1 break;", NULL, NULL, NULL},
        {"if ($request_method = GET) { break; } " KEY, NULL, NULL, NULL},
        {"if ($http_x_key = s3cret) { break; } return 403;", NULL, NULL, NULL},
        {"rewrite ^/publish(/.*)$ $1; " KEY, NULL, NULL, NULL},
        {"if ($http_x_key != s3cret) { set $no 1; return 403; break; }", NULL, NULL,
         NULL},
    };
    (void)state;
    EACH(rows, try);
    struct nginx_check *check;
    char *dump = replaced(strdup(correct), OPEN, "");
    dump = replaced(dump, ALLOW, "");
    dump = replaced(dump, "listen 8080;", "listen 8080; break; " KEY);
    check = check_text(dump);
    assert_non_null(nginx_check_findings(check));
    nginx_check_free(&check);
    dump = replaced(dump, "break; " KEY, KEY);
    check = check_text(dump);
    assert_int_equal(nginx_check_result(check), NGINX_GOOD);
    nginx_check_free(&check);
    free(dump);
}

/* The same with the lines in the server, around a location of that path. */
static void try_around(const struct guarded *row)
{
    char *dump = replaced(strdup(correct), OPEN, "");
    dump = replaced(dump, ALLOW, "");
    dump = replaced(dump, "~ ^/publish(?<resource>/.+)$",
                    row->access != NULL ? row->access : "/publish/");
    /* what begins with a class takes the front's other paths, too */
    dump = replaced(dump, "1.1; # front",
                    "1.1; proxy_read_timeout 75; proxy_next_upstream off;");
    judge(row, replaced(dump, "listen 8080;", row->location));
}

#define LISTEN "listen 8080; "
#define TENANT "~ ^/(?<tenant>[a-z]+)/publish(?<resource>/.+)$"
#define NEW(sign) " location " sign " /new/ { root /srv; }"
#define MAINTENANCE "if (-f /srv/down) { rewrite ^ /maintenance.html break; } "

/* Who leaves the lines of a server does so on his way to some location, and a rewrite may
 * make that the guarded one. */
static void lines_of_a_server_are_left_for_some_paths(void **state)
{
    static const struct guarded rows[] = {
        {LISTEN "rewrite ^/pub/(.*)$ /publish/$1 last; " KEY, NULL, NULL, WORLD},
        {LISTEN "rewrite ^/publish/(.*)/$ /publish/$1 break; " KEY, NULL, NULL, WORLD},
        {LISTEN "rewrite ^/x(/.*)$ $1 last; " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($http_x_a) { rewrite ^/x /publish/a last; } " KEY, NULL, NULL,
         WORLD},
        {LISTEN "if ($uri = /publish/a) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/pub) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/pubs?l) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/.u.li) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/.*x) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/x.?) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($uri ~ ^/.?.?.?publish) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ \\.html$) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/(x|publish)/) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/x/|/publish) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~* ^/PUBLISH) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri !~ ^/live/) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri != /healthz) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri = $http_x_a) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($request_uri ~ ^/x) { break; } " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/x/) { break; } " KEY
                " location /x/ { rewrite ^/x(/.*)$ $1 last; }",
         NULL, NULL, WORLD},
        {LISTEN "if ($uri = /PUBLISH/a) { break; } " KEY, NULL,
         "~* ^/publish(?<resource>/.+)$", WORLD},
        /* and on the way to others */
        {LISTEN "rewrite ^/pub/(.*)$ /public/$1 last; " KEY, NULL, NULL, NULL},
        {LISTEN "rewrite ^/index$ / last; " KEY, NULL, NULL, NULL},
        {LISTEN "rewrite ^/x(/wp-.*) $1 last; " KEY, NULL, NULL, NULL},
        {LISTEN "rewrite ^/pub/(.*)$ /publish/$1 permanent; " KEY, NULL, NULL, NULL},
        {LISTEN "rewrite ^/pub/(.*)$ /publish/$1; " KEY, NULL, NULL, NULL},
        {LISTEN KEY " rewrite ^/pub/(.*)$ /publish/$1 last;", NULL, NULL, NULL},
        {LISTEN "if ($uri = /healthz) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($uri = /publish) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($document_uri ~ ^/\\.well-known/) { break; } " KEY, NULL, NULL,
         NULL},
        {LISTEN "if ($uri ~ ^/.well-known/) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($uri ~* ^/HealthZ) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($uri ~ ^/pub$) { break; } " KEY, NULL, NULL, NULL},
        {LISTEN "if ($uri ~ ^/x/) { break; } " KEY, NULL, "~ ^/publish(?<resource>/.+)$",
         NULL},
        {LISTEN "if ($uri ~ ^/x/) { break; } " KEY, NULL, "~* ^/publish(?<resource>/.+)$",
         NULL},
        {LISTEN "if ($uri ~ ^/PUB) { break; } " KEY, NULL,
         "~* ^/publish(?<resource>/.+)$", WORLD},
        {LISTEN "if ($uri = /healthz) { break; } " KEY, NULL, TENANT, NULL},
        {LISTEN "if ($uri = /a/publish/b) { break; } " KEY, NULL, TENANT, WORLD},
        {LISTEN MAINTENANCE KEY, NULL, TENANT, NULL},
        {LISTEN MAINTENANCE KEY, NULL, "~* ^/publish(?<resource>/.+)$", NULL},
        {LISTEN MAINTENANCE KEY " location = /maintenance.html { root /srv; }", NULL,
         "~ ^(?<resource>/[^/]+)$", NULL},
        {LISTEN MAINTENANCE KEY, NULL, "~ ^(?<resource>/[^/]+)$", WORLD},
        {LISTEN "rewrite ^/$ /index.html last; " KEY, NULL, TENANT, NULL},
        {LISTEN "rewrite ^/$ /new/publish/a last; " KEY NEW(""), NULL, TENANT, WORLD},
        {LISTEN "rewrite ^/$ /new/publish/a last; " KEY NEW("^~"), NULL, TENANT, NULL},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY NEW(""), NULL, TENANT, WORLD},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY NEW("^~"), NULL, TENANT, NULL},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY NEW(""), NULL, "/", NULL},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY NEW("="), NULL, "/", WORLD},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY, NULL, "/", WORLD},
        {LISTEN "rewrite ^/$ /a/publish/b last; " KEY, NULL, TENANT, WORLD},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY, NULL, TENANT, WORLD},
        {LISTEN "rewrite ^/old/(.*)$ /new/$1 last; " KEY, NULL,
         "~* ^/publish(?<resource>/.+)$", NULL},
        {LISTEN "rewrite ^/old/(.*)$ /PUBLISH/$1 last; " KEY, NULL,
         "~* ^/publish(?<resource>/.+)$", WORLD},
        {LISTEN "rewrite ^/(assets/.+)\\.[0-9a-f]+$ /$1 last; " KEY, NULL, NULL, NULL},
        {LISTEN "rewrite ^/(favicon\\.ico|robots\\.txt)$ /$1 break; " KEY, NULL, NULL,
         NULL},
        {LISTEN "rewrite ^/x/(a/.+|pub.+)$ /$1 break; " KEY, NULL, NULL, WORLD},
        {LISTEN "if ($uri ~ ^/x/) { break; } " KEY
                " location /x/ { rewrite ^/x(/.*)$ $1 break; }",
         NULL, NULL, NULL},
    };
    (void)state;
    EACH(rows, try_around);
}

/* An `if` that rewrites everybody away is a guard, too. */
static void rewrites_that_turn_away(void **state)
{
    static const struct guarded rows[] = {
        {"if ($http_x_key != s3cret) { rewrite ^ /denied? permanent; }", NULL, NULL,
         NULL},
        {"if ($http_x_key != s3cret) { rewrite ^(.*)$ https://$host$1; }", NULL, NULL,
         NULL},
        {"if ($http_x_key != s3cret) { rewrite ^ /denied last; }", NULL, NULL, NULL},
        {"if ($http_x_key != s3cret) { rewrite ^/publish/a /denied redirect; }", NULL,
         NULL, WORLD},
        {"if ($http_x_key != s3cret) { rewrite ^ /publish/denied last; }", NULL, NULL,
         WORLD},
        {"if ($http_x_key != s3cret) { rewrite ^ /denied; }", NULL, NULL, WORLD},
        {"if ($http_x_key != s3cret) { rewrite ^ /denied break; }", NULL, NULL, WORLD},
    };
    (void)state;
    EACH(rows, try);
}

static void who_is_granted(void **state)
{
    static const struct guarded rows[] = {
        {"", "map $request_method $access { default read; PUT publish; }", "$access",
         WORLD},
        {"", "map $http_x_role $access { default publish; reader read; }", "$access",
         WORLD},
        {"", NULL, "$http_x_role", WORLD},
        {"set $access publish;", NULL, "$access", WORLD},
        {"set $access read; if ($http_user_agent ~ curl) { set $access publish; }", NULL,
         "$access", WORLD},
        {"", "map $arg_key $access { default read; ~. publish; }", "$access", WORLD},
        {"", "map $uri $access { default read; ~^/publish publish; }", "$access", WORLD},
        {"", NULL, "$from_njs", UNSURE},
        {"", "map $http_x_key $access { default read; s3cret publish; }", "$access",
         NULL},
        {"", "geo $access { default read; 10.0.0.0/8 publish; }", "$access", NULL},
        {"set $access read; if ($http_x_key = s3cret) { set $access publish; }", NULL,
         "$access", NULL},
        {"", "map $request_method $access { default read; PURGE publish; }", "$access",
         NULL},
        {"", NULL, "read", NULL},
        {"allow 127.0.0.1; deny all;",
         "map $request_method $access { default read; PUT publish; }", "$access", NULL},
    };
    (void)state;
    EACH(rows, try);
}

#define CLOSED "if ($ok = 0) { return 403; }"
#define ANY_CERTIFICATE "ssl_verify_client optional_no_ca;"
#define BY_NAME "map $ssl_client_s_dn $access { default read; \"CN=ci\" publish; }"

/* nginx asks for a certificate, and takes the client's word for it. */
static void certificates_that_nobody_verifies(void **state)
{
    static const struct guarded rows[] = {
        {ANY_CERTIFICATE, BY_NAME, "$access", WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_serial != 01AB) { return 403; }", NULL, NULL,
         WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_verify = NONE) { return 403; }", NULL, NULL,
         WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_verify != SUCCESS) { return 403; }", BY_NAME,
         "$access", NULL},
        {ANY_CERTIFICATE,
         "map $ssl_client_fingerprint $access { default read; 1f2e publish; }", "$access",
         NULL},
        {ANY_CERTIFICATE CLOSED,
         "map $ssl_client_escaped_cert $ok { default 0; \"-----BEGIN%20CERTIFICATE\" 1; "
         "}",
         NULL, NULL},
        {ANY_CERTIFICATE "if ($ssl_client_raw_cert != a) { return 403; }", NULL, NULL,
         NULL},
        {ANY_CERTIFICATE "if ($ssl_client_cert !~ ^-----BEGIN) { return 403; }", NULL,
         NULL, WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_raw_cert = \"\") { return 403; }", NULL, NULL,
         WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_fingerprint = bad) { return 403; }", NULL, NULL,
         WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_fingerprint !~ ^[0-9a-f]+$) { return 403; }",
         NULL, NULL, WORLD},
        {ANY_CERTIFICATE "if ($ssl_client_fingerprint !~ ^(1f2e|2e3f)$) { return 403; }",
         NULL, NULL, NULL},
        {ANY_CERTIFICATE "secure_link $arg_a; if ($secure_link = \"\") { return 403; }",
         NULL, NULL, NULL},
        {"ssl_verify_client optional;", BY_NAME, "$access", NULL},
        {"ssl_verify_client optional; if ($ssl_client_verify = NONE) { return 403; }",
         NULL, NULL, NULL},
    };
    (void)state;
    EACH(rows, try);
}

/* A header says the address, to the maps of http as well. */
static void addresses_that_a_header_says(void **state)
{
#define FORGED "set_real_ip_from 0.0.0.0/0; "
    static const struct guarded rows[] = {
        {FORGED "if ($remote_addr != 10.1.1.1) { return 403; }", NULL, NULL, WORLD},
        {FORGED CLOSED, "map $remote_addr $ok { default 0; 10.1.1.1 1; }", NULL, WORLD},
        {FORGED CLOSED, "geo $ok { default 0; 10.0.0.0/8 1; }", NULL, WORLD},
        {FORGED CLOSED, "geo $realip_remote_addr $ok { default 0; 10.0.0.0/8 1; }", NULL,
         NULL},
        {FORGED "if ($realip_remote_addr != 10.1.1.1) { return 403; }", NULL, NULL, NULL},
        {CLOSED, "map $remote_addr $ok { default 0; 10.1.1.1 1; }", NULL, NULL},
    };
    (void)state;
    EACH(rows, try);
}

/* What leads to a location that publishes and that no client names: in the place of the
 * path of the one that stands there, and of its guards. */
static void try_inner(const struct guarded *row)
{
    char *dump = replaced(strdup(correct), OPEN, ""), http[1024];
    dump = replaced(dump, "location ~ ^/publish(?<resource>/.+)$ {", row->location);
    dump = replaced(dump, ALLOW, row->access != NULL ? row->access : "");
    snprintf(http, sizeof http, "%s\n" HTTP, row->http != NULL ? row->http : "");
    dump = replaced(dump, HTTP, http);
    judge(row, dump);
}

#define BY_METHOD "if ($request_method = PUT) { return 418; }"
#define INNER "} location @publish {"
#define INTERNAL "} location /pub/ { internal;"

static void locations_that_others_lead_to(void **state)
{
    static const struct guarded rows[] = {
        {"location /in/ { error_page 418 = @publish; " BY_METHOD INNER, NULL, NULL,
         WORLD},
        {"location /in/ { if ($reads = \"\") { error_page 418 = @publish; return 418; "
         "}" INNER,
         "map $request_method $reads { default \"\"; GET 1; }", NULL, WORLD},
        {"location /in/ { deny all; error_page 418 = @publish; return 418;" INNER, NULL,
         NULL, WORLD},
        {"location /in/ { deny all; error_page 403 = @publish;" INNER, NULL, NULL, WORLD},
        {"location /in/ { error_page 405 = @publish;" INNER, NULL, NULL, WORLD},
        {"error_page 418 = @publish; location /in/ { " BY_METHOD INNER, NULL, NULL,
         WORLD},
        {"location /in/ { set $to @publish; error_page 418 = $to; return 418;" INNER,
         NULL, NULL, WORLD},
        {"location /in/ { try_files $uri @publish;" INNER, NULL, NULL, WORLD},
        {"location /in/ { try_files $uri /pub/x;" INTERNAL, NULL, NULL, WORLD},
        {"location /in/ { rewrite ^/in/(.*)$ /pub/$1 last;" INTERNAL, NULL, NULL, WORLD},
        {"location /in/ { rewrite ^/in(/.*)$ $1 last;" INTERNAL, NULL, NULL, WORLD},
        {"rewrite ^/in/(.*)$ /pub/$1 break; location /in/ { return 404;" INTERNAL, NULL,
         NULL, WORLD},
        {"location /in/ { if ($http_x_a) { rewrite ^ /pub/x last; }" INTERNAL, NULL, NULL,
         WORLD},
        {"location /in/ { rewrite ^ /pub last; } location ~ ^/pub { internal;", NULL,
         NULL, WORLD},
        {"location /in/ { try_files $uri @next; } location @next { rewrite ^ "
         "/pub/x;" INTERNAL,
         NULL, NULL, WORLD},
        {"location /in/ { if ($from_njs) { return 418; } error_page 418 = "
         "@publish;" INNER,
         NULL, NULL, UNSURE},
        {"location /in/ { rewrite \"^/(.*)\\.[0-9]+\\.(css|js)$\" /$1.$2 last; } "
         "location /_pub/ { "
         "internal;",
         NULL, NULL, WORLD},
        {"location /in/ { rewrite \"^/(.*)\\.[0-9]+\\.(css|js)$\" /${1}.$2?v=1 last; } "
         "location = /a.b { "
         "internal;",
         NULL, NULL, WORLD},
        {"location /in/ { rewrite ^/(.*)\\.html$ /$1 last; } location = /_mirror { "
         "internal;",
         NULL, NULL, WORLD},
        {"location /in/ { rewrite ^(/[^/]+)?(/wp-.*) $2 last; } location /wp-pub/ { "
         "internal;",
         NULL, NULL, WORLD},
        {"location /in/ { rewrite ^/in(.*)$ $1 last; } location /pub/ { internal;", NULL,
         NULL, UNSURE},
        {"location /in/ { try_files $uri /pub/B/x; } location ~* ^/pub/(a|b)/ { "
         "internal;",
         NULL, NULL, WORLD},
        /* nobody leads there, or nobody but who may */
        {"location /in/ { rewrite \"^/(.*)\\.[0-9]+\\.(css|js)$\" /$1.$2 last; } "
         "location = /_mirror { "
         "internal;",
         NULL, NULL, NULL},
        {"location /in/ { rewrite ^/(.*)\\.html$ /$1.x last; } location = /_mirror { "
         "internal;",
         NULL, NULL, NULL},
        {"location /in/ { rewrite ^(/[^/]+)?(/wp-.*) $2 last; } location /_publish/ { "
         "internal;",
         NULL, NULL, NULL},
        {"location /in/ { rewrite ^(?:/[^/(]+)?(?<rest>/wp-.*) $rest last; } location "
         "/_publish/ { "
         "internal;",
         NULL, NULL, NULL},
        {"location /in/ { try_files $uri $uri/ /pub/c/x; } location ~* ^/pub/(a|b)/ { "
         "internal;",
         NULL, NULL, NULL},
        {"location /in/ { post_action @publish;" INNER, NULL, NULL, NULL},
        {"location /in/ { mirror /pub/x;" INTERNAL, NULL, NULL, NULL},
        {"location /in/ { error_page 404 = @other;" INNER, NULL, NULL, NULL},
        {"location /in/ { error_page 418 = /pub/x; return 418;" INTERNAL, NULL, NULL,
         NULL},
        {"location /in/ { error_page 418 = @publish; return 418 no;" INNER, NULL, NULL,
         NULL},
        {"location /in/ { error_page 418 = @publish; return 417;" INNER, NULL, NULL,
         NULL},
        {"location /in/ { rewrite ^/in/(.*)$ /pub/$1 break;" INTERNAL, NULL, NULL, NULL},
        {"location /in/ { rewrite ^ /pub/open/x last; } location /pub/open/ { return "
         "404;" INTERNAL,
         NULL, NULL, NULL},
        {"location /in/ { rewrite ^/in/(.*)$ http://x/pub/$1 last;" INTERNAL, NULL, NULL,
         NULL},
        {"location /in/ { error_page 418 = @publish; return 418;" INNER, NULL,
         "allow 127.0.0.1; deny all;", NULL},
        {"location /in/ { if ($http_x_key != s3cret) { return 403; } error_page 418 = "
         "@publish; " BY_METHOD INNER,
         NULL, NULL, NULL},
        {"location /in/ { error_page 418 = @publish; if ($http_x_key = s3cret) { return "
         "418; }" INNER,
         NULL, NULL, NULL},
        {"location /in/ { error_page 418 = @publish; if ($request_method = GET) { return "
         "418; }" INNER,
         NULL, NULL, NULL},
        {"location /in/ { error_page 418 = @publish; break; return 418;" INNER, NULL,
         NULL, NULL},
        {"location /in/ { error_page 418 = @publish; rewrite ^/in(/.*)$ $1 break; return "
         "418;" INNER,
         NULL, NULL, WORLD},
        {"location /in/ { if ($request_method = PUT) { break; } " KEY
         " error_page 404 = @publish;" INNER,
         NULL, NULL, WORLD},
        {"location /in/ { break; " KEY " try_files $uri @publish;" INNER, NULL, NULL,
         WORLD},
        {"location /in/ { allow 10.0.0.0/8; deny all; try_files $uri @publish;" INNER,
         NULL, NULL, NULL},
        {"location /in/ { limit_except GET { deny all; } error_page 404 = "
         "@publish;" INNER,
         NULL, NULL, NULL},
        {"location @one { error_page 404 = @publish; } location @publish { error_page "
         "404 "
         "= @one;",
         NULL, NULL, NULL},
    };
    (void)state;
    EACH(rows, try_inner);
}

/* Each of many names all others: it is not asked along all ways. */
static void many_that_lead_to_each_other_are_soon_given_up(void **state)
{
    enum { MANY = 40 };
    char *dump = NULL;
    size_t len;
    (void)state;
    FILE *out = open_memstream(&dump, &len);
    fprintf(out, "events {}\nhttp { server {\n");
    for (int i = 0; i < MANY; i++) {
        fprintf(out, "location @%d { " GRANT " fastcgi_pass fcgiwait;\n", i);
        for (int j = 0; j < MANY; j++)
            fprintf(out, "error_page %d @%d;\n", 500 + j % 5, j);
        fprintf(out, "}\n");
    }
    fprintf(out, "} }\n");
    fclose(out);
    struct nginx_check *check = check_text(dump);
    const struct finding *at = nginx_check_findings(check);
    while (at != NULL && strcmp(at->rule, "open_publish") != 0)
        at = at->next;
    assert_non_null(at);
    assert_non_null(strstr(at->what, UNSURE));
    nginx_check_free(&check);
    free(dump);
}

/* How long the check of a server with many lines takes the processor. */
static clock_t time_for(const char *verify)
{
    enum { MANY = 300, FEW = 5 };
    char *dump = NULL;
    size_t len;
    FILE *out = open_memstream(&dump, &len);
    fprintf(out, "events {}\nhttp { map $http_x_key $ok { default 0;\n");
    for (int i = 0; i < MANY; i++)
        fprintf(out, "k%d 1;\n", i);
    fprintf(out, "}\nserver { %s\n", verify);
    for (int i = 0; i < MANY; i++)
        fprintf(out, "listen %d;\n", 1000 + i);
    for (int i = 0; i < FEW * FEW; i++)
        fprintf(out, "if ($ok = 5) { break; }\n");
    fprintf(out, "if ($scheme = http) { return 301 https://$host; }\n");
    for (int i = 0; i < FEW; i++)
        fprintf(out, "location /%d/ { " GRANT " fastcgi_pass fcgiwait; }\n", i);
    fprintf(out, "} }\n");
    fclose(out);
    clock_t begun = clock();
    struct nginx_check *check = check_text(dump);
    clock_t took = clock() - begun;
    nginx_check_free(&check);
    free(dump);
    return took;
}

static void many_plain_listens_are_asked_about_once(void **state)
{
    (void)state;
    clock_t without = time_for(""), with = time_for("ssl_verify_client on;");
    /* about 10 times; anew for each of them, 250 times */
    assert_true(with < 50 * without + CLOCKS_PER_SEC / 20);
}

static void lua_is_said_to_be_unread(void **state)
{
    static const struct guarded row = {"access_by_lua_block { ngx.log(1, \"}\") }", NULL,
                                       NULL, NULL};
    char *dump = guarded_dump(&row), *said = NULL;
    size_t len;
    (void)state;
    struct nginx_check *check = check_text(dump);
    FILE *out = open_memstream(&said, &len);
    nginx_check_report(check, out);
    fclose(out);
    assert_int_equal(nginx_check_result(check), NGINX_GOOD);
    assert_non_null(strstr(said, "note: whom this lets publish"));
    assert_null(nginx_check_notes(check)->next);
    nginx_check_free(&check);
    free(said);
    free(dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_addresses),
        cmocka_unit_test(a_long_list_is_closed_by_its_end),
        cmocka_unit_test(addresses_count_for_how_the_server_listens),
        cmocka_unit_test(passwords),
        cmocka_unit_test(conditions),
        cmocka_unit_test(lines_behind_a_break),
        cmocka_unit_test(lines_of_a_server_are_left_for_some_paths),
        cmocka_unit_test(rewrites_that_turn_away),
        cmocka_unit_test(who_is_granted),
        cmocka_unit_test(certificates_that_nobody_verifies),
        cmocka_unit_test(addresses_that_a_header_says),
        cmocka_unit_test(locations_that_others_lead_to),
        cmocka_unit_test(many_that_lead_to_each_other_are_soon_given_up),
        cmocka_unit_test(many_plain_listens_are_asked_about_once),
        cmocka_unit_test(lua_is_said_to_be_unread),
    };
    return cmocka_run_group_tests_name("nginx/guard", tests, NULL, NULL);
}
