/* SPDX-License-Identifier: ISC */
#include "fcgiwait/document.h"

#include <pthread.h>

#include "must.h"

static void a_document_is_a_copy(void **state)
{
    char type[] = "text/plain", body[] = "hello";
    (void)state;
    struct document *document = document_new(text_of(type), text_of(body));
    must(document != NULL, "no memory");
    memset(type, 'x', sizeof type - 1);
    memset(body, 'x', sizeof body - 1);
    assert_true(text_is(document->type, TEXT("text/plain")));
    assert_true(text_is(document->body, TEXT("hello")));
    document_unref(&document);
    assert_null(document);
}

static void it_may_be_empty_or_hold_any_bytes(void **state)
{
    (void)state;
    struct document *empty = document_new((struct text){NULL, 0}, (struct text){NULL, 0});
    struct document *bytes = document_new(TEXT("a/b"), TEXT("\0\xff\0"));
    must(empty != NULL && bytes != NULL, "no memory");
    assert_int_equal(empty->body.len, 0);
    assert_int_equal(empty->type.len, 0);
    assert_true(document_same(empty, TEXT(""), TEXT("")));
    assert_true(document_same(bytes, TEXT("a/b"), TEXT("\0\xff\0")));
    document_unref(&empty);
    document_unref(&bytes);
}

static void the_same_is_type_and_bytes(void **state)
{
    (void)state;
    struct document *document = document_new(TEXT("text/plain"), TEXT("hello"));
    must(document != NULL, "no memory");
    assert_true(document_same(document, TEXT("text/plain"), TEXT("hello")));
    assert_false(document_same(document, TEXT("text/html"), TEXT("hello")));
    assert_false(document_same(document, TEXT("Text/plain"), TEXT("hello")));
    assert_false(document_same(document, TEXT("text/plain"), TEXT("hello ")));
    assert_false(document_same(document, TEXT("text/plai"), TEXT("nhello")));
    document_unref(&document);
}

static bool is_json(struct text type, struct text body, bool is_known)
{
    struct document *document = document_new(type, body);
    must(document != NULL, "no memory");
    if (is_known)
        document_set_json(document);
    bool is = document_is_json(document);
    assert_int_equal(document_is_json(document), is);
    document_unref(&document);
    return is;
}

static void json_is_what_says_so_and_is(void **state)
{
    (void)state;
    assert_true(is_json(TEXT("application/json"), TEXT("{\"n\": 1}"), false));
    assert_false(is_json(TEXT("application/json"), TEXT("{\"n\": 1"), false));
    assert_false(is_json(TEXT("text/plain"), TEXT("1"), false));
    assert_true(is_json(TEXT("application/json"), TEXT("nobody looks"), true));
}

static void the_last_reference_frees(void **state)
{
    (void)state;
    struct document *first = document_new(TEXT("text/plain"), TEXT("hello"));
    must(first != NULL, "no memory");
    struct document *second = document_ref(first);
    assert_ptr_equal(first, second);
    document_unref(&first);
    assert_true(text_is(second->body, TEXT("hello")));
    document_unref(&second);
    struct document *none = NULL;
    document_unref(&none);
    assert_null(document_ref(NULL));
}

#define TIMES 20000

static void *hold_and_let_go(void *context)
{
    struct document *document = context;
    for (int i = 0; i < TIMES; i++) {
        struct document *mine = document_ref(document);
        document_unref(&mine);
    }
    document_unref(&document);
    return NULL;
}

/* Each thread has a reference of its own, and any of them may be the last: a sanitizer
 * would tell of one freed too early, or never. */
static void many_threads_share_it(void **state)
{
    pthread_t threads[4];
    (void)state;
    struct document *document = document_new(TEXT("text/plain"), TEXT("hello"));
    must(document != NULL, "no memory");
    for (int i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, hold_and_let_go, document_ref(document)) ==
                 0,
             "no thread");
    document_unref(&document);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_a_copy),
        cmocka_unit_test(it_may_be_empty_or_hold_any_bytes),
        cmocka_unit_test(the_same_is_type_and_bytes),
        cmocka_unit_test(json_is_what_says_so_and_is),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(many_threads_share_it),
    };
    return cmocka_run_group_tests_name("resource/document", tests, NULL, NULL);
}
