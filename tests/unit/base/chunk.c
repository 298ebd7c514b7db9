/* SPDX-License-Identifier: ISC */
/* Bytes that many share, and the last of them frees. */
#include "fcgiwait/chunk.h"

#include <pthread.h>

#include "must.h"

static void a_copy_has_the_bytes(void **state)
{
    struct chunk *chunk = chunk_of(TEXT("data: x\n\n"));
    struct chunk *empty = chunk_of(TEXT(""));
    (void)state;
    must(chunk != NULL && empty != NULL, "no memory");
    assert_true(text_is(chunk_text(chunk), TEXT("data: x\n\n")));
    assert_int_equal(chunk_text(empty).len, 0);
    chunk_unref(&chunk);
    assert_null(chunk);
    chunk_unref(&empty);
    chunk_unref(&empty); /* none */
}

static void a_text_may_lie_within_bytes_that_it_takes_over(void **state)
{
    char *bytes = strdup("..told");
    (void)state;
    must(bytes != NULL, "no memory");
    struct chunk *chunk = chunk_around(bytes, (struct text){bytes + 2, 4});
    must(chunk != NULL, "no memory");
    assert_true(text_is(chunk_text(chunk), TEXT("told")));
    chunk_unref(&chunk);
}

static void *let_go(void *context)
{
    struct chunk *chunk = context;
    for (int i = 0; i < 1000; i++) {
        struct chunk *mine = chunk_ref(chunk);
        must(mine->bytes[0] == 'x', "gone");
        chunk_unref(&mine);
    }
    chunk_unref(&chunk);
    return NULL;
}

/* A sanitizer would see it go too early, or not at all. */
static void it_is_there_as_long_as_anybody_has_it(void **state)
{
    struct chunk *chunk = chunk_new(1);
    pthread_t threads[4];
    (void)state;
    must(chunk != NULL, "no memory");
    chunk->bytes[0] = 'x';
    for (int i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, let_go, chunk_ref(chunk)) == 0,
             "no thread");
    chunk_unref(&chunk);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_the_bytes),
        cmocka_unit_test(a_text_may_lie_within_bytes_that_it_takes_over),
        cmocka_unit_test(it_is_there_as_long_as_anybody_has_it),
    };
    return cmocka_run_group_tests_name("base/chunk", tests, NULL, NULL);
}
