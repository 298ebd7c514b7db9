/* SPDX-License-Identifier: ISC */
/* What pages of other origins may read and send: all of it, and each way to be less. */
#include "judged_at_once.h"

#define ALLOW GOOD "Access-Control-Allow-Origin: https://p.example\n"
#define EXPOSE "Access-Control-Expose-Headers: ETag, X-Polling-Index\n"

static void pages_elsewhere_are_let_in(void **state)
{
    const char *origin = "https://p.example";
    (void)state;
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "no Access-Control-Allow-Origin");
    answer_of(&first, 200, ALLOW, "{}");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "does not name X-Polling-Index");
    answer_of(&first, 200, ALLOW EXPOSE, "{}");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_NOTE, "not with Prefer");
    answer_of(&other, 204, ALLOW "Access-Control-Allow-Headers: Prefer\n", "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
    judge_cors(&report, &first, &other, "https://q.example");
    must_be(LOOKED_FAULT, "https://q.example");
}

#define ANY GOOD "Access-Control-Allow-Origin: *\n"

/* As a page sees them: the lines of a list are one, and an origin stands alone. */
static void lines_of_a_name_are_read_together(void **state)
{
    const char *origin = "https://p.example";
    (void)state;
    answer_of(&other, 204,
              ALLOW "Access-Control-Allow-Headers: Content-Type\n"
                    "Access-Control-Allow-Headers: If-None-Match,prefer\n",
              "");
    answer_of(&first, 200, ALLOW "Access-Control-Expose-Headers: Link\n" EXPOSE, "{}");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
    answer_of(&first, 200, ALLOW "Access-Control-Expose-Headers: X-Polling-Index-Old\n",
              "{}");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "does not name X-Polling-Index");
    answer_of(&first, 200, ALLOW EXPOSE "Access-Control-Allow-Origin: *\n", "{}");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "arrives 2 times, and then no page may read this");
    answer_of(&first, 200, ALLOW EXPOSE, "{}");
    answer_of(&other, 204, ANY ALLOW "Access-Control-Allow-Headers: Prefer\n", "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_NOTE, "not with Prefer");
}

static void a_star_stands_for_all_but_where_a_cookie_is_sent(void **state)
{
    static const char credentials[] = "Access-Control-Allow-Credentials: true\n";
    const char *origin = "https://p.example";
    char head[1024];
    (void)state;
    answer_of(&first, 200, ANY "Access-Control-Expose-Headers: *\n", "{}");
    answer_of(&other, 204, ANY "Access-Control-Allow-Headers: *\n", "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
    first.headers[0] = "cookie: a=b";
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "may not read this with a cookie");
    answer_of(&first, 200, ALLOW EXPOSE, "{}");
    first.headers[0] = "Cookie: a=b";
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "Access-Control-Allow-Credentials: true");
    snprintf(head, sizeof head, ALLOW "%sAccess-Control-Expose-Headers: *\n",
             credentials);
    answer_of(&first, 200, head, "{}");
    first.headers[0] = "Cookie: a=b";
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "does not name X-Polling-Index");
    snprintf(head, sizeof head, ALLOW EXPOSE "%s", credentials);
    answer_of(&first, 200, head, "{}");
    first.headers[0] = "Cookie: a=b";
    snprintf(head, sizeof head, ALLOW "%sAccess-Control-Allow-Headers: *\n", credentials);
    answer_of(&other, 204, head, "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_NOTE, "not with Prefer");
    snprintf(head, sizeof head, ALLOW "%sAccess-Control-Allow-Headers: Prefer\n",
             credentials);
    answer_of(&other, 204, head, "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
}

/* What is sent beforehand is sent without them. */
static void what_a_page_sends_needs_leave(void **state)
{
    const char *origin = "https://p.example";
    (void)state;
    answer_of(&first, 200, ALLOW EXPOSE, "{}");
    first.headers[0] = "authorization: Bearer a";
    first.headers[1] = "Origin: https://p.example";
    answer_of(&other, 401, ALLOW "Access-Control-Allow-Headers: Authorization,Prefer\n",
              "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "may not send authorization, and so not read this: OPTIONS");
    other.status = 204;
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
    answer_of(&other, 204, ANY "Access-Control-Allow-Headers: *\n", "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_FAULT, "is answered with 204 by nginx and does not allow it");
    first.headers[0] = "X-Key: a";
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_GOOD, "both ways");
    first.headers[1] = "Cookie: a=b";
    first.headers[2] = "Accept: text/html";
    judge_cors(&report, &first, &other, "https://p.example");
    must_be(LOOKED_FAULT, "Access-Control-Allow-Credentials");
    first.headers[0] = first.headers[2];
    first.headers[1] = NULL;
    answer_of(&other, 405, "", "");
    judge_cors(&report, &first, &other, origin);
    must_be(LOOKED_NOTE, "not with Prefer");
}

/* Nobody is asked for what a browser sends with each request. */
static void what_a_browser_sends_needs_none(void **state)
{
    (void)state;
    answer_of(&first, 200, ALLOW EXPOSE, "{}");
    answer_of(&other, 204, ALLOW "Access-Control-Allow-Headers: Prefer\n", "");
    first.headers[0] = "user-agent: a";
    first.headers[1] = "Host: www.example";
    judge_cors(&report, &first, &other, "https://p.example");
    must_be(LOOKED_GOOD, "both ways");
    assert_true(judge_is_of_browser("user-agent: a"));
    assert_true(judge_is_of_browser("Host: www.example"));
    assert_false(judge_is_of_browser("Cookie: a=b"));
    assert_false(judge_is_of_browser("Hosts: a"));
}

static void leave_is_asked_for_as_a_browser_asks(void **state)
{
    const char *none[EXCHANGE_HEADERS] = {0};
    const char *some[EXCHANGE_HEADERS] = {
        "X-Key: a",  "Authorization: b", "Cookie: c=d",  "PREFER: e",
        "Origin: f", "Host: g",          "User-Agent: h"};
    char line[JUDGE_PREFLIGHT], name[2 * JUDGE_PREFLIGHT];
    (void)state;
    judge_preflight(none, line);
    assert_string_equal(line, "Access-Control-Request-Headers: prefer");
    judge_preflight(some, line);
    assert_string_equal(line,
                        "Access-Control-Request-Headers: authorization,prefer,x-key");
    snprintf(name, sizeof name, "%0*d: a", 2 * JUDGE_PREFLIGHT - 4, 0);
    none[0] = name;
    judge_preflight(none, line);
    assert_true(strlen(line) < JUDGE_PREFLIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pages_elsewhere_are_let_in, start),
        cmocka_unit_test_setup(lines_of_a_name_are_read_together, start),
        cmocka_unit_test_setup(a_star_stands_for_all_but_where_a_cookie_is_sent, start),
        cmocka_unit_test_setup(what_a_page_sends_needs_leave, start),
        cmocka_unit_test_setup(what_a_browser_sends_needs_none, start),
        cmocka_unit_test_setup(leave_is_asked_for_as_a_browser_asks, start),
    };
    return cmocka_run_group_tests_name("probe/judge_cors", tests, NULL, NULL);
}
