/* SPDX-License-Identifier: ISC */
/* Events as EventSource reads them: byte for byte, and read back. */
#include "service/sse.h"

#include <stdlib.h>

#include "must.h"

static void must_be(size_t len, const char *out, const char *expected)
{
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
}

static void events_are_whole(void **state)
{
    char out[256];
    (void)state;
    must_be(sse_opening(2345, out), out, ":\nretry: 2345\n\n");
    must_be(sse_message(17, TEXT("{\"n\":1}"), out), out, "id: 17\ndata: {\"n\":1}\n\n");
    must_be(sse_named(TEXT("missing"), 18, TEXT("{\"index\":18}"), out), out,
            "event: missing\nid: 18\ndata: {\"index\":18}\n\n");
    must_be(sse_message(UINT64_C(9007199254740991), TEXT(""), out), out,
            "id: 9007199254740991\ndata: \n\n");
}

static void every_line_break_is_one(void **state)
{
    static const struct {
        const char *data, *lines;
    } rows[] = {
        {"a\nb", "data: a\ndata: b\n"},
        {"a\r\nb", "data: a\ndata: b\n"},
        {"a\rb", "data: a\ndata: b\n"},
        {"a\n\rb", "data: a\ndata: \ndata: b\n"},
        {"a\n", "data: a\ndata: \n"},
        {"\r\n", "data: \ndata: \n"},
        {"\n\n", "data: \ndata: \ndata: \n"},
        {"a\r", "data: a\ndata: \n"},
        {" a: b", "data:  a: b\n"},
        {":c\nid: 9\nevent: x", "data: :c\ndata: id: 9\ndata: event: x\n"},
    };
    char out[256], expected[256] = "";
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(expected, "id: 1\n");
        strcat(strcat(expected, rows[i].lines), "\n");
        must_be(sse_message(1, text_of(rows[i].data), out), out, expected);
    }
}

/* What is measured is what is written. */
static void measured_is_written(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 3000; seed++) {
        unsigned short random[3] = {(unsigned short)seed, 1, 2};
        char data[40], *out;
        struct text t = {data, (size_t)(nrand48(random) % 40)};
        for (size_t i = 0; i < t.len; i++)
            data[i] = "\r\nax"[nrand48(random) % 4];
        size_t len = sse_named(TEXT("x"), seed, t, NULL);
        out = malloc(len); /* no byte more */
        must(out != NULL, "no memory");
        assert_int_equal(sse_named(TEXT("x"), seed, t, out), len);
        assert_memory_equal(out + len - 2, "\n\n", 2);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_whole),
        cmocka_unit_test(every_line_break_is_one),
        cmocka_unit_test(measured_is_written),
    };
    return cmocka_run_group_tests_name("service/sse", tests, NULL, NULL);
}
