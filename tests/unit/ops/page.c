/* SPDX-License-Identifier: ISC */
/* The live page as it was built in: cut in three, and nothing lost on the way. */
#include "fcgiwait/page.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

static struct text part(const char *query)
{
    struct page_file file;
    must(page_file(text_of(query), &file), "there is no %s", query);
    return file.bytes;
}

static bool has(struct text text, const char *what)
{
    return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

static char *read_source(size_t *len)
{
    const char *name = getenv("PAGE_SOURCE");
    must(name != NULL, "PAGE_SOURCE names no file");
    FILE *file = fopen(name, "r");
    must(file != NULL, "no %s", name);
    char *bytes = malloc(1 << 20);
    *len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* The part of the source between two lines of their own. */
static struct text between(struct text source, const char *first, const char *last)
{
    const char *from = memmem(source.at, source.len, first, strlen(first));
    must(from != NULL, "no %s", first);
    from += strlen(first);
    const char *to =
        memmem(from, source.len - (size_t)(from - source.at), last, strlen(last));
    must(to != NULL, "no %s", last);
    return (struct text){from, (size_t)(to - from) + 1};
}

static void style_and_script_are_the_sources_own_byte_for_byte(void **state)
{
    size_t len;
    char *bytes = read_source(&len);
    struct text source = {bytes, len};
    (void)state;
    assert_true(text_is(part("style"), between(source, "\n<style>\n", "\n</style>\n")));
    assert_true(
        text_is(part("script"), between(source, "\n<script>\n", "\n</script>\n")));
    free(bytes);
}

static void the_document_asks_for_both_and_has_neither(void **state)
{
    struct text document = part("");
    (void)state;
    assert_true(text_starts(document, TEXT("<!doctype html>\n")));
    assert_true(has(document, "<link rel=\"stylesheet\" href=\"?style\">"));
    assert_true(has(document, "<script src=\"?script\" defer></script>"));
    assert_false(has(document, "<style"));
    assert_false(has(document, "</style>"));
    assert_false(has(document, "<script>"));
    assert_true(has(document, "</html>\n"));
}

/* What a strict policy keeps out, and what would make markup of a stranger's path. */
static void nothing_in_it_needs_more_than_self(void **state)
{
    static const char *const no[] = {" style=\"", " onclick=", " onload=", "javascript:",
                                     "http://",   "https://",  "data:"};
    static const char *const never[] = {
        "innerHTML",      "outerHTML", "insertAdjacentHTML",
        "document.write", "eval(",     "new Function"};
    (void)state;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (has(part(""), no[i]))
            fail_msg("the document has %s", no[i]);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (has(part("script"), never[i]))
            fail_msg("the script has %s", never[i]);
    assert_false(has(part("style"), "url("));
}

static void there_is_nothing_else(void **state)
{
    struct page_file file;
    (void)state;
    assert_false(page_file(TEXT("events"), &file));
    assert_false(page_file(TEXT("style&"), &file));
    assert_false(page_file(TEXT("/"), &file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(style_and_script_are_the_sources_own_byte_for_byte),
        cmocka_unit_test(the_document_asks_for_both_and_has_neither),
        cmocka_unit_test(nothing_in_it_needs_more_than_self),
        cmocka_unit_test(there_is_nothing_else),
    };
    return cmocka_run_group_tests_name("ops/page", tests, NULL, NULL);
}
