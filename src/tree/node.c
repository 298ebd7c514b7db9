/* SPDX-License-Identifier: ISC */
/*
 * Nodes as memory: a tree whose edges are as long as they can be, and one table that
 * finds a node's child by its first segment. What they mean together is tree.c's.
 */
#include "node.h"

#include <stdlib.h>

#include <utlist.h>

#define BUCKETS_LEAST 64

/* --- keys --- */

static struct text rest_of(struct text path)
{
    if (path.len <= 1) /* the root */
        return (struct text){NULL, 0};
    return (struct text){path.at + 1, path.len - 1};
}

static struct text key_of(const struct node *node)
{
    return (struct text){node->key, node->key_len};
}

static struct text first_segment(struct text rest)
{
    const char *slash = memchr(rest.at, '/', rest.len);
    return (struct text){rest.at, slash != NULL ? (size_t)(slash - rest.at) : rest.len};
}

static bool ends_segment(struct text t, size_t at)
{
    return at == t.len || t.at[at] == '/';
}

/* Bytes that are the same in both, as far as whole segments are. */
static size_t common_of(struct text a, struct text b)
{
    size_t most = a.len < b.len ? a.len : b.len, common = 0, i = 0;
    for (; i < most && a.at[i] == b.at[i]; i++)
        if (a.at[i] == '/')
            common = i;
    return ends_segment(a, i) && ends_segment(b, i) ? i : common;
}

/* --- the table --- */

static uint64_t mix(uint64_t hash)
{
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint32_t hash_of(const struct tree *tree, const struct node *parent,
                        struct text segment)
{
    uint64_t hash = mix(tree->seed ^ (uintptr_t)parent ^ segment.len), word;
    for (; segment.len >= sizeof word; text_skip(&segment, sizeof word)) {
        memcpy(&word, segment.at, sizeof word);
        hash = mix(hash ^ word);
    }
    word = 0;
    if (segment.len > 0)
        memcpy(&word, segment.at, segment.len);
    return (uint32_t)mix(hash ^ word);
}

static struct node **bucket_of(const struct tree *tree, uint32_t hash)
{
    return &tree->buckets[hash & (tree->bucket_count - 1)];
}

/* Without memory the table stays as it is, and its chains get longer. */
static void resize(struct tree *tree, size_t count)
{
    struct node **buckets = calloc(count, sizeof(struct node *));
    struct node **before = tree->buckets;
    size_t before_count = tree->bucket_count;
    if (buckets == NULL)
        return;
    tree->buckets = buckets;
    tree->bucket_count = count;
    for (size_t i = 0; i < before_count; i++)
        for (struct node *node = before[i], *next; node != NULL; node = next) {
            struct node **bucket = bucket_of(tree, node->hash);
            next = node->chain;
            node->chain = *bucket;
            *bucket = node;
        }
    free(before);
}

static void enter(struct tree *tree, struct node *node)
{
    node->hash = hash_of(tree, node->parent, first_segment(key_of(node)));
    struct node **bucket = bucket_of(tree, node->hash);
    node->chain = *bucket;
    *bucket = node;
    if (++tree->nodes > tree->bucket_count)
        resize(tree, 2 * tree->bucket_count);
}

static void leave(struct tree *tree, struct node *node)
{
    struct node **at = bucket_of(tree, node->hash);
    while (*at != node)
        at = &(*at)->chain;
    *at = node->chain;
    if (--tree->nodes < tree->bucket_count / 8 && tree->bucket_count > BUCKETS_LEAST)
        resize(tree, tree->bucket_count / 2);
}

static struct node *child_of(const struct tree *tree, const struct node *parent,
                             struct text segment)
{
    uint32_t hash = hash_of(tree, parent, segment);
    struct node *node = *bucket_of(tree, hash);
    for (; node != NULL; node = node->chain)
        if (node->hash == hash && node->parent == parent &&
            node->key_len >= segment.len && ends_segment(key_of(node), segment.len) &&
            memcmp(node->key, segment.at, segment.len) == 0)
            return node;
    return NULL;
}

/* --- places --- */

void node_place(const struct tree *tree, struct text path, struct place *place)
{
    *place = (struct place){.above = tree->root, .rest = rest_of(path)};
    while (place->rest.at != NULL) {
        struct node *child = child_of(tree, place->above, first_segment(place->rest));
        if (child == NULL)
            return;
        size_t common = common_of(key_of(child), place->rest);
        if (common < child->key_len) {
            place->edge = child;
            place->common = common;
            return;
        }
        place->above = child;
        if (common == place->rest.len)
            place->rest = (struct text){NULL, 0};
        else
            text_skip(&place->rest, common + 1);
    }
}

/* --- making --- */

static struct node *node_new(struct text key)
{
    struct node *node = malloc(sizeof *node + key.len);
    if (node == NULL)
        return NULL;
    memset(node, 0, sizeof *node);
    if (key.len > 0)
        memcpy(node->inside, key.at, key.len);
    node->key = node->inside;
    node->key_len = (uint32_t)key.len;
    return node;
}

static void node_free(struct node *node)
{
    document_unref(&node->self.document);
    free(node->merged);
    free(node);
}

/* It has not changed yet: no sibling is older. */
static void add_child(struct tree *tree, struct node *parent, struct node *node)
{
    node->parent = parent;
    DL_PREPEND(parent->children, node);
    enter(tree, node);
}

/* Puts `middle`, which has the first `common` bytes of the child's key, above it. */
static void split(struct tree *tree, struct node *child, struct node *middle,
                  size_t common)
{
    struct node *parent = child->parent;
    middle->parent = parent;
    middle->newest = child->newest;
    middle->marked = child->marked;
    leave(tree, child);
    DL_REPLACE_ELEM(parent->children, child, middle);
    child->key += common + 1;
    child->key_len -= (uint32_t)common + 1;
    child->parent = middle;
    child->prev = child->next = NULL;
    DL_APPEND(middle->children, child);
    enter(tree, middle);
    enter(tree, child);
}

struct node *node_make(struct tree *tree, struct text path)
{
    struct place place;
    node_place(tree, path, &place);
    if (place.rest.at == NULL)
        return place.above;
    struct node *middle = NULL, *leaf = NULL;
    bool within = place.edge != NULL && place.common == place.rest.len;
    struct text end = place.rest;
    if (place.edge != NULL && !within)
        text_skip(&end, place.common + 1);
    if (place.edge != NULL)
        middle = node_new((struct text){place.edge->key, place.common});
    if (!within)
        leaf = node_new(end);
    if ((place.edge != NULL && middle == NULL) || (!within && leaf == NULL)) {
        free(middle);
        free(leaf);
        return NULL;
    }
    if (middle != NULL)
        split(tree, place.edge, middle, place.common);
    if (leaf != NULL)
        add_child(tree, middle != NULL ? middle : place.above, leaf);
    return leaf != NULL ? leaf : middle;
}

/* --- letting go --- */

static bool is_held(const struct node *node)
{
    for (int scope = 0; scope < SCOPES; scope++)
        if (node->waitlists[scope] != NULL)
            return true;
    return node->parent == NULL || node->self.index != 0 || node->mark.index != 0;
}

/* Gives the node's place and its part of the key to its only child, and the newest change
 * that the place stands for: it may have been one that was forgotten, and siblings that
 * are older stand before it. Without memory the node stays until the next time. */
static void merge(struct tree *tree, struct node *node)
{
    struct node *child = node->children, *parent = node->parent;
    size_t len = (size_t)node->key_len + 1 + child->key_len;
    char *key = malloc(len);
    if (key == NULL)
        return;
    if (node->key_len > 0)
        memcpy(key, node->key, node->key_len);
    key[node->key_len] = '/';
    if (child->key_len > 0)
        memcpy(key + node->key_len + 1, child->key, child->key_len);
    leave(tree, child);
    leave(tree, node);
    free(child->merged);
    child->key = child->merged = key;
    child->key_len = (uint32_t)len;
    child->parent = parent;
    child->newest = node->newest;
    DL_REPLACE_ELEM(parent->children, node, child);
    enter(tree, child);
    node_free(node);
}

void node_prune(struct tree *tree, struct node *node)
{
    while (!is_held(node) && node->children == NULL) {
        struct node *parent = node->parent;
        leave(tree, node);
        DL_DELETE(parent->children, node);
        node_free(node);
        node = parent;
    }
    if (!is_held(node) && node->children->next == NULL)
        merge(tree, node);
}

/* --- what nodes know --- */

/* Mostly it is the newest of all. */
static void put_in_order(struct node *parent, struct node *node)
{
    if (node->next == NULL)
        return;
    DL_DELETE(parent->children, node);
    struct node *before = parent->children->prev;
    while (before != NULL && before->newest.index > node->newest.index)
        before = before != parent->children ? before->prev : NULL;
    DL_APPEND_ELEM(parent->children, before, node);
}

void node_note(struct node *node, struct moment moment)
{
    for (; node != NULL && node->newest.index < moment.index; node = node->parent) {
        node->newest = moment;
        if (node->parent != NULL)
            put_in_order(node->parent, node);
    }
}

struct node *node_next(const struct node *node, const struct node *top)
{
    if (node->children != NULL)
        return node->children;
    for (; node != top; node = node->parent)
        if (node->next != NULL)
            return node->next;
    return NULL;
}

bool node_is_below(const struct node *node, const struct node *top, size_t *steps)
{
    for (; node != NULL && node != top; node = node->parent)
        ++*steps;
    return node != NULL;
}

size_t node_path(const struct node *node, char *out, size_t most)
{
    size_t len = node->parent == NULL; /* the root's slash */
    for (const struct node *up = node; up->parent != NULL; up = up->parent)
        len += 1 + (size_t)up->key_len;
    if (len > most)
        return len;
    char *at = out + len;
    for (const struct node *up = node; up->parent != NULL; up = up->parent) {
        at -= up->key_len;
        if (up->key_len > 0)
            memcpy(at, up->key, up->key_len);
        *--at = '/';
    }
    if (node->parent == NULL)
        *out = '/';
    return len;
}

/* --- life --- */

bool nodes_open(struct tree *tree)
{
    tree->root = node_new((struct text){NULL, 0});
    tree->buckets = calloc(BUCKETS_LEAST, sizeof(struct node *));
    tree->bucket_count = BUCKETS_LEAST;
    tree->seed = mix((uint64_t)clock_now().at ^ (uintptr_t)tree->root);
    if (tree->root != NULL && tree->buckets != NULL)
        return true;
    free(tree->root);
    free(tree->buckets);
    return false;
}

void nodes_close(struct tree *tree)
{
    for (size_t i = 0; i < tree->bucket_count; i++)
        for (struct node *node = tree->buckets[i], *next; node != NULL; node = next) {
            next = node->chain;
            node_free(node);
        }
    node_free(tree->root);
    free(tree->buckets);
}
