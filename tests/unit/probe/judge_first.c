/* SPDX-License-Identifier: ISC */
/* What the first answer shows: a good one, and each way to be none of fcgiwait. */
#include "judged_at_once.h"

static void answers_are_200_or_404(void **state)
{
    (void)state;
    assert_true(judge_answer(&report, &first));
    must_be(LOOKED_GOOD, "200 from nginx");
    first.status = 404;
    assert_true(judge_answer(&report, &first));
    must_be(LOOKED_GOOD, "404 from nginx");
    first.status = 401;
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "--header");
    first.status = 500;
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "500 from nginx");
    first.status = 502;
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "502 from nginx, where 200 or 404 is meant: who stands "
                          "behind it does not answer");
    answer_of(&first, 400, "Server: nginx\n",
              "The plain HTTP request was sent to HTTPS port");
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "https:// is spoken there");
}

static void no_answer_has_a_reason(void **state)
{
    (void)state;
    first.end = EXCHANGE_FAILED;
    strcpy(first.failure, "no route");
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "nobody answers: no route");
    strcpy(first.failure, "OpenSSL: wrong version number");
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "wrong version number; it may be http://");
    first.end = EXCHANGE_UNTRUSTED;
    strcpy(first.failure, "self-signed certificate");
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "certificate: self-signed certificate; CURL_CA_BUNDLE=FILE");
}

static void an_index_has_to_arrive(void **state)
{
    uint64_t index;
    (void)state;
    assert_true(judge_index(&report, &first, &index));
    assert_int_equal(index, 17);
    must_be(LOOKED_GOOD, "17");
    answer_of(&first, 200, GOOD "X-Polling-Index: 17\n", "{}");
    assert_true(judge_index(&report, &first, &index));
    must_be(LOOKED_FAULT, "arrives 2 times");
    answer_of(&first, 200, "Server: nginx\n", "{}");
    assert_false(judge_index(&report, &first, &index));
    must_be(LOOKED_FAULT, "no X-Polling-Index");
    answer_of(&first, 404, "Server: nginx\n", "");
    assert_false(judge_index(&report, &first, &index));
    must_be(LOOKED_FAULT, "404 is not fcgiwait's, but of nginx");
    answer_of(&first, 404, "Content-Type: application/problem+json\n", "{}");
    assert_false(judge_index(&report, &first, &index));
    must_be(LOOKED_FAULT, "no X-Polling-Index");
}

static void what_is_not_there_yet_is_worth_a_note(void **state)
{
    uint64_t index;
    (void)state;
    answer_of(&first, 404, "X-Polling-Index: 0\n", "");
    assert_true(judge_index(&report, &first, &index));
    assert_int_equal(report.count, 2);
    assert_int_equal(report.lines[1].verdict, LOOKED_NOTE);
    assert_non_null(strstr(report.lines[1].text, "a wrong path looks the same"));
}

static void a_redirect_keeps_the_query_or_does_not(void **state)
{
    (void)state;
    other.status = 301;
    strcpy(other.redirect, "https://a.example/b?index=0&wait=0");
    judge_redirect(&report, &other);
    must_be(LOOKED_NOTE, "asked twice");
    strcpy(other.redirect, "https://a.example/b");
    judge_redirect(&report, &other);
    must_be(LOOKED_FAULT, "without the query");
}

static void a_header_is_not_taken_to_another_origin(void **state)
{
    (void)state;
    answer_of(&first, 302, "Server: nginx\n", "");
    strcpy(first.redirect, "https://b.example/b");
    first.sends_away = true;
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "302 from nginx, where 200 or 404 is meant");
    first.headers[0] = "Cookie: a=b";
    assert_false(judge_answer(&report, &first));
    must_be(LOOKED_FAULT, "--header is not taken: probe https://b.example/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers_are_200_or_404, start),
        cmocka_unit_test_setup(no_answer_has_a_reason, start),
        cmocka_unit_test_setup(an_index_has_to_arrive, start),
        cmocka_unit_test_setup(what_is_not_there_yet_is_worth_a_note, start),
        cmocka_unit_test_setup(a_redirect_keeps_the_query_or_does_not, start),
        cmocka_unit_test_setup(a_header_is_not_taken_to_another_origin, start),
    };
    return cmocka_run_group_tests_name("probe/judge_first", tests, NULL, NULL);
}
