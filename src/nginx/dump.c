/* SPDX-License-Identifier: ISC */
/*
 * What `nginx -T` prints is cut into its files; several outputs may stand behind each
 * other.
 */
#include "dump.h"

/* The path in "# configuration file PATH:". */
static bool is_marker(struct text line, struct text *path)
{
    static const struct text start = TEXT("# configuration file ");
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (!text_starts(line, start) || line.at[line.len - 1] != ':')
        return false;
    *path = (struct text){line.at + start.len, line.len - start.len - 1};
    return path->len > 0 && memchr(path->at, '/', path->len) != NULL &&
           memchr(path->at, '\0', path->len) == NULL;
}

/* Calls what follows each marker a file. Without `files`, only counts. */
static size_t cut_files(struct text text, struct nginx_file *files, struct arena *arena)
{
    struct text rest = text, line, path;
    size_t count = 0;
    while (rest.at != NULL) {
        const char *at = rest.at;
        text_cut(&rest, '\n', &line);
        if (!is_marker(line, &path))
            continue;
        if (files != NULL && count > 0)
            files[count - 1].body.len = (size_t)(at - files[count - 1].body.at);
        if (files != NULL) {
            files[count].path = arena_print(arena, "%.*s", (int)path.len, path.at);
            files[count].body = rest.at != NULL ? rest : TEXT("");
        }
        count++;
    }
    return count;
}

/* nginx prints no file twice: where the first comes again, another dump begins. */
static void number_dumps(struct nginx_conf *conf)
{
    const char *first = conf->files[0].path;
    for (size_t i = 1; i < conf->file_count; i++)
        conf->files[i].dump =
            conf->files[i - 1].dump + (strcmp(conf->files[i].path, first) == 0);
}

bool dump_cut(struct nginx_conf *conf, struct text text, const char *name)
{
    size_t count = cut_files(text, NULL, NULL);
    conf->is_dump = count > 0;
    conf->file_count = count > 0 ? count : 1;
    conf->files = arena_take(&conf->arena, conf->file_count * sizeof *conf->files);
    if (conf->files == NULL)
        return false;
    if (count > 0)
        cut_files(text, conf->files, &conf->arena);
    else
        *conf->files = (struct nginx_file){.path = name, .body = text};
    if (conf->arena.failed)
        return false;
    number_dumps(conf);
    return true;
}

bool dump_is_empty(struct text text)
{
    struct text line;
    while (text_cut(&text, '\n', &line)) {
        line = text_trim(line);
        if (line.len > 0 && line.at[0] != '\r' && !text_starts(line, TEXT("nginx: ")))
            return false;
    }
    return true;
}
