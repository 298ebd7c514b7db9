/* SPDX-License-Identifier: ISC */
/*
 * nginx_rules: the rules of the check. Private to the check; pure.
 *
 * A rule looks at one way to fcgiwait and reports the faults that it finds on it. The
 * table of them is in nginx_check.c; a new rule is a function and a line there.
 */
#ifndef FCGIWAIT_NGINX_RULES_H
#define FCGIWAIT_NGINX_RULES_H

#include "fcgiwait/nginx_check.h"
#include "way.h"

/* An upstream that was proposed to a server. */
struct proposal {
    const struct directive *server;
    struct text host;
    const char *name; /* NULL: one that is there */
    struct proposal *next;
};

struct nginx_check {
    struct nginx_conf conf;
    struct nginx_needs needs;
    struct way *ways;
    unsigned patterns_left; /* regular expressions that may still be tried */
    struct finding *first, **end;
    struct finding *notes;
    struct proposal *proposals;
};

struct fault {
    const char *rule;
    const struct directive *at;
    const struct directive *once; /* one finding for each of these; NULL: for each `at` */
    struct text protocol;         /* and for each of these; empty: it does not matter */
    const char *what, *effect, *instead;
};

/* Once for each rule, `once` and protocol. */
void fault_report(struct nginx_check *check, const struct fault *fault);

/* What can't be told, once for each `once`: said, and no finding. */
void fault_note(struct nginx_check *check, const struct fault *fault);

/* A string of the check's; never NULL. */
const char *say(struct nginx_check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, of a text. */
const char *say_text(struct nginx_check *check, struct text text);

/* The same, of a value that nginx is to read again: in quotes where it needs them. */
const char *say_word(struct nginx_check *check, struct text word);

/* "location ~ ^/live/" */
const char *say_location(struct nginx_check *check, const struct directive *block);

/* A fault of what `set` says on the way, or of its not being set (NULL), which is then
 * said once for the server. */
static inline struct fault fault_of(const char *rule, const struct directive *set,
                                    const struct way *way)
{
    return (struct fault){.rule = rule,
                          .protocol = way->protocol,
                          .at = set != NULL ? set : way->pass,
                          .once = set != NULL ? set : way->server};
}

/* The line of PROTOCOL_NAME at the way's block that lists the value. NULL: none. */
const struct directive *way_lists(const struct way *way, const char *name,
                                  struct text value);

/* The time that the line sets; `span` stays as it is where the line is NULL. False: it is
 * no time, and the check has ended as not understood. */
bool read_time(struct nginx_check *check, const struct directive *set, nanos *span);

/* "75s" */
const char *say_seconds(struct nginx_check *check, nanos span);

#define READ_TIMEOUT_STANDARD (60 * NANOS_PER_SECOND) /* nginx's default */

/* What follows the name of a read timeout: its time, or that the line is not set (NULL).
 */
const char *say_read_timeout(struct nginx_check *check, const struct directive *set,
                             nanos timeout);

/* The seconds to propose for a timeout that has to be above the span. */
long long seconds_above(nanos span);

/* --- the rules --- */

/* timing.c: what cuts a wait short, or stretches it */
void rule_read_timeout(struct nginx_check *check, const struct way *way);
void rule_client_abort(struct nginx_check *check, const struct way *way);
void rule_next_upstream(struct nginx_check *check, const struct way *way);
void rule_shutdown_timeout(struct nginx_check *check, const struct way *way);

/* tcp.c: servers of a stream block on the way */
void rule_stream_timeout(struct nginx_check *check, const struct way *way);

/* caches.c: caches over polls */
void rule_cache(struct nginx_check *check, const struct way *way);
void rule_cache_lock(struct nginx_check *check, const struct way *way);

/* capacity.c: what gives too little room for those who wait */
void rule_worker_connections(struct nginx_check *check, const struct way *way);
void rule_open_files(struct nginx_check *check, const struct way *way);
void rule_direct(struct nginx_check *check, const struct way *way);
void rule_keepalive(struct nginx_check *check, const struct way *way);
void rule_keep_conn(struct nginx_check *check, const struct way *way);
void rule_http1(struct nginx_check *check, const struct way *way);

/* limits.c: what nginx grants to one client, or to all */
void rule_limit_conn(struct nginx_check *check, const struct way *way);
void rule_limit_req(struct nginx_check *check, const struct way *way);
void rule_max_conns(struct nginx_check *check, const struct way *way);

/* publish.c: who may publish */
void rule_open_publish(struct nginx_check *check, const struct way *way);

/* endpoint.c: the live page */
void rule_open_page(struct nginx_check *check, const struct way *way);
void rule_page_query(struct nginx_check *check, const struct way *way);

/* params.c: what fcgiwait is told of a request */
void rule_lost_params(struct nginx_check *check, const struct way *way);
bool params_tell(const struct directive *level, struct text name); /* there is the line */
bool params_let_read(const struct way *way);
bool params_hold_path(struct text value, const struct directive *level); /* all of it */

/* resource.c: the path of what is published */
void rule_lost_resource(struct nginx_check *check, const struct way *way);

/* lost.c: what a request loses on its way */
bool is_for_polls(const struct directive *condition); /* GETs may get into the `if` */
void rule_lost_query(struct nginx_check *check, const struct way *way);
void rule_lost_headers(struct nginx_check *check, const struct way *way);

/* php.c: habits of locations for PHP */
void rule_php(struct nginx_check *check, const struct way *way);

/* misspelt.c: parameters that fcgiwait does not know */
void rule_unknown_param(struct nginx_check *check, const struct way *way);
bool params_misspelt(const struct directive *level);

/* streaming.c: streams, and everything below a path */
bool way_streams(const struct way *way); /* its clients may ask for streams */
extern const char stream_is_cut[];       /* an effect */
void rule_stream_buffering(struct nginx_check *check, const struct way *way);
void rule_stream_front(struct nginx_check *check, const struct way *way);
void rule_stream_gzip(struct nginx_check *check, const struct way *way);
void rule_heartbeat(struct nginx_check *check, const struct way *way);
void rule_below(struct nginx_check *check, const struct way *way);

/* takeover.c: locations elsewhere that take some paths away */
void rule_takeover(struct nginx_check *check, const struct way *way);

/* answer.c: what becomes of the answer */
void rule_hidden_index(struct nginx_check *check, const struct way *way);
void rule_ignored_redirect(struct nginx_check *check, const struct way *way);
void rule_replaced_404(struct nginx_check *check, const struct way *way);
void rule_expires(struct nginx_check *check, const struct way *way);
void rule_hidden_cache_control(struct nginx_check *check, const struct way *way);
void rule_filters(struct nginx_check *check, const struct way *way);

/* cors.c: pages on other hosts, which read answers of the block */
void cors_check(struct nginx_check *check, const struct directive *block);
void rule_cors(struct nginx_check *check, const struct way *way);

/* origin.c: the locations that FCGIWAIT_ORIGIN redirects to */
void rule_origin(struct nginx_check *check, const struct way *way);

#endif
