/* SPDX-License-Identifier: ISC */
#include "fcgiwait/etag.h"

#include "must.h"

static void an_index_in_quotes_is_its_entity_tag(void **state)
{
    char tag[ETAG_TEXT];
    (void)state;
    assert_int_equal(etag_format(7, tag), 3);
    assert_string_equal(tag, "\"7\"");
    assert_int_equal(etag_format(0, tag), 3);
    assert_string_equal(tag, "\"0\"");
    assert_int_equal(etag_format(UINT64_MAX, tag), 22);
    assert_string_equal(tag, "\"18446744073709551615\"");
}

static void lists_are_compared_weakly_and_strongly(void **state)
{
    static const struct {
        const char *list; /* for index 7 */
        enum etag_match weak, strong;
    } rows[] = {
        {"\"7\"", ETAG_SAME, ETAG_SAME},
        {"W/\"7\"", ETAG_SAME, ETAG_NONE},
        {"*", ETAG_ANY, ETAG_ANY},
        {" * ", ETAG_ANY, ETAG_ANY},
        {"\"*\"", ETAG_NONE, ETAG_NONE},
        {"*, \"7\"", ETAG_NONE, ETAG_NONE},
        {"\"6\"", ETAG_NONE, ETAG_NONE},
        {"\"07\"", ETAG_NONE, ETAG_NONE},
        {"\" 7\"", ETAG_NONE, ETAG_NONE},
        {"\"77\"", ETAG_NONE, ETAG_NONE},
        {"7", ETAG_NONE, ETAG_NONE},
        {"'7'", ETAG_NONE, ETAG_NONE},
        {"", ETAG_NONE, ETAG_NONE},
        {"\"", ETAG_NONE, ETAG_NONE},
        {"\"7", ETAG_NONE, ETAG_NONE},
        {"W/", ETAG_NONE, ETAG_NONE},
        {"W/\"", ETAG_NONE, ETAG_NONE},
        {"w/\"7\"", ETAG_NONE, ETAG_NONE},
        {"W/ \"7\"", ETAG_NONE, ETAG_NONE},
        {"\"1\", \"7\"", ETAG_SAME, ETAG_SAME},
        {"\"1\",\"7\"", ETAG_SAME, ETAG_SAME},
        {"\"7\", \"1\"", ETAG_SAME, ETAG_SAME},
        {"W/\"7\", \"7\"", ETAG_SAME, ETAG_SAME},
        {"\"7\", W/\"7\"", ETAG_SAME, ETAG_SAME},
        {", ,\t\"7\" ,,", ETAG_SAME, ETAG_SAME},
        {"\"a,b\", \"7\"", ETAG_SAME, ETAG_SAME},
        {"\"a,\"7\"", ETAG_NONE, ETAG_NONE},
        {"\"\", \"7\"", ETAG_SAME, ETAG_SAME},
        {"\"7-gzip\"", ETAG_NONE, ETAG_NONE},
        {"\"7\" or what", ETAG_SAME, ETAG_SAME},
        {"what, \"7\"", ETAG_NONE, ETAG_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text list = text_of(rows[i].list);
        if (etag_matches(list, 7, true) != rows[i].weak)
            fail_msg("weakly, %s is wrong", rows[i].list);
        if (etag_matches(list, 7, false) != rows[i].strong)
            fail_msg("strongly, %s is wrong", rows[i].list);
    }
}

static void nothing_behind_a_list_is_read(void **state)
{
    static const char list[] = "\"1\" , W/\"7\"";
    (void)state;
    for (size_t len = 0; len < sizeof list - 1; len++) {
        char bytes[sizeof list];
        char *at = bytes + sizeof bytes - len;
        memcpy(at, list, len);
        assert_int_equal(etag_matches((struct text){at, len}, 7, true), ETAG_NONE);
    }
    assert_int_equal(etag_matches((struct text){NULL, 0}, 7, true), ETAG_NONE);
}

static void the_newest_tag_within_is_an_index_as_we_write_it(void **state)
{
    static const struct {
        const char *list;
        uint64_t newest; /* from 5 to 9 */
    } rows[] = {{"\"5\"", 5},
                {"\"9\"", 9},
                {"\"4\"", 0},
                {"\"10\"", 0},
                {"W/\"7\"", 7},
                {"\"1\", \"7\"", 7},
                {"\"07\"", 0},
                {"\"7x\"", 0},
                {"\"\"", 0},
                {"*", 0},
                {"7", 0},
                {"x, \"7\"", 0},
                {"\"a,b\",\"6\"", 6},
                {"\"-7\"", 0},
                {"\"6\", \"8\", \"7\"", 8},
                {"\"8\", \"10\"", 8},
                {"", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (etag_newest(text_of(rows[i].list), 5, 9) != rows[i].newest)
            fail_msg("%s", rows[i].list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_in_quotes_is_its_entity_tag),
        cmocka_unit_test(lists_are_compared_weakly_and_strongly),
        cmocka_unit_test(the_newest_tag_within_is_an_index_as_we_write_it),
        cmocka_unit_test(nothing_behind_a_list_is_read),
    };
    return cmocka_run_group_tests_name("http/etag", tests, NULL, NULL);
}
