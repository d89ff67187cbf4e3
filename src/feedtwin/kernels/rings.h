/* Which items a request may rank: windows on rings. Equals twins/platform/feed/retrieval.py.
 *
 * A ring is a sorted array of hashes with a row beside each; a window is the rows clockwise from a drawn point.
 */
#ifndef FT_RINGS_H
#define FT_RINGS_H

#include "hand.h"

#define FT_PICKS_MOST 64 /* limits that specs.py checks */
#define FT_GLOBALS_MOST 64
#define FT_CATEGORIES_MOST 4096
#define FT_WINDOWS_MOST (FT_PICKS_MOST + FT_GLOBALS_MOST + FT_LANES)
#define FT_CATEGORY_RING_KEY 16
enum { FT_POOL_INTEREST = 0, FT_POOL_FOLLOWED = 3, FT_POOL_COMMUNITY = 5 };

/* What retrieval reads; the fields are those of the kernels' arguments. */
struct ft_pools {
    const int16_t *query;
    const int8_t *topic_vectors;
    const float *topic_inv_norm;
    const int64_t *ring_offset;
    const uint32_t *ring_hash, *ring_row;
    const int64_t *global_pool, *global_quota, *follow_offset;
    const uint32_t *follow_hash, *latest_row;
    const int64_t *own_ring;
    const uint32_t *own_pool;
    int64_t categories, globals, picks, category_quota, followed_quota, community_quota;
    float sharpness;
    uint32_t k0, key_base;
};

#define FT_POOLS(a) { \
    .query = (a)->query, .topic_vectors = (a)->topic_vectors, .topic_inv_norm = (a)->topic_inv_norm, \
    .ring_offset = (a)->ring_offset, .ring_hash = (a)->ring_hash, .ring_row = (a)->ring_row, \
    .global_pool = (a)->global_pool, .global_quota = (a)->global_quota, \
    .follow_offset = (a)->follow_offset, .follow_hash = (a)->follow_hash, \
    .latest_row = (a)->latest_row, .own_ring = (a)->own_ring, .own_pool = (a)->own_pool, \
    .categories = (a)->categories_count, .globals = (a)->globals, .picks = (a)->category_picks, \
    .category_quota = (a)->category_quota, .followed_quota = (a)->followed_quota, \
    .community_quota = (a)->community_quota, \
    .sharpness = (float)(a)->category_sharpness, .k0 = (uint32_t)(a)->seed, \
    .key_base = (uint32_t)(a)->key_base }

#define FT_OWN_WHOLE(a) (!(a)->own_ring == !(a)->own_pool && (!(a)->own_ring || (a)->globals == 1))

/* Columns of the candidate table, or -1 if these pools are more than the kernels have room for. */
FT_FN int64_t ft_columns(const struct ft_pools *p)
{
    int64_t columns = p->picks * p->category_quota + p->followed_quota + p->community_quota;
    if (p->picks > p->categories) return -1;
    for (int64_t g = 0; g < p->globals; g++) columns += p->global_quota[g];
    return columns <= FT_MOST ? columns : -1;
}

/* retrieval._pick_categories: the best of a Gumbel race on affinity; ties go to the lower index. */
FT_STAGE void ft_pick_categories(const struct ft_pools *p, const struct ft_operand *query, float inverse,
                              uint32_t user, uint32_t request, int64_t *pick)
{
    int32_t order[FT_CATEGORIES_MOST + FT_LANES];
    for (int64_t k = 0; k < p->categories; k += FT_LANES) {
        int64_t n = p->categories - k < FT_LANES ? p->categories - k : FT_LANES;
        uint32_t c[4][FT_LANES], row[FT_LANES];
        int32_t dot[FT_LANES + 4] = {0};
        float norm[FT_LANES] = {0}, key[FT_LANES];
        for (int i = 0; i < FT_LANES; i++) {
            c[0][i] = user; c[1][i] = request; c[2][i] = row[i] = (uint32_t)(k + i); c[3][i] = 0;
        }
        ft_philox_lanes(c, p->k0, p->key_base | FT_BLOCK_CLUSTER_CHOICE);
        ft_dot_rows(p->topic_vectors, row, n, query, dot);
        memcpy(norm, p->topic_inv_norm + k, (size_t)n * sizeof(float));
        for (int i = 0; i < FT_LANES; i++) {
            float affinity = (float)dot[i] * (inverse * norm[i]);
            key[i] = affinity * p->sharpness + ft_gumbel32(ft_uniform32(c[0][i]));
        }
        for (int i = 0; i < FT_LANES; i++) order[k + i] = ft_order(key[i]);
        for (int64_t i = 0; i < n; i++)
            if (p->ring_offset[k + i + 1] <= p->ring_offset[k + i]) order[k + i] = ft_order(-INFINITY);
        for (int64_t i = n; i < FT_LANES; i++) order[k + i] = INT32_MIN;
    }
    for (int64_t i = 0, lanes = ft_whole(p->categories); i < p->picks; i++) {
        int32_t best = ft_greatest(order, lanes);
        int64_t at = 0;
        while (order[at] != best) at++;
        pick[i] = at;
        order[at] = INT32_MIN;
    }
}

/* ---- finding a point on a ring --------------------------------------------------------------------- */

/* First index in values[0..size) with values[index] >= point, else size. No branch to mispredict. */
FT_FN int64_t ft_lower_bound(const uint32_t *values, int64_t size, uint32_t point)
{
    const uint32_t *base = values;
    if (size <= 0) return 0;
    while (size > 1) {
        int64_t half = size >> 1;
        base += half & -(int64_t)(base[half - 1] < point);
        size -= half;
    }
    return (base - values) + (*base < point);
}

/* Hashes are uniform, so a point's place can be guessed: off by about the square root of the size. */
FT_FN int64_t ft_guess(int64_t size, uint32_t point)
{
    return (int64_t)(((uint64_t)point * (uint64_t)size) >> 32);
}

/* The guess corrected by the hash found there: off by about the fourth root of the size. */
FT_FN int64_t ft_second_guess(const uint32_t *values, int64_t size, uint32_t point)
{
    int64_t first = ft_guess(size, point);
    int64_t second = first + ((((int64_t)point - values[first]) * size) >> 32);
    return second < 0 ? 0 : second < size ? second : size - 1;
}

/* ties.py: a followee's place on the ring is id * multiplier mod 2^32; the inverse gives the id back. */
#define FT_FOLLOWEE_MULTIPLIER 2654435761u
#define FT_FOLLOWEE_INVERSE 244002641u

#define FT_NEAR 32 /* entries looked at on either side of the second guess */

/* ft_lower_bound by looking around the second guess, and from scratch in the rare case it is not there. */
FT_FN int64_t ft_find(const uint32_t *values, int64_t size, uint32_t point)
{
    int64_t below = 0, from;
    if (size <= 2 * FT_NEAR) return ft_lower_bound(values, size, point);
    from = ft_second_guess(values, size, point) - FT_NEAR;
    from = from < 0 ? 0 : from > size - 2 * FT_NEAR ? size - 2 * FT_NEAR : from;
    for (int i = 0; i < 2 * FT_NEAR; i++) below += values[from + i] < point;
    if ((below > 0 || from == 0) && (below < 2 * FT_NEAR || from == size - 2 * FT_NEAR))
        return from + below;
    return ft_lower_bound(values, size, point);
}

/* ---- windows --------------------------------------------------------------------------------------- */

/* One window of a request: where on which ring it begins. Followed and community windows come last. */
struct ft_window {
    const uint32_t *hash, *row;
    const uint32_t *latest; /* the ring holds followees: their latest rows; else null */
    const int64_t *hop; /* one step further, to a followee of each followee: their follow_offset; else null */
    const uint32_t *ties; /* follow_hash, where hop is set */
    int64_t size, quota, position;
    uint32_t point;
    uint8_t pool;
};

struct ft_windows {
    int64_t n;
    struct ft_window at[FT_WINDOWS_MOST];
};

/* A window on a whole ring, before its point is drawn. */
FT_FN struct ft_window ft_ring_window(const struct ft_pools *p, int64_t ring, int64_t quota, uint8_t pool)
{
    int64_t begin = p->ring_offset[ring];
    return (struct ft_window){
        .hash = p->ring_hash + begin, .row = p->ring_row + begin,
        .size = p->ring_offset[ring + 1] - begin, .quota = quota, .pool = pool,
    };
}

/* Choose the rings and points of request r. */
FT_STAGE void ft_open_windows(const struct ft_pools *p, const struct ft_operand *query, float inverse,
                              uint32_t user, int64_t r, uint32_t request, struct ft_windows *w)
{
    int64_t pick[FT_PICKS_MOST], n = 0;
    uint32_t word[FT_WINDOWS_MOST];
    if (p->picks > 0) ft_pick_categories(p, query, inverse, user, request, pick);
    for (int64_t i = 0; i < p->picks; i++) {
        word[n] = FT_CATEGORY_RING_KEY + (uint32_t)pick[i];
        w->at[n++] = ft_ring_window(p, pick[i], p->category_quota, FT_POOL_INTEREST);
    }
    for (int64_t g = 0; g < p->globals; g++) {
        int64_t ring = p->own_ring ? p->own_ring[r] : p->categories + g;
        word[n] = p->own_pool ? p->own_pool[r] : (uint32_t)p->global_pool[g];
        w->at[n] = ft_ring_window(p, ring, p->global_quota[g], (uint8_t)word[n]);
        n++;
    }
    for (int hop = 0; hop < 2; hop++) {
        int64_t begin = p->follow_offset[user], quota = hop ? p->community_quota : p->followed_quota;
        if (quota <= 0) continue;
        word[n] = hop ? FT_POOL_COMMUNITY : FT_POOL_FOLLOWED;
        w->at[n++] = (struct ft_window){
            .hash = p->follow_hash + begin, .row = p->follow_hash + begin,
            .latest = p->latest_row, .hop = hop ? p->follow_offset : 0, .ties = p->follow_hash,
            .size = p->follow_offset[user + 1] - begin,
            .quota = quota, .pool = hop ? FT_POOL_COMMUNITY : FT_POOL_FOLLOWED,
        };
    }
    w->n = n;
    for (int64_t i = n; i < ft_whole(n); i++) word[i] = 0;
    for (int64_t i = 0; i < n; i += FT_LANES) {
        uint32_t c[4][FT_LANES];
        for (int j = 0; j < FT_LANES; j++) {
            c[0][j] = user; c[1][j] = request; c[2][j] = word[i + j]; c[3][j] = 0;
        }
        ft_philox_lanes(c, p->k0, p->key_base | FT_BLOCK_RETRIEVAL_START);
        for (int64_t j = 0; j < FT_LANES && i + j < n; j++) w->at[i + j].point = c[0][j];
    }
}

/* Three steps of the search, each of which asks memory for what the next one reads. */

FT_FN void ft_fetch_guess(const struct ft_windows *w)
{
    for (int64_t i = 0; i < w->n; i++)
        __builtin_prefetch(w->at[i].hash + ft_guess(w->at[i].size, w->at[i].point));
}

FT_FN void ft_fetch_near(const struct ft_windows *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        const struct ft_window *at = &w->at[i];
        if (at->size <= 2 * FT_NEAR) continue;
        const uint32_t *near = at->hash + ft_second_guess(at->hash, at->size, at->point);
        for (int64_t j = -FT_NEAR; j <= FT_NEAR; j += 16) __builtin_prefetch(near + j);
    }
}

FT_FN void ft_find_windows(struct ft_windows *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        struct ft_window *at = &w->at[i];
        int64_t position = ft_find(at->hash, at->size, at->point);
        at->position = position < at->size ? position : 0;
        for (int64_t j = 0; j < at->quota + 16; j += 16) __builtin_prefetch(at->row + at->position + j);
        for (int64_t j = 0; at->latest && j < at->quota && at->position + j < at->size; j++) {
            uint32_t followee = at->row[at->position + j] * FT_FOLLOWEE_INVERSE;
            if (at->hop) __builtin_prefetch(at->hop + followee);
            else __builtin_prefetch(at->latest + followee);
        }
    }
}

/* What the followee at a place of the user's ring puts before their followers; in a community window, what
 * one of the followee's own followees does: the first from the point, turned by the followee's place. */
FT_FN uint32_t ft_of_followee(const struct ft_window *at, uint32_t place)
{
    uint32_t followee = place * FT_FOLLOWEE_INVERSE;
    if (!at->hop) return at->latest[followee];
    int64_t begin = at->hop[followee], size = at->hop[followee + 1] - begin;
    if (size == 0) return FT_NO_ITEM;
    int64_t position = ft_find(at->ties + begin, size, at->point ^ place);
    return at->latest[at->ties[begin + (position < size ? position : 0)] * FT_FOLLOWEE_INVERSE];
}

/* retrieval._window: up to `quota` rows clockwise from the position; short rings are taken whole. */
FT_FN void ft_take(const struct ft_window *at, uint32_t *row)
{
    int64_t take = at->quota < at->size ? at->quota : at->size, left = at->size - at->position;
    int64_t first = take < left ? take : left, i = 0;
    for (; i < first; i++) row[i] = at->row[at->position + i];
    for (; i < take; i++) row[i] = at->row[i - first];
    for (; i < at->quota; i++) row[i] = FT_NO_ITEM;
}

/* All windows, column by column: retrieval.retrieve_reference before it drops own items and repeats. */
FT_STAGE void ft_take_windows(const struct ft_windows *w, uint32_t *row)
{
    for (int64_t i = 0; i < w->n; i++) {
        const struct ft_window *at = &w->at[i];
        ft_take(at, row);
        for (int64_t j = 0; at->latest && j < at->quota && j < at->size; j++)
            row[j] = ft_of_followee(at, row[j]);
        row += at->quota;
    }
}

/* ---- who may see what -------------------------------------------------------------------------------- */

/* Restrictions of one user; nothing is read where a world has none. */
struct ft_limits {
    const uint64_t *mute, *end; /* user << 32 | creator that the user muted */
    const uint8_t *restricted; /* by row, where the user is a minor; else null */
};

#define FT_LIMITS(a, user) { \
    .mute = (a)->mute_key ? (a)->mute_key + (a)->mute_offset[user] : 0, \
    .end = (a)->mute_key ? (a)->mute_key + (a)->mute_offset[(user) + 1] : 0, \
    .restricted = (a)->restricted && (a)->minor[user] ? (a)->restricted : 0 }

/* Each array is of use with its companion only. */
#define FT_LIMITS_WHOLE(a) (!(a)->mute_key == !(a)->mute_offset && !(a)->restricted == !(a)->minor)

/* retrieval.hidden_from: whether the user muted the creator, or is a minor and the item restricted. */
FT_FN int ft_hidden(const struct ft_limits *l, uint32_t row, uint32_t creator)
{
    int hidden = l->restricted && l->restricted[row];
    for (const uint64_t *m = l->mute; m < l->end; m++) hidden |= (uint32_t)*m == creator;
    return hidden;
}

#endif
