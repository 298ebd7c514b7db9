/* SPDX-License-Identifier: ISC */
/*
 * Each kind of variable has values that strangers send; a condition that one of them
 * meets keeps nobody out. The lists are samples: more of them only find more.
 */
#include "guess.h"

#include "network.h"

enum matched guess_fulfils(const struct wish *wish, struct text value)
{
    char subject[256];
    enum matched matched;
    if (wish->kind == WISH_MATCHES) {
        if (value.len >= sizeof subject)
            return MATCH_UNKNOWN;
        memcpy(subject, value.at, value.len);
        subject[value.len] = '\0';
        matched = pattern_try(wish->with, wish->any_case, subject);
    } else if (wish->kind == WISH_IS) {
        matched = (wish->any_case ? text_is_like : text_is)(value, wish->with) ? MATCH_YES
                                                                               : MATCH_NO;
    } else {
        matched = value.len > 0 && !text_is(value, TEXT("0")) ? MATCH_YES : MATCH_NO;
    }
    if (matched == MATCH_UNKNOWN || !wish->is_not)
        return matched;
    return matched == MATCH_YES ? MATCH_NO : MATCH_YES;
}

/* --- what the request says --- */

static bool starts_with_any(struct text name, const struct text *starts)
{
    for (; starts->len > 0; starts++)
        if (text_starts(name, *starts))
            return true;
    return false;
}

enum source guess_source(struct text name)
{
    static const struct text public[] = {TEXT("http_user_agent"),
                                         TEXT("http_referer"),
                                         TEXT("http_host"),
                                         TEXT("http_origin"),
                                         TEXT("http_accept"),
                                         TEXT("http_x_forwarded"),
                                         TEXT("http_x_real_ip"),
                                         TEXT("http_x_requested_with"),
                                         TEXT("http_content"),
                                         TEXT("http_upgrade"),
                                         TEXT("http_connection"),
                                         TEXT("http_via"),
                                         TEXT("http_range"),
                                         TEXT("http_if_"),
                                         TEXT("http_prefer"),
                                         TEXT("http_cf_"),
                                         TEXT("http_sec_"),
                                         TEXT("http2"),
                                         TEXT("host"),
                                         TEXT("uri"),
                                         TEXT("request_uri"),
                                         TEXT("document_uri"),
                                         TEXT("args"),
                                         TEXT("query_string"),
                                         TEXT("is_args"),
                                         TEXT("scheme"),
                                         TEXT("https"),
                                         TEXT("server_"),
                                         TEXT("remote_user"),
                                         TEXT("remote_port"),
                                         TEXT("content_"),
                                         TEXT("request_body"),
                                         TEXT("request_length"),
                                         TEXT("invalid_referer"),
                                         TEXT("document_root"),
                                         TEXT("realpath_root"),
                                         TEXT("request_filename"),
                                         TEXT("hostname"),
                                         TEXT("connection"),
                                         TEXT("time_"),
                                         TEXT("msec"),
                                         TEXT("pid"),
                                         TEXT("ssl_protocol"),
                                         TEXT("ssl_cipher"),
                                         TEXT("ssl_server_name"),
                                         TEXT("geoip"),
                                         TEXT("sent_http"),
                                         TEXT("")};
    static const struct text addresses[] = {
        TEXT("remote_addr"), TEXT("binary_remote_addr"), TEXT("realip_remote_addr"),
        TEXT("proxy_protocol_addr"), TEXT("")};
    static const struct text secrets[] = {TEXT("http_"), TEXT("cookie_"), TEXT("arg_"),
                                          TEXT("")};
    static const struct text certificates[] = {TEXT("ssl_client"), TEXT("secure_link"),
                                               TEXT("")};
    if (text_is(name, TEXT("request_method")))
        return SOURCE_METHOD;
    if (text_is(name, TEXT("ssl_client_verify")))
        return SOURCE_VERIFIED;
    if (starts_with_any(name, public) || (name.at[0] >= '0' && name.at[0] <= '9'))
        return SOURCE_PUBLIC;
    if (starts_with_any(name, addresses))
        return SOURCE_ADDRESS;
    if (starts_with_any(name, certificates))
        return SOURCE_CERTIFICATE;
    return starts_with_any(name, secrets) ? SOURCE_SECRET : SOURCE_UNKNOWN;
}

const struct text guess_methods[] = {TEXT("PUT"), TEXT("PATCH"), TEXT("POST"),
                                     TEXT("DELETE"), TEXT("")};

/* Whether one of the values, which the last, empty one ends, does. */
static enum who try_all(const struct wish *wish, const struct text *values,
                        enum who who_has, enum who otherwise)
{
    enum who who = otherwise;
    for (; values->len > 0; values++) {
        enum matched matched = guess_fulfils(wish, *values);
        if (matched == MATCH_YES)
            return who_has;
        if (matched == MATCH_UNKNOWN)
            who = WHO_UNSURE;
    }
    return who;
}

bool guess_is_forged(const struct directive *level, struct text name)
{
    return (text_is(name, TEXT("remote_addr")) ||
            text_is(name, TEXT("binary_remote_addr"))) &&
           network_is_forged(level);
}

static enum who try_address(const struct directive *level, struct text name,
                            const struct wish *wish)
{
    static const struct text strangers[] = {
        TEXT("8.8.8.8"),   TEXT("45.9.148.3"), TEXT("203.0.113.77"),
        TEXT("150.1.2.3"), TEXT("99.84.1.10"), TEXT("2a00:1450:4001::5"),
        TEXT("")};
    static const struct text own[] = {TEXT("127.0.0.1"), TEXT("::1"), TEXT("unix:"),
                                      TEXT("")};
    if (guess_is_forged(level, name))
        return WHO_ANYBODY;
    enum who who = try_all(wish, strangers, WHO_ANYBODY, WHO_KNOWER);
    return who == WHO_KNOWER ? try_all(wish, own, WHO_MACHINE, WHO_KNOWER) : who;
}

static enum who try_secret(const struct wish *wish)
{
    static const struct text guesses[] = {
        TEXT("1"),          TEXT("publish"),
        TEXT("off"),        TEXT("true"),
        TEXT("admin"),      TEXT("a"),
        TEXT("test"),       TEXT("Bearer a"),
        TEXT("Basic YTph"), TEXT("0123456789abcdef0123456789abcdef"),
        TEXT("a.b-c_d/e="), TEXT("")};
    enum matched none = guess_fulfils(wish, TEXT(""));
    if (none == MATCH_YES)
        return WHO_ANYBODY;
    return try_all(wish, guesses, WHO_ANYBODY,
                   none == MATCH_UNKNOWN ? WHO_UNSURE : WHO_KNOWER);
}

/* To a stranger it is always this. */
static enum who try_fixed(const struct wish *wish, struct text value)
{
    enum matched matched = guess_fulfils(wish, value);
    return matched == MATCH_YES  ? WHO_ANYBODY
           : matched == MATCH_NO ? WHO_KNOWER
                                 : WHO_UNSURE;
}

/* Anybody makes himself such a certificate, with any words in it. */
static bool takes_any_certificate(const struct directive *level)
{
    const struct directive *verify = find_setting(level, TEXT("ssl_verify_client"));
    return verify != NULL && text_is(directive_value(verify, 1), TEXT("optional_no_ca"));
}

/* TLS asks whoever shows a certificate for its key: nobody shows another's. */
static bool is_whole(struct text name, const struct wish *wish)
{
    return text_is(name, TEXT("ssl_client_fingerprint")) ||
           (wish->kind == WISH_IS && (text_is(name, TEXT("ssl_client_cert")) ||
                                      text_is(name, TEXT("ssl_client_raw_cert")) ||
                                      text_is(name, TEXT("ssl_client_escaped_cert"))));
}

static enum who try_certificate(const struct directive *level, struct text name,
                                const struct wish *wish)
{
    static const struct text own[] = {TEXT("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"),
                                      TEXT("")};
    enum who none = try_fixed(wish, TEXT(""));
    if (!text_starts(name, TEXT("ssl_client")) || !takes_any_certificate(level))
        return none;
    return is_whole(name, wish)
               ? who_most(none, try_all(wish, own, WHO_ANYBODY, WHO_KNOWER))
               : WHO_ANYBODY;
}

static enum who try_verified(const struct directive *level, const struct wish *wish)
{
    static const struct text values[] = {TEXT("NONE"), TEXT("FAILED:self-signed"),
                                         TEXT("")};
    return takes_any_certificate(level) ? try_all(wish, values, WHO_ANYBODY, WHO_KNOWER)
                                        : try_fixed(wish, TEXT("NONE"));
}

/* The same for what is a constant to everybody. */
enum who guess_constant(const struct wish *wish, struct text value)
{
    enum who who = try_fixed(wish, value);
    return who == WHO_KNOWER ? WHO_NOBODY : who;
}

enum who guess_variable(const struct directive *level, struct text name,
                        const struct wish *wish)
{
    switch (guess_source(name)) {
    case SOURCE_PUBLIC:
        return WHO_ANYBODY;
    case SOURCE_METHOD:
        return try_all(wish, guess_methods, WHO_ANYBODY, WHO_NOBODY);
    case SOURCE_ADDRESS:
        return try_address(level, name, wish);
    case SOURCE_SECRET:
        return try_secret(wish);
    case SOURCE_CERTIFICATE:
        return try_certificate(level, name, wish);
    case SOURCE_VERIFIED:
        return try_verified(level, wish);
    default:
        return WHO_UNSURE;
    }
}
