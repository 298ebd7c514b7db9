/* SPDX-License-Identifier: ISC */
/*
 * What holds the events of a stream back, or ends it between two heartbeats; and who is
 * told of changes below a path. What is said here of nginx was tried on nginx 1.22.
 *
 * Buffering takes two shapes. What has frames (FastCGI's records, HTTP/1.1's chunks)
 * nginx hands on frame by frame, buffering or not; but it reads ahead of a slow client,
 * into a file where memory is full. What has none (HTTP/1.0) it gathers as well.
 */
#include "guard.h"
#include "rules.h"

static const char gathered[] = "events of a stream are gathered until a buffer is full: "
                               "they come late, many at once, or never";
const char stream_is_cut[] = "a stream is cut off whenever nothing changes for that long";
static const char read_ahead[] =
    "nginx reads events ahead of a client that reads slowly, up to a file of 1g for "
    "each: "
    "it is told old states one after the other instead of the newest";

bool way_streams(const struct way *way)
{
    return way->wait > 0 && way->publish == NULL &&
           !text_is(find_param(way->block, TEXT("FCGIWAIT_STREAM")), TEXT("off"));
}

static const struct directive *ignores_buffering(const struct way *way)
{
    return way_lists(way, "ignore_headers", TEXT("X-Accel-Buffering"));
}

static bool is_unbuffered(const struct way *way)
{
    const struct directive *set = find_setting_of(way->block, way->protocol, "buffering");
    return set != NULL && !value_is_on(set);
}

void rule_stream_buffering(struct nginx_check *check, const struct way *way)
{
    const struct directive *ignored = ignores_buffering(way);
    if (way_is_proxy(way) || !way_streams(way) || ignored == NULL || is_unbuffered(way))
        return;
    fault_report(check,
                 &(struct fault){
                     .rule = "stream_buffering",
                     .at = ignored,
                     .what =
                         "X-Accel-Buffering is ignored, with which fcgiwait keeps nginx "
                         "from reading ahead",
                     .effect = read_ahead,
                     .instead = "fastcgi_buffering off; (or take X-Accel-Buffering out "
                                "of this line)"});
}

/* --- nginx in front of nginx --- */

/* Whether the front passes on to where `at` is; to any server of this dump that has
 * fcgiwait where that can't be told. */
static bool is_behind(const struct way *at, const struct way *front)
{
    if (value_contains(front->target.host, TEXT("$")))
        return !way_is_proxy(at);
    return at != front && target_reaches(&front->target, at->server);
}

/* A location behind the front that streams and keeps X-Accel-Buffering for itself, as
 * nginx does unless it is told to hand it on; where another one hands it on, that is the
 * one which is meant. NULL: none streams, or one hands it on. */
static const struct way *silent_behind(const struct nginx_check *check,
                                       const struct way *front)
{
    const struct way *silent = NULL;
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        if (!way_streams(at) || !is_behind(at, front))
            continue;
        if (way_lists(at, "pass_header", TEXT("X-Accel-Buffering")) != NULL)
            return NULL;
        silent = silent != NULL ? silent : at;
    }
    return silent;
}

static bool asks_in_chunks(const struct directive *version)
{
    return version != NULL && !text_is(directive_value(version, 1), TEXT("1.0"));
}

void rule_stream_front(struct nginx_check *check, const struct way *way)
{
    const struct directive *version =
        find_setting(way->block, TEXT("proxy_http_version"));
    if (!way_is_proxy(way) || !way_streams(way) || is_unbuffered(way))
        return;
    const struct directive *ignored = ignores_buffering(way);
    const struct way *silent = ignored == NULL ? silent_behind(check, way) : NULL;
    if (ignored == NULL && silent == NULL)
        return;
    bool chunks = asks_in_chunks(version);
    struct fault fault = fault_of("stream_front",
                                  ignored != NULL ? ignored
                                  : chunks        ? NULL
                                                  : version,
                                  way);
    fault.what =
        say(check, "%s has proxy_buffering on, and %s which answers are streams%s",
            say_location(check, way->block), ignored != NULL ? "ignores" : "is not told",
            chunks ? "" : "; it asks with HTTP/1.0");
    fault.effect = chunks ? read_ahead : gathered;
    fault.instead =
        ignored != NULL
            ? "proxy_buffering off; (or take X-Accel-Buffering out of this line)"
            : say(check, "%s_pass_header X-Accel-Buffering; (where %s:%u passes on)",
                  say_text(check, silent->protocol), silent->pass->file,
                  silent->pass->line);
    fault_report(check, &fault);
}

/* --- gzip --- */

void rule_stream_gzip(struct nginx_check *check, const struct way *way)
{
    const struct directive *gzip = find_setting(way->block, TEXT("gzip"));
    const struct directive *types = find_setting(way->block, TEXT("gzip_types"));
    if (!way_streams(way) || !value_is_on(gzip) ||
        !(values_have(types, TEXT("text/event-stream")) || values_have(types, TEXT("*"))))
        return;
    fault_report(
        check, &(struct fault){
                   .rule = "stream_gzip",
                   .at = types,
                   .what = "gzip lies over text/event-stream",
                   .effect = "each open stream keeps a compressor: some 100k of nginx's "
                             "memory instead of 15k",
                   .instead = "gzip_types application/json text/plain;"});
}

/* --- heartbeats --- */

void rule_heartbeat(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "read_timeout");
    nanos timeout = READ_TIMEOUT_STANDARD, beat = check->needs.heartbeat;
    if (!way_streams(way) || !read_time(check, set, &timeout) || timeout <= way->wait ||
        timeout > beat)
        return;
    const char *protocol = say_text(check, way->protocol);
    struct fault fault = fault_of("heartbeat", set, way);
    fault.what =
        say(check, "%s_read_timeout %s is not above stream.heartbeat, %s", protocol,
            say_read_timeout(check, set, timeout), say_seconds(check, beat));
    fault.effect = stream_is_cut;
    fault.instead = say(check, "%s_read_timeout %llds;", protocol, seconds_above(beat));
    fault_report(check, &fault);
}

/* --- everything below a path --- */

static bool is_below(const struct way *way)
{
    return !way_is_proxy(way) &&
           text_is(find_param(way->block, TEXT("FCGIWAIT_SCOPE")), TEXT("below"));
}

/* Another location that keeps people out of a part of what this one tells. */
static const struct way *kept_from(const struct nginx_check *check, const struct way *way,
                                   struct text told)
{
    enum guard here = guard_at(way->block);
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        struct text path = location_of(at->block).path;
        if (at != way && at->server == way->server && at->wait > 0 &&
            at->publish == NULL && !way_is_proxy(at) && !guard_is_internal(at->block) &&
            path.len > told.len && text_starts(path, told) && guard_at(at->block) > here)
            return at;
    }
    return NULL;
}

/* What clients are told of begins so: with what FCGIWAIT_RESOURCE says up to its first
 * variable, where there is one. */
static struct text told_by(const struct way *way, const struct directive *resource)
{
    return resource != NULL ? value_start(directive_value(resource, 2))
                            : location_of(way->block).path;
}

void rule_below(struct nginx_check *check, const struct way *way)
{
    if (!is_below(way))
        return;
    const struct directive *resource =
        find_param_line(way->block, TEXT("FCGIWAIT_RESOURCE"));
    const struct directive *scope = find_param_line(way->block, TEXT("FCGIWAIT_SCOPE"));
    struct text told = told_by(way, resource), path = location_of(way->block).path;
    bool constant =
        resource != NULL && !value_contains(directive_value(resource, 2), TEXT("$"));
    struct fault fault = {.rule = "below", .at = scope, .once = way->block};
    const struct way *other = told.len > 0 ? kept_from(check, way, told) : NULL;
    if (constant && told.len < path.len && text_starts(path, told)) {
        fault.at = resource;
        fault.what = say(check, "FCGIWAIT_RESOURCE %.*s is above the path of %s",
                         (int)told.len, told.at, say_location(check, way->block));
        fault.instead =
            say(check, "fastcgi_param FCGIWAIT_RESOURCE %.*s;", (int)path.len, path.at);
    } else if (other != NULL) {
        fault.what =
            say(check,
                "%s tells of everything below %.*s, and %s of %s:%u keeps "
                "people out of a part of it",
                say_location(check, way->block), (int)told.len, told.at,
                say_location(check, other->block), other->pass->file, other->pass->line);
        fault.instead =
            "(the same guard here, or documents that are guarded under another "
            "path)";
    } else {
        return;
    }
    fault.effect = "whoever reads here is told of documents that are not for everybody";
    fault_report(check, &fault);
}
