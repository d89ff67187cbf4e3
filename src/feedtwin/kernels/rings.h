/* Which items a request may rank: windows on rings. Equals twins/platform/retrieval.py.
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
enum { FT_POOL_INTEREST = 0, FT_POOL_FOLLOWED = 3 };

/* What retrieval reads; the fields are those of the kernels' arguments. */
struct ft_pools {
    const int16_t *query;
    const int8_t *topic_vectors;
    const float *topic_inv_norm;
    const int64_t *ring_offset;
    const uint32_t *ring_hash, *ring_row;
    const int64_t *global_pool, *global_quota, *follow_offset;
    const uint32_t *follow_hash, *follow_user, *latest_row;
    int64_t categories, globals, picks, category_quota, followed_quota;
    float sharpness;
    uint32_t k0, key_base;
};

#define FT_POOLS(a) { \
    .query = (a)->query, .topic_vectors = (a)->topic_vectors, .topic_inv_norm = (a)->topic_inv_norm, \
    .ring_offset = (a)->ring_offset, .ring_hash = (a)->ring_hash, .ring_row = (a)->ring_row, \
    .global_pool = (a)->global_pool, .global_quota = (a)->global_quota, \
    .follow_offset = (a)->follow_offset, .follow_hash = (a)->follow_hash, \
    .follow_user = (a)->follow_user, .latest_row = (a)->latest_row, \
    .categories = (a)->categories_count, .globals = (a)->globals, .picks = (a)->category_picks, \
    .category_quota = (a)->category_quota, .followed_quota = (a)->followed_quota, \
    .sharpness = (float)(a)->category_sharpness, .k0 = (uint32_t)(a)->seed, \
    .key_base = (uint32_t)(a)->key_base }

/* Columns of the candidate table, or -1 if these pools are more than the kernels have room for. */
FT_FN int64_t ft_columns(const struct ft_pools *p)
{
    int64_t columns = p->picks * p->category_quota + p->followed_quota;
    if (p->picks > p->categories) return -1;
    for (int64_t g = 0; g < p->globals; g++) columns += p->global_quota[g];
    return columns <= FT_MOST ? columns : -1;
}

/* retrieval._pick_categories: the best of a Gumbel race on affinity; ties go to the lower index. */
FT_FN void ft_pick_categories(const struct ft_pools *p, const struct ft_operand *query, float inverse,
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
        ft_dot_rows(p->topic_vectors, FT_D, row, n, query, dot);
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

/* retrieval._window: up to `quota` rows clockwise from `position`; short rings are taken whole. */
FT_FN void ft_window(const uint32_t *ring, int64_t size, int64_t position, int64_t quota, uint32_t *row)
{
    int64_t take = quota < size ? quota : size, at = position < size ? position : 0, i = 0;
    int64_t first = take < size - at ? take : size - at;
    for (; i < first; i++) row[i] = ring[at + i];
    for (; i < take; i++) row[i] = ring[i - first];
    for (; i < quota; i++) row[i] = FT_NO_ITEM;
}

/* retrieval.retrieve_reference before own items and repeats are dropped: rows and pools, column by column. */
FT_FN void ft_windows(const struct ft_pools *p, const struct ft_operand *query, float inverse,
                      uint32_t user, uint32_t request, uint32_t *row, uint8_t *pool)
{
    int64_t pick[FT_PICKS_MOST], n = 0, followed;
    uint32_t word[FT_WINDOWS_MOST] = {0}, point[FT_WINDOWS_MOST];
    if (p->picks > 0) ft_pick_categories(p, query, inverse, user, request, pick);
    for (int64_t i = 0; i < p->picks; i++) word[n++] = FT_CATEGORY_RING_KEY + (uint32_t)pick[i];
    for (int64_t g = 0; g < p->globals; g++) word[n++] = (uint32_t)p->global_pool[g];
    followed = n;
    word[n++] = FT_POOL_FOLLOWED;
    for (int64_t w = 0; w < n; w += FT_LANES) {
        uint32_t c[4][FT_LANES];
        for (int i = 0; i < FT_LANES; i++) {
            c[0][i] = user; c[1][i] = request; c[2][i] = word[w + i]; c[3][i] = 0;
        }
        ft_philox_lanes(c, p->k0, p->key_base | FT_BLOCK_RETRIEVAL_START);
        memcpy(point + w, c[0], sizeof c[0]);
    }
    int64_t column = 0;
    for (int64_t w = 0; w < followed; w++) {
        int64_t ring = w < p->picks ? pick[w] : p->categories + w - p->picks;
        int64_t quota = w < p->picks ? p->category_quota : p->global_quota[w - p->picks];
        int64_t begin = p->ring_offset[ring], size = p->ring_offset[ring + 1] - begin;
        int64_t position = ft_lower_bound(p->ring_hash + begin, size, point[w]);
        ft_window(p->ring_row + begin, size, position, quota, row + column);
        memset(pool + column, w < p->picks ? FT_POOL_INTEREST : (int)p->global_pool[w - p->picks],
               (size_t)quota);
        column += quota;
    }
    if (p->followed_quota > 0) { /* retrieval._followed */
        int64_t begin = p->follow_offset[user], size = p->follow_offset[user + 1] - begin;
        int64_t position = ft_lower_bound(p->follow_hash + begin, size, point[followed]);
        ft_window(p->follow_user + begin, size, position, p->followed_quota, row + column);
        for (int64_t i = 0; i < p->followed_quota && i < size; i++)
            row[column + i] = p->latest_row[row[column + i]];
        memset(pool + column, FT_POOL_FOLLOWED, (size_t)p->followed_quota);
    }
}

#endif
