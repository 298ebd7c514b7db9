/* What libfcgi makes of the same bytes is what the parameters are. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcgiapp.h>
/* fastcgi.h and fcgiapp.h call a macro alike. */
#include <fastcgi.h>

#include "front/params.h"
#include "front/record.h"
#include "must.h"

struct bytes {
    char at[70000];
    size_t len;
};

static void put(struct bytes *bytes, const void *more, size_t len)
{
    memcpy(bytes->at + bytes->len, more, len);
    bytes->len += len;
}

static void put_length(struct bytes *bytes, size_t len, bool is_long)
{
    unsigned char four[] = {(unsigned char)(0x80 | len >> 24), (unsigned char)(len >> 16),
                            (unsigned char)(len >> 8), (unsigned char)len};
    put(bytes, is_long ? four : four + 3, is_long ? 4 : 1);
}

static void put_pair(struct bytes *bytes, struct text name, struct text value,
                     bool is_long)
{
    put_length(bytes, name.len, is_long || name.len > 127);
    put_length(bytes, value.len, is_long || value.len > 127);
    put(bytes, name.at, name.len);
    put(bytes, value.at, value.len);
}

static void put_record(struct bytes *bytes, unsigned char type, struct text content)
{
    unsigned char header[RECORD_HEADER];
    record_header(header, type, 1, content.len);
    put(bytes, header, sizeof header);
    put(bytes, content.at, content.len);
}

/* The value that libfcgi finds, malloc'd; NULL: none, or it refuses the request. */
static char *by_libfcgi(const struct bytes *pairs, const char *name)
{
    struct bytes *all = calloc(1, sizeof *all);
    int ends[2], room = 4 * sizeof *all;
    FCGX_Request request;
    char *value = NULL;
    must(all != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no memory");
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    put_record(all, FCGI_BEGIN_REQUEST, TEXT("\0\1\1\0\0\0\0\0"));
    if (pairs->len > 0)
        put_record(all, FCGI_PARAMS, (struct text){pairs->at, pairs->len});
    put_record(all, FCGI_PARAMS, TEXT(""));
    assert_int_equal(send(ends[0], all->at, all->len, MSG_DONTWAIT), all->len);
    shutdown(ends[0], SHUT_WR);
    FCGX_InitRequest(&request, -1, 0);
    request.ipcFd = ends[1];
    request.keepConnection = 1; /* reads from it instead of accepting */
    if (FCGX_Accept_r(&request) == 0) {
        const char *found = FCGX_GetParam(name, request.envp);
        value = found != NULL ? strdup(found) : NULL;
        FCGX_Free(&request, 1);
    }
    close(ends[0]);
    free(all);
    return value;
}

static const char *by_us(const struct bytes *pairs, struct params *params,
                         struct cgi *cgi)
{
    *cgi = (struct cgi){.too_long = false};
    params_reset(params);
    assert_true(params_add(params, (struct text){pairs->at, pairs->len}));
    return params_decode(params, cgi);
}

/* Those that we keep, under each length that is written in another way. */
static void values_are_those_that_libfcgi_reads(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 126, 127, 128, 129, 255, 256, 5000, 60000};
    static char value[60000];
    struct params *params = params_new();
    struct bytes *pairs = calloc(1, sizeof *pairs);
    (void)state;
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < 2 * sizeof lengths / sizeof *lengths; i++) {
        struct text said = {value, lengths[i / 2]};
        struct cgi cgi;
        pairs->len = 0;
        put_pair(pairs, TEXT("HTTP_USER_AGENT"), TEXT("curl/7 = x"), i % 2);
        put_pair(pairs, TEXT("QUERY_STRING"), said, i % 2);
        put_pair(pairs, TEXT("QUERY_STRING"), TEXT("the second counts nowhere"), i % 2);
        put_pair(pairs, TEXT(""), TEXT("no name"), i % 2);
        put_pair(pairs, TEXT("PATH_INFO"), TEXT("/a=b"), i % 2);
        assert_null(by_us(pairs, params, &cgi));
        char *query = by_libfcgi(pairs, "QUERY_STRING");
        char *path = by_libfcgi(pairs, "PATH_INFO");
        assert_true(text_is(cgi.query, said) && text_is(said, text_of(query)));
        assert_true(text_is(cgi.path_info, TEXT("/a=b")));
        assert_string_equal(path, "/a=b");
        free(query);
        free(path);
    }
    params_free(&params);
    free(pairs);
}

/* Wherever they break off, but between two pairs. */
static void half_a_pair_is_none(void **state)
{
    struct params *params = params_new();
    struct bytes *pairs = calloc(1, sizeof *pairs);
    struct cgi cgi;
    (void)state;
    put_pair(pairs, TEXT("REQUEST_METHOD"), TEXT("GET"), false);
    size_t one = pairs->len;
    put_pair(pairs, TEXT("PATH_INFO"), TEXT("/a"), true);
    for (size_t whole = pairs->len; pairs->len > 0; pairs->len--) {
        const char *wrong = by_us(pairs, params, &cgi);
        char *theirs = by_libfcgi(pairs, "REQUEST_METHOD");
        bool sound = pairs->len == whole || pairs->len == one;
        assert_int_equal(wrong == NULL, sound);
        assert_true(!sound || text_is(text_of(theirs), cgi.method));
        free(theirs);
    }
    params_free(&params);
    free(pairs);
}

static void a_nul_is_in_no_parameter(void **state)
{
    struct params *params = params_new();
    struct bytes *pairs = calloc(1, sizeof *pairs);
    struct cgi cgi;
    (void)state;
    put_pair(pairs, TEXT("PATH_INFO"), TEXT("/a\0b"), false);
    assert_non_null(by_us(pairs, params, &cgi));
    params_free(&params);
    free(pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_that_libfcgi_reads),
        cmocka_unit_test(half_a_pair_is_none),
        cmocka_unit_test(a_nul_is_in_no_parameter),
    };
    FCGX_Init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
