/* SPDX-License-Identifier: ISC */
/* Headers of an answer, found where they lie. */
#include "answer_of.h"

static const char head[] = "HTTP/1.1 200 OK\n"
                           "Server: nginx/1.22.1\n"
                           "X-POLLING-INDEX:  17 \n"
                           "Vary: Accept-Encoding, Prefer\n"
                           "Empty:\n"
                           "Server: second\n"
                           "no colon here\n"
                           "\n";

static struct exchange exchange;

static int start(void **state)
{
    (void)state;
    answer_of(&exchange, 200, head, "body");
    return 0;
}

static void a_header_is_found_in_any_letter_case(void **state)
{
    (void)state;
    assert_true(text_is(exchange_header(&exchange, "server"), TEXT("nginx/1.22.1")));
    assert_true(text_is(exchange_header(&exchange, "X-Polling-Index"), TEXT("17")));
    assert_true(exchange_has(&exchange, "empty"));
    assert_int_equal(exchange_header(&exchange, "empty").len, 0);
    assert_false(exchange_has(&exchange, "Serve"));
    assert_false(exchange_has(&exchange, "no colon here"));
}

static void a_word_is_found_within_a_value(void **state)
{
    (void)state;
    assert_true(exchange_says(&exchange, "Vary", "prefer"));
    assert_true(exchange_says(&exchange, "Vary", "ACCEPT"));
    assert_false(exchange_says(&exchange, "Vary", "preference"));
    assert_false(exchange_says(&exchange, "Empty", "a"));
    assert_false(exchange_says(&exchange, "Absent", "a"));
}

static void each_line_of_a_name_counts(void **state)
{
    (void)state;
    assert_int_equal(exchange_count(&exchange, "server"), 2);
    assert_int_equal(exchange_count(&exchange, "Empty"), 1);
    assert_int_equal(exchange_count(&exchange, "Absent"), 0);
    assert_true(exchange_says(&exchange, "Server", "nginx"));
    assert_true(exchange_says(&exchange, "Server", "second"));
    assert_true(exchange_lists(&exchange, "Server", TEXT("SECOND")));
    assert_true(exchange_lists(&exchange, "Vary", TEXT("accept-encoding")));
    assert_true(exchange_lists(&exchange, "Vary", TEXT("Prefer")));
    assert_false(exchange_lists(&exchange, "Vary", TEXT("encoding")));
    assert_false(exchange_lists(&exchange, "Absent", TEXT("a")));
}

static void an_index_is_a_number(void **state)
{
    static const char *const none[] = {"", "X-Polling-Index: abc\n",
                                       "X-Polling-Index: -1\n", "X-Polling-Index:\n"};
    uint64_t index = 0;
    (void)state;
    assert_true(exchange_index(&exchange, &index));
    assert_int_equal(index, 17);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        answer_of(&exchange, 200, none[i], "");
        assert_false(exchange_index(&exchange, &index));
    }
}

static void a_long_body_is_kept_in_part(void **state)
{
    (void)state;
    assert_true(text_is(exchange_body(&exchange), TEXT("body")));
    exchange.body_len = 1000000;
    assert_int_equal(exchange_body(&exchange).len, EXCHANGE_BODY);
}

static nanos event_of(const char *const pieces[], size_t count)
{
    answer_of(&exchange, 200, head, "");
    exchange.body_at = exchange.event_at = -1;
    for (size_t i = 0; i < count; i++)
        exchange_take(&exchange, pieces[i], strlen(pieces[i]), (nanos)i + 1);
    return exchange.event_at;
}
#define EVENT_OF(...)                                                                    \
    event_of((const char *const[]){__VA_ARGS__},                                         \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* By the number of the piece that ends it. */
static void an_event_is_whole_at_its_empty_line(void **state)
{
    (void)state;
    assert_int_equal(EVENT_OF("id: 7\ndata: {}\n\n"), 1);
    assert_int_equal(
        EVENT_OF(":\nretry: 5\n\n", "event: missing\nid: 7\nda", "ta: {}\n", "\n"), 4);
    assert_int_equal(EVENT_OF("data\r", "\n\r", "\n"), 3);
    assert_int_equal(EVENT_OF(":\nretry: 5\n\n", ":\n\n", "id: 7\n\n"), -1);
    assert_int_equal(EVENT_OF("data: 1\n", "data: 2\n"), -1);
    assert_int_equal(EVENT_OF(": data:\n\n", "\n\n"), -1);
    assert_int_equal(exchange.body_at, 1);
    assert_int_equal(exchange.body_len, 11);
}

/* A list begins so where nothing has changed. */
static void that_all_was_told_is_no_change(void **state)
{
    (void)state;
    assert_int_equal(EVENT_OF("event: current\nid: 7\ndata: {\"current\": 7}\n\n"), -1);
    assert_int_equal(EVENT_OF("event: curr", "ent\r\ndata: 7\r\n\r\n", "data: 8\n\n"), 3);
    assert_int_equal(EVENT_OF("event: currents\ndata: 7\n\n"), 1);
    assert_int_equal(EVENT_OF("event: reset\nid: 7\ndata: {}\n\n"), 1);
}

static void what_is_long_is_looked_through(void **state)
{
    static char most[EXCHANGE_BODY];
    (void)state;
    memset(most, 'x', sizeof most - 1);
    assert_int_equal(EVENT_OF("data: ", most, most, "\n\n"), 4);
    assert_int_equal(exchange.body_len, 2 * EXCHANGE_BODY + 6);
    assert_int_equal(exchange_body(&exchange).len, EXCHANGE_BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_header_is_found_in_any_letter_case, start),
        cmocka_unit_test_setup(a_word_is_found_within_a_value, start),
        cmocka_unit_test_setup(each_line_of_a_name_counts, start),
        cmocka_unit_test_setup(an_index_is_a_number, start),
        cmocka_unit_test_setup(a_long_body_is_kept_in_part, start),
        cmocka_unit_test(an_event_is_whole_at_its_empty_line),
        cmocka_unit_test(that_all_was_told_is_no_change),
        cmocka_unit_test(what_is_long_is_looked_through),
    };
    return cmocka_run_group_tests_name("probe/exchange", tests, NULL, NULL);
}
