/* SPDX-License-Identifier: ISC */
/*
 * params: what the web server says arrives as it was said, and libfcgi would have heard
 * the same. An input is one byte of how, and lines of NAME=VALUE, or the bytes that stand
 * in the records themselves.
 */
#include "cgi_text.h"

#include "front/fcgi.h"
#include "front/params.h"
#include "libfcgi.h"

#define HOW_RAW 64   /* bytes, not lines */
#define HOW_LONG 1   /* lengths in four bytes where one would do */
#define HOW_SPLIT 62 /* twice the length of a record; 0: as long as can be */

#define RECORD 8

/* What is sent. */
struct stream {
    char *bytes;
    size_t len;
};

static void put(struct stream *stream, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(stream->bytes + stream->len, bytes, len);
    stream->len += len;
}

static void put_length(struct stream *stream, size_t len, bool is_long)
{
    unsigned char four[] = {(unsigned char)(0x80 | len >> 24), (unsigned char)(len >> 16),
                            (unsigned char)(len >> 8), (unsigned char)len};
    if (is_long || len > 127)
        put(stream, four, 4);
    else
        put(stream, four + 3, 1);
}

static void put_record(struct stream *stream, unsigned char type, struct text content)
{
    unsigned char header[RECORD] = {
        1, type, 0, 1, (unsigned char)(content.len >> 8), (unsigned char)content.len};
    put(stream, header, sizeof header);
    put(stream, content.at, content.len);
}

/* The lines as name-value pairs. At most nine bytes for each byte of them. */
static struct text encode(struct text lines, bool is_long)
{
    struct stream pairs = {fuzz_room(9 * lines.len + 9), 0};
    struct text line, name;
    while (text_cut(&lines, '\n', &line)) {
        text_cut(&line, '=', &name);
        put_length(&pairs, name.len, is_long);
        put_length(&pairs, line.len, is_long);
        put(&pairs, name.at, name.len);
        put(&pairs, line.at, line.len);
    }
    return (struct text){pairs.bytes, pairs.len};
}

/* A whole request without a body. */
static struct text request(struct text pairs, size_t record)
{
    struct stream all = {fuzz_room((RECORD + 1) * (pairs.len + 5)), 0};
    struct text rest = pairs;
    put_record(&all, 1, TEXT("\0\1\0\0\0\0\0\0"));
    while (rest.len > 0) {
        size_t len = rest.len < record ? rest.len : record;
        put_record(&all, 4, (struct text){rest.at, len});
        text_skip(&rest, len);
    }
    put_record(&all, 4, TEXT(""));
    put_record(&all, 5, TEXT(""));
    return (struct text){all.bytes, all.len};
}

/* What is to arrive. */
static char *expected(struct text lines, size_t *len)
{
    struct cgi cgi = {.too_long = false};
    struct text line, name;
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL)
        exit(1);
    while (text_cut(&lines, '\n', &line)) {
        text_cut(&line, '=', &name);
        cgi_add(&cgi, name, line.at != NULL ? line : TEXT(""));
    }
    cgi_text(out, &cgi);
    fclose(out);
    return text;
}

static bool names_are_sound(struct text lines)
{
    struct text line, name;
    while (text_cut(&lines, '\n', &line)) {
        text_cut(&line, '=', &name);
        if (name.len > 0 && memchr(name.at, '\0', name.len) != NULL)
            return false;
    }
    return true;
}

static void check_arrives(struct fcgi_reader *reader, struct text lines, struct text sent)
{
    bool sound = names_are_sound(lines);
    enum fcgi_event event = fcgi_feed(reader, &sent);
    if (!sound) {
        holds(event == FCGI_BROKEN);
        return;
    }
    holds(event == FCGI_HEAD);
    fcgi_keep_body(reader, 0);
    holds(fcgi_feed(reader, &sent) == FCGI_WHOLE && sent.len == 0);

    size_t said_len, heard_len;
    char *heard = NULL, *said = expected(lines, &said_len);
    FILE *out = open_memstream(&heard, &heard_len);
    if (out == NULL)
        exit(1);
    cgi_text(out, fcgi_reader_cgi(reader));
    fclose(out);
    holds(said_len == heard_len && memcmp(said, heard, said_len) == 0);
    free(heard);
    free(said);
}

/* --- as libfcgi does it --- */

/* Whether libfcgi can be asked: whatever else is wrong, it goes by the lengths. */
static bool is_for_libfcgi(struct text pairs)
{
    size_t name, value;
    if (pairs.len > PARAMS_MOST)
        return false;
    while (params_take_length(&pairs, &name) && params_take_length(&pairs, &value)) {
        if (name > LIBFCGI_LENGTH_MOST || value > LIBFCGI_LENGTH_MOST)
            return false;
        if (name > pairs.len || value > pairs.len - name)
            return true;
        text_skip(&pairs, name + value);
    }
    return true;
}

/* Its strings end at a NUL, where our values go on. */
static bool is_same(const char *theirs, struct text name, struct text value)
{
    size_t len = strnlen(value.len > 0 ? value.at : "", value.len);
    return strlen(theirs) == name.len + 1 + len &&
           memcmp(theirs, name.at, name.len) == 0 && theirs[name.len] == '=' &&
           memcmp(theirs + name.len + 1, value.at, len) == 0;
}

static bool has_nul_in_a_name(struct text pairs)
{
    size_t name, value;
    while (params_take_length(&pairs, &name) && params_take_length(&pairs, &value) &&
           name <= pairs.len && value <= pairs.len - name) {
        if (name > 0 && memchr(pairs.at, '\0', name) != NULL)
            return true;
        text_skip(&pairs, name + value);
    }
    return false;
}

static void check_like_libfcgi(struct text pairs, size_t record)
{
    struct libfcgi libfcgi;
    struct text rest = pairs, name, value;
    bool taken = true;
    if (!is_for_libfcgi(pairs))
        return;
    libfcgi_decode(&libfcgi, pairs, record);
    char **theirs = libfcgi.environment;
    while (rest.len > 0 && (taken = params_take_pair(&rest, &name, &value))) {
        holds(fuzz_within(name, pairs) && fuzz_within(value, pairs));
        if (theirs != NULL)
            holds(*theirs != NULL && is_same(*theirs++, name, value));
    }
    if (taken)
        holds(theirs != NULL && *theirs == NULL);
    else
        holds(theirs == NULL || has_nul_in_a_name(pairs));
    libfcgi_forget(&libfcgi);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text lines = {(const char *)data, size};
    uint8_t how = fuzz_byte(&lines);
    bool is_raw = (how & HOW_RAW) != 0;

    size_t record = (how & HOW_SPLIT) > 0 ? (how & HOW_SPLIT) / 2u : 65535;
    struct text pairs =
        is_raw ? fuzz_joined(lines, TEXT("")) : encode(lines, (how & HOW_LONG) != 0);
    struct text sent = request(pairs, record);
    struct fcgi_reader *reader = fcgi_reader_new();
    holds(reader != NULL);
    if (!is_raw && pairs.len <= PARAMS_MOST)
        check_arrives(reader, lines, sent);
    check_like_libfcgi(pairs, record);
    fcgi_reader_free(&reader);
    free((char *)sent.at);
    free((char *)pairs.at);
    return 0;
}
