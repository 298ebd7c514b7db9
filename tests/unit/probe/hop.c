/* SPDX-License-Identifier: ISC */
/* Servers by their marks. */
#include "probe/hop.h"

#include "answer_of.h"

#define S NANOS_PER_SECOND

static void must_know(int status, const char *head, const char *body, const char *name,
                      const char *timeout)
{
    char text[HOP_TEXT];
    struct exchange exchange;
    answer_of(&exchange, status, head, body);
    assert_string_equal(hop_name(&exchange, text), name);
    assert_non_null(strstr(hop_timeout(&exchange, 7 * S), timeout));
}

static void servers_are_known_by_their_marks(void **state)
{
    static const struct {
        const char *head, *body, *name, *timeout;
    } known[] = {
        {"Server: nginx/1.22.1\n", "", "nginx/1.22.1", "proxy_read_timeout"},
        {"Server: nginx\nX-Varnish: 17\n", "", "Varnish", "first_byte_timeout"},
        {"Server: cloudflare\nCF-RAY: 1\n", "", "Cloudflare", "100 s"},
        {"Server: awselb/2.0\n", "", "awselb/2.0", "idle_timeout"},
        {"Server: Apache/2.4.71 (Debian)\n", "", "Apache/2.4.71 (Debian)",
         "ProxyTimeout"},
        {"Server: lighttpd/1.4.69\n", "", "lighttpd/1.4.69", "read-timeout"},
        {"Via: 1.1 google\n", "", "Google's load balancer", "30 s"},
        {"Server: envoy\n", "", "envoy", "route"},
        {"", "<h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n",
         "HAProxy, by its words", "timeout server"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        must_know(504, known[i].head, known[i].body, known[i].name, known[i].timeout);
}

/* What stands in front puts its own name over that of who made the page, or adds it. */
static void who_made_a_page_is_named_before_who_passed_it_on(void **state)
{
    static const char apache[] =
        "<p>The proxy server received an invalid\r\nresponse from";
    static const char nginx[] = "</h1></center>\n<hr><center>nginx/1.22.1</center>\n";
    static const char lighttpd[] = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n"
                                   "<!DOCTYPE html PUBLIC \"";
    static const struct {
        const char *head, *body, *name, *timeout;
    } known[] = {
        {"Server: nginx/1.30\n", "\nThe server didn't respond in time.\n",
         "HAProxy, by its words", "timeout server"},
        {"Server: nginx/1.30\n", apache, "Apache, by its words", "ProxyTimeout"},
        {"Server: Apache/2.4\n", apache, "Apache/2.4", "ProxyTimeout"},
        {"Server: nginx/1.30\n", lighttpd, "lighttpd, by its words", "read-timeout"},
        {"Server: lighttpd/1.4\n", lighttpd, "lighttpd/1.4", "read-timeout"},
        {"Server: nginx/1.30\n", "Guru Meditation:", "Varnish", "first_byte_timeout"},
        {"Server: nginx\nX-Varnish: 17\n", nginx, "nginx/1.22.1", "proxy_read_timeout"},
        {"Server: nginx/1.30\n", nginx, "nginx/1.22.1", "proxy_read_timeout"},
        {"", "<hr><center>nginx", "nginx", "proxy_read_timeout"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        must_know(504, known[i].head, known[i].body, known[i].name, known[i].timeout);
}

/* The one in front has lost the connection to who cut it: its own timeout is another
 * status, or the same, and then both are told. */
static void who_was_left_is_not_blamed(void **state)
{
    static const struct {
        int status;
        const char *head, *body, *name, *says;
    } known[] = {
        {502, "Server: nginx/1.30\n", "<hr><center>nginx/1.30</center>", "nginx/1.30",
         "no timeout of its own"},
        {502, "Server: nginx/1.30\n", "", "nginx/1.30", "no timeout of its own"},
        {502, "",
         "<h1>502 Bad Gateway</h1>\n"
         "The server returned an invalid or incomplete response.\n",
         "HAProxy, by its words", "no timeout of its own"},
        {500, "Server: lighttpd/1.4.69\n", "", "lighttpd/1.4.69",
         "no timeout of its own"},
        {502, "Server: Apache/2.4\n", "The proxy server received an invalid",
         "Apache/2.4", "ProxyTimeout"},
        {502, "Server: Apache/2.4\n", "The proxy server received an invalid",
         "Apache/2.4", "says 502, too, where who stands behind it closes"},
        {503, "X-Varnish: 1\n", "Guru Meditation:", "Varnish",
         "says 503, too, where who stands behind it closes"},
        {502, "Server: envoy\n", "", "envoy", "route"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        must_know(known[i].status, known[i].head, known[i].body, known[i].name,
                  known[i].says);
}

/* A document may hold anything, and its head came through before all of it was cut. */
static void what_is_no_error_names_nobody(void **state)
{
    char name[HOP_TEXT];
    struct exchange exchange;
    (void)state;
    answer_of(&exchange, 200, "Server: nginx\n", "Guru Meditation");
    assert_string_equal(hop_name(&exchange, name), "nginx");
    assert_non_null(strstr(hop_timeout(&exchange, 7 * S), "nothing in it says whose"));
}

static void who_is_not_known_is_not_guessed(void **state)
{
    char name[HOP_TEXT], head[600];
    struct exchange exchange;
    (void)state;
    answer_of(&exchange, 504, "", "");
    assert_string_equal(hop_name(&exchange, name), "a server that gives no name");
    assert_non_null(strstr(hop_timeout(&exchange, 7 * S), "nothing in it says whose"));
    assert_non_null(strstr(hop_timeout(&exchange, 60 * S), "default of nginx, Apache"));
    assert_non_null(strstr(hop_timeout(&exchange, 30 * S), "30 s"));
    snprintf(head, sizeof head, "Server: %0*d\n", 400, 7);
    answer_of(&exchange, 504, head, "");
    assert_int_equal(strlen(hop_name(&exchange, name)), HOP_TEXT - 1);
}

/* No answer shows nobody, whatever an earlier head said. */
static void a_closed_connection_names_nobody(void **state)
{
    struct exchange exchange;
    (void)state;
    answer_of(&exchange, 0, "Server: nginx\n", "");
    exchange.end = EXCHANGE_CLOSED;
    assert_non_null(strstr(hop_timeout(&exchange, 7 * S), "nothing in it says whose"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_known_by_their_marks),
        cmocka_unit_test(who_made_a_page_is_named_before_who_passed_it_on),
        cmocka_unit_test(who_was_left_is_not_blamed),
        cmocka_unit_test(what_is_no_error_names_nobody),
        cmocka_unit_test(who_is_not_known_is_not_guessed),
        cmocka_unit_test(a_closed_connection_names_nobody),
    };
    return cmocka_run_group_tests_name("probe/hop", tests, NULL, NULL);
}
