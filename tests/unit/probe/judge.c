/* SPDX-License-Identifier: ISC */
/* What an answer shows that came at once: one good one, and each way to be bad. */
#include "judged_at_once.h"

static void entity_tags_arrive_as_they_were_sent(void **state)
{
    static const struct {
        const char *head;
        enum verdict_of verdict;
        const char *says;
    } tags[] = {
        {"ETag: \"17\"\n", LOOKED_GOOD, "\"17\""},
        {"ETag: W/\"17\"\n", LOOKED_FAULT, "W/\"17\""},
        {"ETag: \"17-gzip\"\n", LOOKED_FAULT, "17-gzip"},
        {"ETag: \"abc\"\n", LOOKED_NOTE, "API's own"},
        {"ETag: W/\"1f-17\"\n", LOOKED_NOTE, "API's own"},
        {"ETag: \"17a-3\"\n", LOOKED_NOTE, "API's own"},
        {"ETag: 17\n", LOOKED_FAULT, "17"},
        {"", LOOKED_NOTE, "none arrives"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        answer_of(&first, 200, tags[i].head, "{}");
        judge_etag(&report, &first, 17);
        must_be(tags[i].verdict, tags[i].says);
    }
}

static void compression_leaves_the_tag_alone(void **state)
{
    (void)state;
    judge_gzip(&report, &other, 17);
    must_be(LOOKED_GOOD, "nothing is compressed");
    answer_of(&other, 200, GOOD "Content-Encoding: gzip\n", "{}");
    judge_gzip(&report, &other, 17);
    must_be(LOOKED_GOOD, "stays");
    answer_of(&other, 200, "ETag: W/\"17\"\nContent-Encoding: gzip\n", "{}");
    judge_gzip(&report, &other, 17);
    must_be(LOOKED_NOTE, "weak");
    answer_of(&other, 200, "ETag: \"17-gzip\"\nContent-Encoding: gzip\n", "{}");
    judge_gzip(&report, &other, 17);
    must_be(LOOKED_FAULT, "DeflateAlterETag");
    answer_of(&other, 200, /* changed since */
              "X-Polling-Index: 18\nETag: \"18\"\nContent-Encoding: gzip\n", "{}");
    judge_gzip(&report, &other, 17);
    must_be(LOOKED_GOOD, "stays");
}

static void caches_give_themselves_away(void **state)
{
    static const char *const hits[] = {"Age: 12\n",
                                       "X-Cache: HIT from a\n",
                                       "X-Cache-Status: hit\n",
                                       "CF-Cache-Status: HIT\n",
                                       "X-Varnish: 3 2\n",
                                       "X-Cache: MISS\nX-Cache: HIT from b\n",
                                       "X-Varnish: 4\nX-Varnish: 3 2\n"};
    static const char *const misses[] = {"Age: 0\n", "X-Cache: MISS\n", "X-Varnish: 3\n"};
    (void)state;
    for (size_t i = 0; i < sizeof hits / sizeof *hits; i++) {
        char head[256];
        snprintf(head, sizeof head, "%s%s", GOOD, hits[i]);
        answer_of(&other, 200, head, "{}");
        judge_cache(&report, &first, &other);
        must_be(LOOKED_FAULT, "out of a cache");
    }
    for (size_t i = 0; i < sizeof misses / sizeof *misses; i++) {
        char head[256];
        snprintf(head, sizeof head, "%s%s", GOOD, misses[i]);
        answer_of(&other, 200, head, "{}");
        judge_cache(&report, &first, &other);
        must_be(LOOKED_GOOD, "no-store arrives");
    }
    answer_of(&first, 200, "Cache-Control: private\nCache-Control: no-store\n", "{}");
    judge_cache(&report, &first, &first);
    must_be(LOOKED_GOOD, "no-store arrives");
    answer_of(&first, 200, "Cache-Control: private\n", "{}");
    judge_cache(&report, &first, &first);
    must_be(LOOKED_NOTE, "without no-store");
}

static void connections_serve_more_than_once(void **state)
{
    (void)state;
    judge_reuse(&report, &other);
    must_be(LOOKED_GOOD, "more than one");
    other.reused = false;
    judge_reuse(&report, &other);
    must_be(LOOKED_FAULT, "closed after each answer");
}

static void head_is_answered_as_get(void **state)
{
    (void)state;
    judge_head(&report, &other, &first);
    must_be(LOOKED_GOOD, "as GET is");
    other.status = 405;
    judge_head(&report, &other, &first);
    must_be(LOOKED_FAULT, "405");
    answer_of(&other, 200, "", "");
    judge_head(&report, &other, &first);
    must_be(LOOKED_FAULT, "no X-Polling-Index");
    answer_of(&other, 404, "X-Polling-Index: 18\n", ""); /* deleted since */
    judge_head(&report, &other, &first);
    must_be(LOOKED_NOTE, "changed meanwhile");
    answer_of(&other, 200, "X-Polling-Index: 18\n", "");
    judge_head(&report, &other, &first);
    must_be(LOOKED_GOOD, "as GET is");
}

typedef void judge_fn(struct report *, const struct exchange *, const struct exchange *);

static void the_present_index_is_answered_with_304(void **state)
{
    static judge_fn *const judges[] = {judge_query, judge_prefer, judge_condition};
    static const char *const lost[] = {"do not arrive", "Prefer does not arrive",
                                       "If-None-Match with the ETag"};
    (void)state;
    for (size_t i = 0; i < sizeof judges / sizeof *judges; i++) {
        answer_of(&other, 304, GOOD "Preference-Applied: wait=0\n", "");
        judges[i](&report, &other, &first);
        must_be(LOOKED_GOOD, "304");
        answer_of(&other, 200, GOOD, "{}");
        judges[i](&report, &other, &first);
        must_be(LOOKED_FAULT, lost[i]);
        answer_of(&other, 200, GOOD, "");
        judges[i](&report, &other, &first);
        must_be(LOOKED_FAULT, "200 without a body");
        answer_of(&other, 503, "X-Varnish: 1\n", "");
        judges[i](&report, &other, &first);
        must_be(LOOKED_FAULT, "return (pass)");
        answer_of(&other, 200, "X-Polling-Index: 18\n", "{}");
        judges[i](&report, &other, &first);
        must_be(LOOKED_NOTE, "changed meanwhile");
        other.end = EXCHANGE_CLOSED;
        answer_of(&other, 0, "", "");
        other.end = EXCHANGE_CLOSED;
        judges[i](&report, &other, &first);
        must_be(LOOKED_FAULT, "no answer");
    }
    answer_of(&other, 304, GOOD, "");
    judge_prefer(&report, &other, &first);
    must_be(LOOKED_NOTE, "no Preference-Applied");
}

static void one_refusal_among_many_is_a_limit(void **state)
{
    struct exchange *burst[] = {&first, &other};
    (void)state;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_GOOD, "2 requests");
    first.version = other.version = 20;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_GOOD, "one connection");
    first.reused = other.reused = false;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_GOOD, "several connections");
    first.version = other.version = 11;
    other.status = 404;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_GOOD, "2 requests");
    other.status = 429;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_FAULT, "429 by nginx");
    other.end = EXCHANGE_CLOSED;
    judge_burst(&report, burst, 2);
    must_be(LOOKED_FAULT, "no answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entity_tags_arrive_as_they_were_sent, start),
        cmocka_unit_test_setup(compression_leaves_the_tag_alone, start),
        cmocka_unit_test_setup(caches_give_themselves_away, start),
        cmocka_unit_test_setup(connections_serve_more_than_once, start),
        cmocka_unit_test_setup(head_is_answered_as_get, start),
        cmocka_unit_test_setup(the_present_index_is_answered_with_304, start),
        cmocka_unit_test_setup(one_refusal_among_many_is_a_limit, start),
    };
    return cmocka_run_group_tests_name("probe/judge", tests, NULL, NULL);
}
