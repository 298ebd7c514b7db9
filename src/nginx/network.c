/* SPDX-License-Identifier: ISC */
/*
 * Lists of `allow` and `deny` are laid over all addresses: two halves of the world are
 * the world, however they are written.
 */
#include "network.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define RULES_MOST 256 /* of one list; the rest is not looked at */
#define WHOLE_MOST 3   /* places at its end, for what closes a list: all, a family */
#define SPECIALS 12
#define WORLD_FOUR ((uint64_t)1 << 24) /* addresses: a /8 */
#define WORLD_SIX ((uint64_t)1 << 48)  /* networks of /64: a /16 */
#define FOUR_LAST UINT32_MAX

static uint64_t big_endian(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

bool network_parse(struct text value, struct network *network)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    struct text rest = value, address;
    uint64_t bits;
    if (!text_cut(&rest, '/', &address) || address.len >= sizeof text)
        return false;
    memcpy(text, address.at, address.len);
    text[address.len] = '\0';
    network->is_six = memchr(text, ':', address.len) != NULL;
    unsigned most = network->is_six ? 128 : 32, whole = network->is_six ? 64 : 32;
    if (inet_pton(network->is_six ? AF_INET6 : AF_INET, text, bytes) != 1)
        return false;
    if (rest.at == NULL)
        bits = most;
    else if (!text_number(rest, most, &bits))
        return false;
    uint64_t host = bits >= whole ? 0 : UINT64_MAX >> (64 - (whole - bits));
    network->first = big_endian(bytes, whole / 8) & ~host;
    network->last = network->first | host;
    return true;
}

static uint64_t world_of(bool is_six)
{
    return is_six ? WORLD_SIX : WORLD_FOUR;
}

/* --- addresses that are nobody's in the world --- */

struct special {
    struct network network;
    bool is_machine;
};

static size_t specials(struct special out[SPECIALS])
{
    static const struct {
        struct text range;
        bool is_machine;
    } rows[] = {
        {TEXT("127.0.0.0/8"), true},    {TEXT("::/64"), true},
        {TEXT("0.0.0.0/8"), false},     {TEXT("10.0.0.0/8"), false},
        {TEXT("100.64.0.0/10"), false}, {TEXT("169.254.0.0/16"), false},
        {TEXT("172.16.0.0/12"), false}, {TEXT("192.168.0.0/16"), false},
        {TEXT("224.0.0.0/3"), false},   {TEXT("fc00::/7"), false},
        {TEXT("fe80::/10"), false},     {TEXT("ff00::/8"), false},
    };
    for (size_t i = 0; i < SPECIALS; i++) {
        network_parse(rows[i].range, &out[i].network);
        out[i].is_machine = rows[i].is_machine;
    }
    return SPECIALS;
}

bool network_is_loopback(const struct network *network)
{
    struct special special[SPECIALS];
    specials(special);
    const struct network *own = &special[network->is_six ? 1 : 0].network;
    return network->first >= own->first && network->last <= own->last;
}

/* --- lists --- */

struct rule {
    struct network network;
    bool is_all, allows;
};

struct list {
    struct rule rules[RULES_MOST];
    size_t count;
};

static bool is_whole(const struct rule *rule)
{
    return rule->is_all ||
           (rule->network.first == 0 &&
            rule->network.last == (rule->network.is_six ? UINT64_MAX : FOUR_LAST));
}

static void add_rule(struct list *list, const struct directive *at)
{
    struct text who = directive_value(at, 1);
    struct rule rule = {.is_all = text_is(who, TEXT("all")),
                        .allows = directive_is(at, TEXT("allow"))};
    if (!rule.is_all && !network_parse(who, &rule.network))
        return;
    if (list->count < RULES_MOST - (is_whole(&rule) ? 0 : WHOLE_MOST))
        list->rules[list->count++] = rule;
}

/* False: there is no `allow` or `deny` on any level. */
static bool read_list(const struct directive *level, struct list *list)
{
    bool any = false;
    for (list->count = 0; level != NULL && !any; level = level->parent)
        for (const struct directive *at = level->first; at != NULL; at = at->next)
            if (directive_is(at, TEXT("allow")) || directive_is(at, TEXT("deny"))) {
                any = true;
                add_rule(list, at);
            }
    return any;
}

static bool holds(const struct network *network, bool is_six, uint64_t point)
{
    return network->is_six == is_six && network->first <= point && point <= network->last;
}

/* The first rule for an address counts; where there is none, it is let in. */
static bool lets_in(const struct list *list, bool is_six, uint64_t point)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rules[i].is_all || holds(&list->rules[i].network, is_six, point))
            return list->rules[i].allows;
    return true;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Where anything may begin to be another: all addresses between two are treated alike. */
struct borders {
    uint64_t at[2 * (RULES_MOST + SPECIALS) + 1];
    size_t count;
};

static void add_borders(struct borders *borders, const struct network *network,
                        bool is_six)
{
    uint64_t last = is_six ? UINT64_MAX : FOUR_LAST;
    if (network->is_six != is_six)
        return;
    borders->at[borders->count++] = network->first;
    if (network->last < last)
        borders->at[borders->count++] = network->last + 1;
}

static enum reach reach_of(const struct list *list, bool is_six)
{
    struct special special[SPECIALS];
    struct borders borders = {.count = 1};
    uint64_t world = 0;
    enum reach reach = REACH_NOBODY;
    specials(special);
    for (size_t i = 0; i < SPECIALS; i++)
        add_borders(&borders, &special[i].network, is_six);
    for (size_t i = 0; i < list->count; i++)
        if (!list->rules[i].is_all)
            add_borders(&borders, &list->rules[i].network, is_six);
    qsort(borders.at, borders.count, sizeof *borders.at, compare);
    for (size_t i = 0; i < borders.count; i++) {
        uint64_t first = borders.at[i];
        uint64_t next = i + 1 < borders.count ? borders.at[i + 1]
                        : is_six              ? UINT64_MAX
                                              : (uint64_t)FOUR_LAST + 1;
        const struct special *in = NULL;
        if (next == first || !lets_in(list, is_six, first))
            continue;
        for (size_t j = 0; j < SPECIALS && in == NULL; j++)
            in = holds(&special[j].network, is_six, first) ? &special[j] : NULL;
        enum reach here = in != NULL && in->is_machine ? REACH_MACHINE : REACH_SOME;
        reach = here > reach ? here : reach;
        if (in == NULL && (world += next - first) >= world_of(is_six))
            return REACH_WORLD;
    }
    return reach;
}

/* Which kinds of addresses its clients have. */
static void families(const struct directive *server, bool *four, bool *six)
{
    const struct directive *listen =
        server != NULL ? find_inside(server, TEXT("listen")) : NULL;
    *four = listen == NULL;
    *six = false;
    for (; listen != NULL; listen = find_again(listen)) {
        struct text value = directive_value(listen, 1);
        bool is_six = text_starts(value, TEXT("["));
        *six = *six || is_six;
        *four = *four || values_have(listen, TEXT("ipv6only=off")) ||
                (!is_six && !text_starts(value, TEXT("unix:")));
    }
}

bool network_is_world(const struct network *network)
{
    const struct list list = {
        .rules = {{.network = *network, .allows = true}, {.is_all = true}}, .count = 2};
    return reach_of(&list, network->is_six) == REACH_WORLD;
}

bool network_reach(const struct directive *level, const struct directive *server,
                   enum reach *reach)
{
    struct list list;
    bool four, six;
    if (!read_list(level, &list))
        return false;
    families(server, &four, &six);
    *reach = four ? reach_of(&list, false) : REACH_NOBODY;
    enum reach other = six ? reach_of(&list, true) : REACH_NOBODY;
    if (other > *reach)
        *reach = other;
    return true;
}

bool network_is_forged(const struct directive *level)
{
    struct network network;
    const struct directive *at = find_setting(level, TEXT("set_real_ip_from"));
    for (; at != NULL; at = find_again(at))
        if (network_parse(directive_value(at, 1), &network) && network_is_world(&network))
            return true;
    return false;
}
