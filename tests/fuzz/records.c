/* SPDX-License-Identifier: ISC */
/*
 * records: whatever comes in on a connection, and whatever the pieces that it comes in.
 * An input is one byte of how, a count, so many sizes of pieces, and the stream.
 */
#include "cgi_text.h"

#include "front/fcgi.h"

#define HOW_BUSY 1  /* a request is being answered while more comes in */
#define HOW_READY 2 /* ... until an answer of the protocol itself goes out */
#define HOW_BODY 4  /* bodies are dropped above 16 bytes */

/* What came of the stream, event for event. */
struct course {
    struct fcgi_reader *reader;
    uint8_t how;
    bool over;
    FILE *out;
    char *text;
    size_t len;
};

static void course_begin(struct course *course, uint8_t how)
{
    *course = (struct course){.how = how};
    course->reader = fcgi_reader_new();
    course->out = open_memstream(&course->text, &course->len);
    if (course->reader == NULL || course->out == NULL)
        exit(1);
    holds(fcgi_reader_rests(course->reader));
}

static void course_end(struct course *course)
{
    /* After its last answer nobody reads on, padding or not. */
    if (!course->over)
        fprintf(course->out, "rests %d\n", fcgi_reader_rests(course->reader));
    fclose(course->out);
    fcgi_reader_free(&course->reader);
}

static void whole(struct course *course)
{
    struct fcgi_reader *reader = course->reader;
    const struct cgi *cgi = fcgi_reader_cgi(reader);
    uint16_t id = fcgi_reader_id(reader);
    holds(cgi->body.len == 0 || cgi->body.len == cgi->body_length);
    fprintf(course->out, "whole %d %d", id, fcgi_reader_keeps(reader));
    cgi_text(course->out, cgi);
    fcgi_reader_follow(reader, (course->how & HOW_BUSY) != 0 ? id : 0);
}

static void answer(struct course *course)
{
    struct text said = fcgi_reader_answer(course->reader);
    const unsigned char *record = (const unsigned char *)said.at;
    holds(said.len >= 8 && said.len == 8 + ((size_t)record[4] << 8 | record[5]));
    fputs("answer ", course->out);
    fwrite(said.at, 1, said.len, course->out);
    if ((course->how & HOW_READY) != 0)
        fcgi_reader_follow(course->reader, 0);
}

static void take(struct course *course, enum fcgi_event event)
{
    struct fcgi_reader *reader = course->reader;
    switch (event) {
    case FCGI_MORE:
        return;
    case FCGI_HEAD:
        fputs("head", course->out);
        cgi_text(course->out, fcgi_reader_cgi(reader));
        fcgi_keep_body(reader, (course->how & HOW_BODY) != 0 ? 16 : 1 << 20);
        break;
    case FCGI_WHOLE:
        whole(course);
        break;
    case FCGI_ABORTED:
        fprintf(course->out, "aborted %d", fcgi_reader_id(reader));
        fcgi_reader_reset(reader);
        break;
    case FCGI_REPLY:
        answer(course);
        break;
    case FCGI_LAST:
        answer(course);
        course->over = true;
        break;
    case FCGI_BROKEN:
        fprintf(course->out, "broken: %s", fcgi_reader_wrong(reader));
        course->over = true;
        break;
    }
    fputc('\n', course->out);
}

static void course_feed(struct course *course, struct text bytes)
{
    struct text copy = fuzz_joined(bytes, TEXT("")), left = copy;
    while (left.len > 0 && !course->over) {
        size_t before = left.len;
        enum fcgi_event event = fcgi_feed(course->reader, &left);
        holds(event == FCGI_BROKEN || left.len < before);
        holds(event != FCGI_MORE || left.len == 0);
        take(course, event);
    }
    free((char *)copy.at);
}

static void feed_pieces(struct course *course, struct text sizes, struct text stream)
{
    for (size_t i = 0; stream.len > 0; i++) {
        size_t len = sizes.len > 0 ? (size_t)(uint8_t)sizes.at[i % sizes.len] + 1 : 1;
        if (len > stream.len)
            len = stream.len;
        course_feed(course, (struct text){stream.at, len});
        text_skip(&stream, len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text stream = {(const char *)data, size};
    struct course one, many;

    uint8_t how = fuzz_byte(&stream);
    size_t count = fuzz_byte(&stream) % 16;
    if (count > stream.len)
        count = stream.len;
    struct text sizes = {stream.at, count};
    text_skip(&stream, count);

    course_begin(&one, how);
    course_feed(&one, stream);
    course_end(&one);
    course_begin(&many, how);
    feed_pieces(&many, sizes, stream);
    course_end(&many);
    holds(one.len == many.len && memcmp(one.text, many.text, one.len) == 0);
    free(one.text);
    free(many.text);
    return 0;
}
