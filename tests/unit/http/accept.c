/* SPDX-License-Identifier: ISC */
/* What a client would like to get, and when that is a stream. */
#include "fcgiwait/accept.h"

#include "must.h"

static void the_most_specific_range_counts(void **state)
{
    static const struct {
        const char *accept, *type;
        unsigned quality;
    } rows[] = {
        {"*/*", "text/html", 1000},
        {"", "text/html", 0},
        {"text/html", "text/html; charset=utf-8", 1000},
        {"TEXT/Html", "text/html", 1000},
        {"text/*;q=0.5", "text/html", 500},
        {"text/*;q=0.5, text/html;q=0.25", "text/html", 250},
        {"text/html;q=0.25, text/*;q=0.5", "text/html", 250},
        {"text/*;q=0.3, */*;q=0.9", "text/html", 300},
        {"text/*;q=0.3, */*;q=0.9", "image/png", 900},
        {"text/html;q=0, */*", "text/html", 0},
        {"application/json;q=1.000", "application/json", 1000},
        {"application/json;q=0.001", "application/json", 1},
        {"application/json;q=0.", "application/json", 0},
        {"application/json ; q=0.5", "application/json", 500},
        {"application/json;charset=utf-8;Q=0.5", "application/json", 500},
        {"application/json;v=\"a,b;q=0.1\";q=0.5", "application/json", 500},
        {"application/json;q=0.5;ext=1", "application/json", 500},
        /* passed over */
        {"application/json;q=1.5", "application/json", 0},
        {"application/json;q=2", "application/json", 0},
        {"application/json;q=0.1234", "application/json", 0},
        {"application/json;q=.5", "application/json", 0},
        {"application/json;q=-1, */*;q=0.2", "application/json", 200},
        {"application/json;q=", "application/json", 0},
        {"application json", "application/json", 0},
        {"*", "text/html", 0},
        {"text", "text/html", 0},
        {"/", "text/html", 0},
        {"*/html", "text/html", 0},
        {",,;q=1, , text/html", "text/html", 1000},
        {"text/html;v=\"unended, */*", "text/html", 1000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned quality = accept_quality(text_of(rows[i].accept), text_of(rows[i].type));
        if (quality != rows[i].quality)
            fail_msg("%s, %s: %u", rows[i].accept, rows[i].type, quality);
    }
}

static void a_stream_is_named_and_not_less_wanted(void **state)
{
    static const struct {
        const char *accept, *type;
        enum accept_stream stream;
    } rows[] = {
        /* EventSource; curl; a browser's address line; fetch */
        {"text/event-stream", "application/json", ACCEPT_EVENTS},
        {"*/*", "application/json", ACCEPT_NO_STREAM},
        {"", "application/json", ACCEPT_NO_STREAM},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
         "application/json", ACCEPT_NO_STREAM},
        {"application/x-ndjson", "application/json", ACCEPT_LINES},
        {"Application/X-NDJSON", "", ACCEPT_LINES},
        {"text/event-stream", "", ACCEPT_EVENTS},
        {"text/*", "image/png", ACCEPT_NO_STREAM},
        /* against what a GET gives */
        {"text/event-stream, */*", "application/json", ACCEPT_EVENTS},
        {"text/event-stream;q=0.9, */*", "application/json", ACCEPT_NO_STREAM},
        {"text/event-stream;q=0.9, */*;q=0.8", "application/json", ACCEPT_EVENTS},
        {"text/event-stream;q=0.5, application/json", "application/json",
         ACCEPT_NO_STREAM},
        {"text/event-stream;q=0.5, application/json", "image/png", ACCEPT_EVENTS},
        {"text/event-stream;q=0.5, application/json", "", ACCEPT_NO_STREAM},
        {"application/json, text/event-stream", "application/json", ACCEPT_EVENTS},
        {"text/event-stream;q=0", "", ACCEPT_NO_STREAM},
        {"text/event-stream;q=0, application/x-ndjson;q=0.1", "", ACCEPT_LINES},
        /* against each other */
        {"application/x-ndjson, text/event-stream", "", ACCEPT_LINES},
        {"text/event-stream, application/x-ndjson", "", ACCEPT_EVENTS},
        {"text/event-stream;q=0.5, application/x-ndjson;q=0.6", "", ACCEPT_LINES},
        {"text/event-stream;charset=utf-8", "", ACCEPT_EVENTS},
        {"text/event-streams", "", ACCEPT_NO_STREAM},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum accept_stream stream =
            accept_stream(text_of(rows[i].accept), text_of(rows[i].type), ACCEPT_STREAMS);
        if (stream != rows[i].stream)
            fail_msg("%s, %s: %d", rows[i].accept, rows[i].type, stream);
        if (stream != ACCEPT_NO_STREAM)
            assert_true(accept_names_stream(text_of(rows[i].accept)));
    }
}

static void without_a_stream_it_is_the_other_or_what_a_get_gives(void **state)
{
    static const struct {
        const char *accept, *type;
        unsigned streams;
        enum accept_stream stream;
        bool takes_get;
    } rows[] = {
        {"text/event-stream", "text/html", 0, ACCEPT_NO_STREAM, false},
        {"text/event-stream", "", 0, ACCEPT_NO_STREAM, false},
        {"text/event-stream, application/x-ndjson", "", 0, ACCEPT_NO_STREAM, false},
        {"text/event-stream, */*", "text/html", 0, ACCEPT_NO_STREAM, true},
        {"text/event-stream, */*;q=0.001", "text/html", 0, ACCEPT_NO_STREAM, true},
        {"text/event-stream, */*;q=0", "text/html", 0, ACCEPT_NO_STREAM, false},
        {"text/event-stream, text/*", "text/html", 0, ACCEPT_NO_STREAM, true},
        {"text/event-stream, text/*", "image/png", 0, ACCEPT_NO_STREAM, false},
        {"text/event-stream, */*, image/png;q=0", "image/png", 0, ACCEPT_NO_STREAM,
         false},
        {"text/event-stream, image/png", "", 0, ACCEPT_NO_STREAM, true},
        {"text/event-stream, image/png;q=0", "", 0, ACCEPT_NO_STREAM, false},
        {"application/x-ndjson", "application/x-ndjson", 0, ACCEPT_NO_STREAM, true},
        {"text/event-stream, image/png", "image/png", ACCEPT_LINES, ACCEPT_NO_STREAM,
         true},
        {"text/event-stream, application/x-ndjson;q=0.5", "image/png", ACCEPT_LINES,
         ACCEPT_LINES, false},
        {"text/event-stream, application/x-ndjson;q=0.5, */*;q=0.6", "image/png",
         ACCEPT_LINES, ACCEPT_NO_STREAM, true},
        {"application/x-ndjson, text/event-stream;q=0.5", "", ACCEPT_EVENTS,
         ACCEPT_EVENTS, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text accept = text_of(rows[i].accept), type = text_of(rows[i].type);
        if (accept_stream(accept, type, rows[i].streams) != rows[i].stream ||
            accept_takes_get(accept, type) != rows[i].takes_get)
            fail_msg("%s, %s", rows[i].accept, rows[i].type);
    }
}

static void a_stream_may_be_named_at_all(void **state)
{
    (void)state;
    assert_true(accept_names_stream(TEXT("application/json, text/event-stream;q=0.1")));
    assert_false(accept_names_stream(TEXT("application/json, text/event-stream;q=0")));
    assert_false(accept_names_stream(TEXT("text/html,application/xhtml+xml,*/*;q=0.8")));
    assert_false(accept_names_stream(TEXT("*/*")));
    assert_false(accept_names_stream((struct text){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_range_counts),
        cmocka_unit_test(a_stream_is_named_and_not_less_wanted),
        cmocka_unit_test(without_a_stream_it_is_the_other_or_what_a_get_gives),
        cmocka_unit_test(a_stream_may_be_named_at_all),
    };
    return cmocka_run_group_tests_name("http/accept", tests, NULL, NULL);
}
