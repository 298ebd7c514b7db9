/* SPDX-License-Identifier: ISC */
/* Everything below a path, in one answer: what is told, and what is not. */
#include "fcgiwait/service.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

static struct cgi below(const char *path, const char *query)
{
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = text_of(path),
                        .query = text_of(query),
                        .scope = TEXT("below")};
}

static struct cgi publish(const char *method, const char *path)
{
    return (struct cgi){.method = text_of(method),
                        .script_name = text_of(path),
                        .access = TEXT("publish")};
}

static uint64_t index_of(const struct visit *visit)
{
    char value[256];
    const char *found = visit_header(visit, "X-Polling-Index", value);
    assert_non_null(found);
    return strtoull(found, NULL, 10);
}

static void must_tell(const struct visit *visit, const char *expected)
{
    if (strcmp(visit->body, expected) != 0)
        fail_msg("%s\nis not\n%s", visit->body, expected);
}

static int ask(struct service_rig *rig, struct visit *visit, const char *path,
               const char *query)
{
    struct cgi cgi = below(path, query);
    return service_rig_ask(rig, visit, &cgi);
}

static int ask_since(struct service_rig *rig, struct visit *visit, const char *path,
                     uint64_t index, const char *more)
{
    char query[128];
    snprintf(query, sizeof query, "index=%llu&wait=0%s", (unsigned long long)index, more);
    return ask(rig, visit, path, query);
}

/* `text` with the indexes in place of its three first #. */
static const char *told(char out[1024], const char *text, uint64_t a, uint64_t b,
                        uint64_t c)
{
    const uint64_t indexes[] = {a, b, c};
    size_t used = 0, next = 0;
    for (; *text != '\0'; text++) {
        assert_true(used + TEXT_NUMBER + 1 < 1024);
        if (*text == '#')
            used += text_format(indexes[next++], out + used);
        else
            out[used++] = *text;
    }
    out[used] = '\0';
    return out;
}

static uint64_t put(struct service_rig *rig, const char *path, const char *type,
                    struct text body)
{
    struct visit visit;
    struct cgi cgi = publish("PUT", path);
    cgi.content_type = text_of(type);
    cgi.body = body;
    cgi.body_length = body.len;
    service_rig_ask(rig, &visit, &cgi);
    return index_of(&visit);
}

static uint64_t change(struct service_rig *rig, const char *method, const char *path)
{
    struct visit visit;
    struct cgi cgi = publish(method, path);
    service_rig_ask(rig, &visit, &cgi);
    return index_of(&visit);
}

#define JSON(s) "application/json", TEXT(s)

/* --- what is told --- */

static void the_first_answer_tells_what_is_there(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    uint64_t a = put(rig, "/l/a", JSON("{\"n\": 1}"));
    uint64_t b = put(rig, "/l/b/c", "text/plain", TEXT("x\"y"));
    put(rig, "/other", JSON("1"));
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    assert_int_equal(index_of(&visit), b);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"reset\":true,\"changes\":["
                           "{\"path\":\"/l/a\",\"index\":#,\"type\":\"application/json\","
                           "\"document\":{\"n\": 1}},"
                           "{\"path\":\"/l/b/c\",\"index\":#,\"type\":\"text/plain\","
                           "\"document\":\"x\\\"y\"}]}",
                           b, a, b));
}

static void with_an_index_only_what_is_newer_is_told(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    uint64_t a = put(rig, "/l/a", JSON("1"));
    put(rig, "/l/b", JSON("2"));
    uint64_t b = change(rig, "DELETE", "/l/b");
    uint64_t c = put(rig, "/l/c", "image/png", (struct text){"\xff\x00\x01", 3});
    assert_int_equal(ask_since(rig, &visit, "/l", a, ""), 200);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"changes\":["
                           "{\"path\":\"/l/b\",\"index\":#,\"deleted\":true},"
                           "{\"path\":\"/l/c\",\"index\":#,\"type\":\"image/png\","
                           "\"encoding\":\"base64\",\"document\":\"/wAB\"}]}",
                           c, b, c));
    assert_int_equal(ask_since(rig, &visit, "/l", c, ""), 304);
    assert_int_equal(visit.body_len, 0);
    /* the same index is good for a resource below, and that one's for the list */
    put(rig, "/other", JSON("1"));
    uint64_t newest = put(rig, "/other", JSON("2"));
    assert_int_equal(ask_since(rig, &visit, "/l", newest, ""), 304);
}

static void a_void_index_begins_again(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    uint64_t a = put(rig, "/l/a", JSON("1"));
    const char *expected =
        told(out,
             "{\"index\":#,\"reset\":true,\"changes\":["
             "{\"path\":\"/l/a\",\"index\":#,\"type\":\"application/json\","
             "\"document\":1}]}",
             a, a, 0);
    assert_int_equal(ask_since(rig, &visit, "/l", a + 1, ""), 200);
    must_tell(&visit, expected);
    assert_int_equal(ask(rig, &visit, "/l", "index=abc&wait=1s"), 200);
    must_tell(&visit, expected);
}

static void a_touched_path_without_a_document_is_named(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    uint64_t a = change(rig, "POST", "/l/a");
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"reset\":true,\"changes\":["
                           "{\"path\":\"/l/a\",\"index\":#}]}",
                           a, a, 0));
}

static void nothing_below_is_told_and_can_be_waited_for(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char out[1024], query[64];
    uint64_t before = put(rig, "/other", JSON("1"));
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true,\"changes\":[]}"));
    snprintf(query, sizeof query, "index=%llu&wait=30s",
             (unsigned long long)index_of(&visit));
    struct cgi cgi = below("/l", query);
    service_rig_serve(rig, &waiting, &cgi);
    assert_false(visit_is_answered(&waiting));
    put(rig, "/lx", JSON("1"));
    assert_false(visit_is_answered(&waiting));
    uint64_t a = put(rig, "/l/a", JSON("7"));
    assert_int_equal(visit_await(&waiting), 200);
    must_tell(&waiting,
              told(out,
                   "{\"index\":#,\"changes\":["
                   "{\"path\":\"/l/a\",\"index\":#,\"type\":\"application/json\","
                   "\"document\":7}]}",
                   a, a, 0));
    assert_true(before < a);
}

static void documents_are_left_out_for_those_who_want_none(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024], value[256];
    uint64_t a = put(rig, "/l/a", JSON("1"));
    struct cgi cgi = below("/l", "");
    prefer_parse(TEXT("return=minimal"), &cgi.prefer);
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"reset\":true,\"changes\":["
                           "{\"path\":\"/l/a\",\"index\":#}]}",
                           a, a, 0));
    assert_string_equal(visit_header(&visit, "Preference-Applied", value),
                        "return=minimal");
}

static void a_slash_at_the_end_leaves_the_path_itself_out(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/l", JSON("\"secret\""));
    put(rig, "/l/a", JSON("1"));
    assert_int_equal(ask(rig, &visit, "/l/", ""), 200);
    assert_null(strstr(visit.body, "secret"));
    assert_non_null(strstr(visit.body, "\"/l/a\""));
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    assert_non_null(strstr(visit.body, "secret"));
}

/* Without a wait they are conditions (RFC 9110), and no index. */
static void entity_tags_are_an_index_for_those_who_wait(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024], tags[64];
    uint64_t a = put(rig, "/l/a", JSON("1")), b = put(rig, "/l/b", JSON("2"));
    uint64_t c = put(rig, "/l/c", JSON("3"));
    struct cgi cgi = below("/l", "wait=30s");
    cgi.if_none_match = (struct text){
        tags, (size_t)snprintf(tags, sizeof tags, "\"%llu\", W/\"%llu\"",
                               (unsigned long long)b, (unsigned long long)a)};
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"changes\":["
                           "{\"path\":\"/l/c\",\"index\":#,\"type\":\"application/json\","
                           "\"document\":3}]}",
                           c, c, 0));
    cgi.query = TEXT("");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    assert_non_null(strstr(visit.body, "/l/a"));
    cgi.query = TEXT("wait=30s");
    cgi.if_none_match = TEXT("\"1\", \"abc\"");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
}

/* --- names --- */

static void names_follow_those_alone(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char query[64];
    put(rig, "/l/a", JSON("1"));
    put(rig, "/l/b", JSON("2"));
    put(rig, "/l/b/c", JSON("3"));
    assert_int_equal(ask(rig, &visit, "/l", "only=b%2Fc,a,a"), 200);
    assert_non_null(strstr(visit.body, "\"/l/a\""));
    assert_non_null(strstr(visit.body, "\"/l/b/c\""));
    assert_null(strstr(visit.body, "\"/l/b\""));
    assert_true(strstr(visit.body, "\"/l/a\"") == strstr(visit.body, "\"/l/a"));
    assert_null(strstr(strstr(visit.body, "\"/l/a\"") + 1, "\"/l/a\""));
    snprintf(query, sizeof query, "index=%llu&wait=30s&only=a,b/c",
             (unsigned long long)index_of(&visit));
    struct cgi cgi = below("/l", query);
    service_rig_serve(rig, &waiting, &cgi);
    put(rig, "/l/b", JSON("4"));
    assert_false(visit_is_answered(&waiting));
    put(rig, "/l/b/c", JSON("5"));
    assert_int_equal(visit_await(&waiting), 200);
    assert_non_null(strstr(waiting.body, "\"document\":5"));
    assert_null(strstr(waiting.body, "\"/l/b\""));
}

/* Whether another machine has seen them, or this one did and has forgotten them. */
static void no_index_goes_back_where_no_name_is_remembered(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char query[64], tag[32], value[256], out[1024];
    uint64_t seen = put(rig, "/l/a", JSON("1")), horizon = put(rig, "/k", JSON("1"));
    const struct change changes[] = {
        {.kind = CHANGE_DELETE, .index = horizon, .path = TEXT("/l/a")},
        {.kind = CHANGE_FORGET, .index = horizon, .path = TEXT("/")}};
    tree_apply_all(rig->tree, changes, 2);
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)horizon);
    static const char *const all[] = {"&only=a,b", "&only=unseen", "", NULL};
    for (size_t i = 0; all[i] != NULL; i++) {
        assert_int_equal(ask_since(rig, &visit, "/l", seen, all[i]), 200);
        assert_int_equal(index_of(&visit), horizon);
        must_tell(&visit, told(out, "{\"index\":#,\"reset\":true,\"changes\":[]}",
                               horizon, 0, 0));
        assert_string_equal(visit_header(&visit, "ETag", value), tag);
        assert_int_equal(ask_since(rig, &visit, "/l", horizon, all[i]), 304);
        assert_int_equal(index_of(&visit), horizon);
    }
    snprintf(query, sizeof query, "index=%llu&wait=30s&only=a,b",
             (unsigned long long)horizon);
    struct cgi cgi = below("/l", query);
    service_rig_serve(rig, &waiting, &cgi);
    put(rig, "/l/c", JSON("2"));
    assert_false(visit_is_answered(&waiting));
    uint64_t b = put(rig, "/l/b", JSON("3"));
    assert_int_equal(visit_await(&waiting), 200);
    assert_int_equal(index_of(&waiting), b);
    must_tell(&waiting, told(out,
                             "{\"index\":#,\"changes\":[{\"path\":\"/l/b\",\"index\":#,"
                             "\"type\":\"application/json\",\"document\":3}]}",
                             b, b, 0));
}

static void long_lists_come_as_a_query(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/l/a", JSON("1"));
    put(rig, "/l/b", JSON("2"));
    struct cgi cgi = below("/l", "");
    cgi.method = TEXT("QUERY");
    cgi.content_type = TEXT("application/json");
    cgi.body = TEXT("[\"b\"]");
    cgi.body_length = cgi.body.len;
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"/l/b\""));
    assert_null(strstr(visit.body, "\"/l/a\""));
    cgi.body = TEXT("{}");
    cgi.body_length = cgi.body.len;
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 400);
    cgi.body_length = 101;
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 413);
    cgi.body_length = cgi.body.len;
    cgi.content_type = TEXT("text/plain");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 415);
    cgi.scope = TEXT("");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 405);
}

static void names_that_lead_out_are_refused(void **state)
{
    static const char *const wrong[] = {"only=",       "only=a,",   "only=../b",
                                        "only=/a",     "only=a//b", "only=%2e%2e",
                                        "only=a/../b", "only=a%2",  "only=%00"};
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/b", JSON("\"secret\""));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (ask(rig, &visit, "/l", wrong[i]) != 400)
            fail_msg("%s: %s", wrong[i], visit.head);
        assert_null(strstr(visit.body, "secret"));
    }
}

static void more_names_than_changes_are_refused(void **state)
{
    struct visit visit;
    assert_int_equal(ask(*state, &visit, "/l", "only=a,b,c"), 200);
    assert_int_equal(ask(*state, &visit, "/l", "only=a,b,c,d"), 400);
}

/* --- pages --- */

static void pages_tell_each_path_once(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char path[32];
    uint64_t first = 0;
    size_t count = 0;
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        uint64_t index = put(rig, path, JSON("1"));
        first = first == 0 ? index : first;
    }
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    for (;;) {
        struct json_object *answer = json_tokener_parse(visit.body), *member, *one;
        assert_non_null(answer);
        assert_true(json_object_object_get_ex(answer, "index", &member));
        assert_int_equal(json_object_get_int64(member), index_of(&visit));
        assert_int_equal(json_object_object_get_ex(answer, "reset", &member), count == 0);
        assert_true(json_object_object_get_ex(answer, "changes", &member));
        for (size_t i = 0; i < json_object_array_length(member); i++, count++) {
            snprintf(path, sizeof path, "/l/%zu", count);
            json_object_object_get_ex(json_object_array_get_idx(member, i), "path", &one);
            assert_string_equal(json_object_get_string(one), path);
        }
        assert_in_range(json_object_array_length(member), 1, 3);
        bool more = json_object_object_get_ex(answer, "more", NULL);
        json_object_put(answer);
        if (!more)
            break;
        assert_int_equal(ask_since(rig, &visit, "/l", index_of(&visit), ""), 200);
    }
    assert_int_equal(count, 10);
    assert_int_equal(ask_since(rig, &visit, "/l", index_of(&visit), ""), 304);
}

static void an_answer_is_no_longer_than_its_bound(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct service_rules rules = service_rig_rules;
    char *body = calloc(1, 700);
    rules.limit_body = 1000;
    rules.limit_changes = 3;
    rules.limit_answer = 1024;
    assert_true(service_set_rules(rig->service, &rules));
    memset(body, 'x', 700);
    put(rig, "/l/a", "text/plain", (struct text){body, 700});
    put(rig, "/l/b", "text/plain", (struct text){body, 700});
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    assert_non_null(strstr(visit.body, "\"more\":true"));
    assert_null(strstr(visit.body, "\"/l/b\""));
    assert_int_equal(ask_since(rig, &visit, "/l", index_of(&visit), ""), 200);
    assert_non_null(strstr(visit.body, "\"/l/b\""));
    assert_null(strstr(visit.body, "more"));
    free(body);
}

/* --- behind an origin --- */

static void report(struct service_rig *rig, const char *path, const char *also)
{
    struct visit visit;
    struct cgi cgi = publish("POST", path);
    cgi.origin_status = TEXT("200");
    cgi.also = text_of(also);
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 204);
}

static void behind_an_origin_paths_alone_are_told(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char query[64];
    struct cgi cgi = below("/l", "");
    cgi.origin = TEXT("/_origin");
    report(rig, "/l/1", "");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    snprintf(query, sizeof query, "index=%llu&wait=30s",
             (unsigned long long)index_of(&visit));
    cgi.query = text_of(query);
    service_rig_serve(rig, &waiting, &cgi);
    assert_false(visit_is_answered(&waiting));
    report(rig, "/l/2", "");
    assert_int_equal(visit_await(&waiting), 200);
    assert_non_null(strstr(waiting.body, "\"changes\":[{\"path\":\"/l/2\",\"index\":"));
    assert_null(strstr(waiting.body, "reset"));
    /* nobody knows what a list's end stands for: all has to be asked again */
    service_rig_serve(rig, &waiting, &cgi);
    assert_int_equal(visit_await(&waiting), 200);
    snprintf(query, sizeof query, "index=%llu&wait=30s",
             (unsigned long long)index_of(&waiting));
    service_rig_serve(rig, &waiting, &cgi);
    assert_false(visit_is_answered(&waiting));
    report(rig, "/x", "/l/*");
    assert_int_equal(visit_await(&waiting), 200);
    assert_non_null(strstr(waiting.body, "\"reset\":true"));
}

/* A DELETE is reported with what lies below it: who drops the copy hears of it, too. */
static void what_is_reported_with_all_below_it_is_named(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024], query[64];
    struct cgi cgi = below("/l", "");
    cgi.origin = TEXT("/_origin");
    report(rig, "/l/1", "");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    snprintf(query, sizeof query, "index=%llu&wait=30s",
             (unsigned long long)index_of(&visit));
    cgi.query = text_of(query);
    report(rig, "/l/2", "/l/2/* /l/3 /l/4/*");
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    uint64_t deleted = service_rig_index(rig, "/l/2", SCOPE_SELF);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"reset\":true,\"changes\":["
                           "{\"path\":\"/l/2\",\"index\":#},"
                           "{\"path\":\"/l/3\",\"index\":#}]}",
                           deleted + 1, deleted, deleted + 1));
}

/* As in a database that is truncated and filled again in one go. */
static void what_changed_together_with_everything_is_named(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    struct cgi cgi = below("/l", "");
    cgi.origin = TEXT("/_origin");
    report(rig, "/l/1", "");
    uint64_t index = change(rig, "POST", "/other");
    const struct change changes[] = {
        {.kind = CHANGE_TOUCH, .index = index, .path = TEXT("/l/2")},
        {.kind = CHANGE_EVERYTHING, .index = index, .path = TEXT("/l")}};
    tree_apply_all(rig->tree, changes, 2);
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    must_tell(&visit, told(out,
                           "{\"index\":#,\"reset\":true,\"changes\":["
                           "{\"path\":\"/l/2\",\"index\":#}]}",
                           index, index, 0));
}

/* --- what is older than all that is known of deletions --- */

static size_t changes_of(const struct visit *visit)
{
    size_t count = 0;
    for (const char *at = visit->body; (at = strstr(at, "{\"path\"")) != NULL; at++)
        count++;
    return count;
}

/* Touches so many paths that others are forgotten. */
static void forget_some(struct service_rig *rig)
{
    static int number;
    store_set_limit(rig->store, 4);
    for (int i = 0; i < 20; i++) {
        char path[20];
        snprintf(path, sizeof path, "/t/%d", number++);
        change(rig, "POST", path);
    }
}

static int ask_by_tag(struct service_rig *rig, struct visit *visit, const char *path,
                      uint64_t index)
{
    char tag[64];
    struct cgi cgi = below(path, "wait=0");
    cgi.if_none_match = (struct text){
        tag, (size_t)snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index)};
    return service_rig_ask(rig, visit, &cgi);
}

/* Each page by the index of the one before, or by its entity tag. */
static void first_answer_in_pages(struct service_rig *rig, bool by_tag)
{
    struct visit visit;
    char seen[10] = {0}, path[20];
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    for (int pages = 1;; pages++) {
        assert_true(changes_of(&visit) <= 3);
        for (int i = 0; i < 10; i++) {
            snprintf(path, sizeof path, "\"/l/%d\"", i);
            seen[i] = (char)(seen[i] + (strstr(visit.body, path) != NULL));
        }
        if (strstr(visit.body, "\"more\":true") == NULL) {
            assert_int_equal(pages, 4);
            break;
        }
        assert_int_equal(by_tag ? ask_by_tag(rig, &visit, "/l", index_of(&visit))
                                : ask_since(rig, &visit, "/l", index_of(&visit), ""),
                         200);
        assert_null(strstr(visit.body, "\"reset\":true"));
    }
    assert_memory_equal(seen, "\1\1\1\1\1\1\1\1\1\1", 10);
    assert_int_equal(ask_since(rig, &visit, "/l", index_of(&visit), ""), 304);
}

static void a_first_answer_comes_in_pages_whatever_was_forgotten(void **state)
{
    struct service_rig *rig = *state;
    char path[20];
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        put(rig, path, JSON("1"));
    }
    forget_some(rig);
    first_answer_in_pages(rig, false);
    first_answer_in_pages(rig, true);
}

static void a_page_that_may_have_missed_a_deletion_begins_again(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    for (int i = 0; i < 5; i++) {
        char path[20];
        snprintf(path, sizeof path, "/l/%d", i);
        put(rig, path, JSON("1"));
    }
    forget_some(rig);
    assert_int_equal(ask(rig, &visit, "/l", ""), 200);
    uint64_t bookmark = index_of(&visit);
    change(rig, "DELETE", "/l/0");
    forget_some(rig);
    assert_int_equal(ask_since(rig, &visit, "/l", bookmark, ""), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    assert_null(strstr(visit.body, "/l/0"));
    /* ... and so does one whose last document has changed since. */
    bookmark = index_of(&visit);
    put(rig, "/l/3", JSON("2"));
    assert_int_equal(ask_since(rig, &visit, "/l", bookmark, ""), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
}

static void a_name_that_was_forgotten_is_missed(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    put(rig, "/l/a", JSON("1"));
    uint64_t b = put(rig, "/l/b", JSON("1"));
    change(rig, "DELETE", "/l/a");
    forget_some(rig);
    assert_int_equal(ask_since(rig, &visit, "/l", b, "&only=a,b"), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    assert_null(strstr(visit.body, "/l/a"));
    assert_int_equal(ask_since(rig, &visit, "/l", index_of(&visit), "&only=a,b"), 304);
}

/* The end of a page stands for one that the client had, or would have had. */
static void no_index_goes_back_behind_a_page_either(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    char out[1024];
    struct service_rules rules = service_rig_rules;
    rules.limit_changes = 3;
    rules.limit_answer = 1; /* a page of each */
    assert_true(service_set_rules(rig->service, &rules));
    uint64_t a = put(rig, "/l/a", JSON("1"));
    put(rig, "/l/b", JSON("1"));
    forget_some(rig);
    assert_int_equal(ask_since(rig, &visit, "/l", a, "&only=a,b"), 200);
    assert_non_null(strstr(visit.body, "\"more\":true"));
    uint64_t bookmark = index_of(&visit);
    assert_true(bookmark > UINT64_C(1) << 52);
    change(rig, "DELETE", "/l/a");
    change(rig, "DELETE", "/l/b");
    forget_some(rig);
    assert_int_equal(ask_since(rig, &visit, "/l", a, ""), 200);
    uint64_t horizon = index_of(&visit);
    assert_true(horizon > a);
    static const char *const all[] = {"&only=a,b", "&only=a", ""};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(ask_since(rig, &visit, "/l", bookmark, all[i]), 200);
        must_tell(&visit, told(out, "{\"index\":#,\"reset\":true,\"changes\":[]}",
                               horizon, 0, 0));
        assert_int_equal(index_of(&visit), horizon);
        assert_int_equal(ask_since(rig, &visit, "/l", horizon, all[i]), 304);
    }
}

static void the_path_itself_wakes_nobody_who_asked_for_what_is_below(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char query[64];
    put(rig, "/l/a", JSON("1"));
    assert_int_equal(ask(rig, &visit, "/l/", ""), 200);
    snprintf(query, sizeof query, "index=%llu&wait=30s",
             (unsigned long long)index_of(&visit));
    struct cgi cgi = below("/l/", query);
    service_rig_serve(rig, &waiting, &cgi);
    put(rig, "/l", JSON("1"));
    assert_false(visit_is_answered(&waiting));
    put(rig, "/l/b", JSON("1"));
    assert_int_equal(visit_await(&waiting), 200);
}

/* There /l may be another location's, too; but what happens to all of it happens below.
 */
static void behind_an_origin_the_path_itself_wakes_nobody_either(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit, waiting;
    char query[64];
    struct cgi cgi = below("/l/", "");
    cgi.origin = TEXT("/_origin");
    report(rig, "/l/1", "");
    for (int i = 0; i < 3; i++) {
        cgi.query = TEXT("");
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
        snprintf(query, sizeof query, "index=%llu&wait=30s",
                 (unsigned long long)index_of(&visit));
        cgi.query = text_of(query);
        service_rig_serve(rig, &waiting, &cgi);
        report(rig, "/l", "");
        assert_false(visit_is_answered(&waiting));
        report(rig, i == 0 ? "/l/2" : "/x", i == 1 ? "/l/*" : i == 2 ? "/l/2/*" : "");
        assert_int_equal(visit_await(&waiting), 200);
        assert_null(strstr(waiting.body, "\"/l\""));
    }
}

/* What was touched before the last change of everything is as unknown as the rest. */
static void pages_behind_an_origin_come_to_an_end(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    struct cgi cgi = below("/l", "");
    char path[20], query[64];
    cgi.origin = TEXT("/_origin");
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        report(rig, path, "");
    }
    report(rig, "/x", "/l/*");
    for (int i = 5; i < 12; i++) {
        snprintf(path, sizeof path, "/l/%d", i);
        report(rig, path, "");
    }
    assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
    assert_non_null(strstr(visit.body, "\"reset\":true"));
    size_t told = changes_of(&visit);
    for (; strstr(visit.body, "\"more\":true") != NULL; told += changes_of(&visit)) {
        snprintf(query, sizeof query, "index=%llu", (unsigned long long)index_of(&visit));
        cgi.query = text_of(query);
        assert_int_equal(service_rig_ask(rig, &visit, &cgi), 200);
        assert_null(strstr(visit.body, "\"reset\":true"));
        assert_true(changes_of(&visit) <= 3);
    }
    assert_int_equal(told, 7);
}

/* --- against a model --- */

#define MODEL_PATHS 12
#define MODEL_STEPS 4000

struct model {
    uint64_t index[MODEL_PATHS]; /* 0: never was */
    bool there[MODEL_PATHS];
    uint64_t seen[MODEL_PATHS]; /* what the reader has of it; 0: nothing */
    uint64_t at;                /* the reader's index */
};

static const char *const model_paths[MODEL_PATHS] = {
    "/l",     "/l/a",   "/l/a/b", "/l/a/c", "/l/d",     "/l/e/f",
    "/l/e/g", "/l/e/h", "/l/i",   "/k",     "/l/a/b/j", "/lm"};

static bool model_is_below(size_t i)
{
    return strcmp(model_paths[i], "/l") == 0 || strncmp(model_paths[i], "/l/", 3) == 0;
}

static void model_step(struct service_rig *rig, struct model *model, unsigned *seed)
{
    size_t i = (size_t)rand_r(seed) % MODEL_PATHS;
    if (rand_r(seed) % 3 == 0 && model->there[i]) {
        model->index[i] = change(rig, "DELETE", model_paths[i]);
        model->there[i] = false;
    } else {
        model->index[i] = put(rig, model_paths[i], JSON("1"));
        model->there[i] = true;
    }
}

/* Takes one answer in: in order, each path once, nothing that is not newer. */
static bool model_take(struct model *model, const struct visit *visit)
{
    struct json_object *answer = json_tokener_parse(visit->body), *member, *one, *value;
    assert_non_null(answer);
    uint64_t last = model->at;
    if (json_object_object_get_ex(answer, "reset", NULL)) {
        memset(model->seen, 0, sizeof model->seen);
        last = 0;
    }
    json_object_object_get_ex(answer, "changes", &member);
    for (size_t n = 0; n < json_object_array_length(member); n++) {
        size_t i = 0;
        one = json_object_array_get_idx(member, n);
        json_object_object_get_ex(one, "index", &value);
        uint64_t index = (uint64_t)json_object_get_int64(value);
        assert_true(index > last);
        last = index;
        json_object_object_get_ex(one, "path", &value);
        while (strcmp(model_paths[i], json_object_get_string(value)) != 0)
            i++;
        assert_true(model_is_below(i));
        model->seen[i] = json_object_object_get_ex(one, "deleted", NULL) ? 0 : index;
    }
    model->at = index_of(visit);
    assert_true(model->at >= last);
    bool more = json_object_object_get_ex(answer, "more", NULL);
    json_object_put(answer);
    return more;
}

static void model_read(struct service_rig *rig, struct model *model, bool afresh)
{
    struct visit visit;
    int status =
        afresh ? ask(rig, &visit, "/l", "") : ask_since(rig, &visit, "/l", model->at, "");
    while (status == 200 && model_take(model, &visit))
        status = ask_since(rig, &visit, "/l", model->at, "");
    for (size_t i = 0; i < MODEL_PATHS; i++)
        if (model_is_below(i) &&
            model->seen[i] != (model->there[i] ? model->index[i] : 0))
            fail_msg("%s: %llu was told, not %llu", model_paths[i],
                     (unsigned long long)model->seen[i],
                     (unsigned long long)model->index[i]);
}

static void answers_that_are_applied_give_what_is_there(void **state)
{
    struct model model = {.at = 0};
    unsigned seed = 20261126;
    model_read(*state, &model, true);
    for (int step = 0; step < MODEL_STEPS; step++) {
        model_step(*state, &model, &seed);
        if (rand_r(&seed) % 4 == 0)
            model_read(*state, &model, rand_r(&seed) % 20 == 0);
    }
}

int main(void)
{
    struct service_rules plenty = service_rig_rules, small = service_rig_rules;
    plenty.limit_changes = 1000;
    plenty.limit_answer = 8388608;
    small.limit_changes = 3;
    small.limit_answer = 1024;
#define WITH(rules, test) service_rig_test(test, &rules)
    const struct CMUnitTest tests[] = {
        WITH(plenty, the_first_answer_tells_what_is_there),
        WITH(plenty, with_an_index_only_what_is_newer_is_told),
        WITH(plenty, a_void_index_begins_again),
        WITH(plenty, a_touched_path_without_a_document_is_named),
        WITH(plenty, nothing_below_is_told_and_can_be_waited_for),
        WITH(plenty, documents_are_left_out_for_those_who_want_none),
        WITH(plenty, a_slash_at_the_end_leaves_the_path_itself_out),
        WITH(plenty, entity_tags_are_an_index_for_those_who_wait),
        WITH(plenty, names_follow_those_alone),
        WITH(small, a_first_answer_comes_in_pages_whatever_was_forgotten),
        WITH(small, a_page_that_may_have_missed_a_deletion_begins_again),
        WITH(small, a_name_that_was_forgotten_is_missed),
        WITH(small, no_index_goes_back_behind_a_page_either),
        WITH(plenty, the_path_itself_wakes_nobody_who_asked_for_what_is_below),
        WITH(plenty, behind_an_origin_the_path_itself_wakes_nobody_either),
        WITH(small, pages_behind_an_origin_come_to_an_end),
        WITH(plenty, no_index_goes_back_where_no_name_is_remembered),
        WITH(plenty, long_lists_come_as_a_query),
        WITH(plenty, names_that_lead_out_are_refused),
        WITH(small, more_names_than_changes_are_refused),
        WITH(small, pages_tell_each_path_once),
        WITH(small, an_answer_is_no_longer_than_its_bound),
        WITH(plenty, behind_an_origin_paths_alone_are_told),
        WITH(plenty, what_is_reported_with_all_below_it_is_named),
        WITH(plenty, what_changed_together_with_everything_is_named),
        WITH(small, answers_that_are_applied_give_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
