/* SPDX-License-Identifier: ISC */
/* The reader when memory runs out: the request comes whole, or the connection is broken,
 * and says why. */
#include "front/fcgi.h"

#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "fcgi_client.h"
#include "must.h"

static struct records stream;

/* Parameters and a body that outgrow their first buffers. */
static int start(void **state)
{
    static char value[6000], body[20001];
    (void)state;
    memset(value, 'v', sizeof value - 1);
    memset(body, 'b', sizeof body - 1);
    records_begin(&stream, 1, true);
    records_params(&stream, 1,
                   (const char *const[]){"REQUEST_METHOD", "PUT", "HTTP_X", value, NULL});
    for (size_t at = 0; at < sizeof body - 1; at += 5000)
        records_add(&stream, FCGI_STDIN, 1, body + at, 5000);
    records_add(&stream, FCGI_STDIN, 1, NULL, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    records_free(&stream);
    return 0;
}

static enum fcgi_event read_request(struct fcgi_reader *reader, size_t piece)
{
    for (size_t at = 0; at < stream.len; at += piece) {
        size_t left = stream.len - at;
        struct text bytes = {stream.at + at, left < piece ? left : piece};
        while (bytes.len > 0) {
            enum fcgi_event event = fcgi_feed(reader, &bytes);
            if (event == FCGI_HEAD)
                fcgi_keep_body(reader, 100000);
            else if (event != FCGI_MORE)
                return event;
        }
    }
    return FCGI_MORE;
}

static bool reading(long nth, enum faults faults)
{
    faults_arm(nth, faults);
    struct fcgi_reader *reader = fcgi_reader_new();
    enum fcgi_event event = reader != NULL ? read_request(reader, 777) : FCGI_BROKEN;
    bool refused = faults_disarm();
    if (event == FCGI_BROKEN) {
        assert_true(refused);
        if (reader != NULL)
            assert_non_null(strstr(fcgi_reader_wrong(reader), "memory"));
    } else {
        const struct cgi *cgi = fcgi_reader_cgi(reader);
        assert_int_equal(event, FCGI_WHOLE);
        assert_int_equal(cgi->body.len, 20000);
        assert_int_equal(cgi->body_length, 20000);
        assert_true(text_is(cgi->method, TEXT("PUT")));
    }
    fcgi_reader_free(&reader);
    return refused;
}

static void reading_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(reading);
}

/* A reader that broke is given back all the same, and used again. */
static void a_reader_that_lacked_memory_can_be_reset(void **state)
{
    struct fcgi_reader *reader = fcgi_reader_new();
    (void)state;
    must(reader != NULL, "no memory");
    faults_arm(1, FAULTS_FROM_THEN);
    assert_int_equal(read_request(reader, stream.len), FCGI_BROKEN);
    assert_true(faults_disarm());
    fcgi_reader_free(&reader);
    reader = fcgi_reader_new();
    must(reader != NULL, "no memory");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_request(reader, stream.len), FCGI_WHOLE);
        fcgi_reader_reset(reader);
    }
    fcgi_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_each_lack),
        cmocka_unit_test(a_reader_that_lacked_memory_can_be_reset),
    };
    return cmocka_run_group_tests_name("fault/fcgi", tests, start, stop);
}
