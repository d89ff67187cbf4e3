/* Kernels of the platform's serving, one by one: for policies that score by themselves.
 *
 * ft_retrieve = retrieval.retrieve_reference, ft_score = ranking.score_reference, ft_select =
 * ranking.select_reference (twins/platform/).
 */
#ifndef FT_SERVE_H
#define FT_SERVE_H

#include "race.h"
#include "rings.h"

/* ---- retrieve ------------------------------------------------------------------------------------- */

struct ft_retrieve_args {
    int64_t part;
    const uint32_t *user, *request;
    const int16_t *query;
    const int8_t *topic_vectors;
    const float *topic_inv_norm;
    const int64_t *ring_offset;
    const uint32_t *ring_hash, *ring_row;
    const int64_t *global_pool, *global_quota, *follow_offset;
    const uint32_t *follow_hash, *latest_row;
    const int64_t *mute_offset; /* who may see what; null where nothing is restricted */
    const uint64_t *mute_key;
    const uint8_t *minor, *restricted;
    const int64_t *own_ring; /* each request has one ring, of one pool; null: the pools' rings */
    const uint32_t *own_pool;
    const uint32_t *creator;
    int64_t categories_count, category_picks, category_quota, followed_quota, community_quota;
    double category_sharpness;
    int64_t seed, key_base, globals, candidates;
    uint32_t *candidate;
    uint8_t *candidate_pool;
};

FT_EXPORT int64_t ft_retrieve(const struct ft_retrieve_args *a, int64_t low, int64_t high)
{
    const struct ft_pools pools = FT_POOLS(a);
    struct ft_operand query;
    struct ft_windows windows;
    struct ft_hand hand;
    struct ft_sieve sieve;
    ft_sieve_new(&sieve);
    if (ft_columns(&pools) != a->candidates || !FT_LIMITS_WHOLE(a)
        || !FT_OWN_WHOLE(a)) return -1;
    for (int64_t r = low; r < high; r++) {
        uint32_t user = a->user[r], *row = a->candidate + r * a->candidates;
        uint8_t *pool = a->candidate_pool + r * a->candidates;
        const struct ft_limits limits = FT_LIMITS(a, user);
        ft_operand_i16(&query, a->query + (size_t)user * FT_D);
        ft_open_windows(&pools, &query, ft_inverse_norm(&query), user, r, a->request[r], &windows);
        ft_find_windows(&windows);
        ft_take_windows(&windows, row);
        int64_t n = 0;
        for (int64_t i = 0, before = 0; i < a->candidates; i++, before = n) {
            uint32_t creator = row[i] != FT_NO_ITEM ? a->creator[row[i]] : 0;
            int barred = row[i] != FT_NO_ITEM && (creator == user || ft_hidden(&limits, row[i], creator));
            if (!barred) n = ft_hand_enter(&hand, &sieve, n, row[i], 0, 0);
            if (n == before) row[i] = FT_NO_ITEM;
        }
        ft_sieve_clear(&sieve, hand.row, n);
        for (int64_t w = 0; w < windows.n; pool += windows.at[w++].quota)
            memset(pool, windows.at[w].pool, (size_t)windows.at[w].quota);
    }
    return 0;
}

/* ---- score ---------------------------------------------------------------------------------------- */

/* followed[i] = whether creator[i] is among the `size` followees (ranking.follows). */
FT_STAGE void ft_follows(const uint32_t *creator, int64_t n, const uint32_t *followee, int64_t size,
                      uint32_t *restrict followed)
{
    int64_t lanes = ft_whole(n);
    uint32_t place[FT_ROOM];
    for (int64_t i = 0; i < lanes; i++) place[i] = creator[i] * FT_FOLLOWEE_MULTIPLIER;
    memset(followed, 0, (size_t)lanes * sizeof *followed);
    for (int64_t f = 0; f < size; f++)
        for (int64_t i = 0; i < lanes; i++) followed[i] |= place[i] == followee[f];
}

/* ranking.score_reference for one request: w_sim cos + base + w_follow [followed]. */
FT_STAGE void ft_scores(const int32_t *dot, const float *inv_norm, const float *base,
                     const uint32_t *followed, int64_t n, float inverse, float weight_similarity,
                     float weight_followed, float *restrict score)
{
    for (int64_t i = 0; i < n; i++) {
        float similarity = (float)dot[i] * (inverse * inv_norm[i]);
        float own = weight_similarity * similarity + base[i];
        score[i] = own + (followed[i] ? weight_followed : 0.0f);
    }
}

struct ft_score_args {
    int64_t part;
    const uint32_t *user, *candidate;
    const int16_t *query;
    const int8_t *vectors;
    const float *inv_norm, *base;
    const uint32_t *creator;
    const int64_t *follow_offset;
    const uint32_t *follow_hash;
    double weight_similarity, weight_followed;
    int64_t candidates;
    float *score;
};

FT_EXPORT int64_t ft_score(const struct ft_score_args *a, int64_t low, int64_t high)
{
    struct ft_operand query;
    int32_t dot[FT_ROOM];
    uint32_t row[FT_ROOM], creator[FT_ROOM], followed[FT_ROOM];
    float inv_norm[FT_ROOM], base[FT_ROOM];
    int64_t n = a->candidates;
    memset(creator, 0, sizeof creator);
    for (int64_t r = low; r < high; r++) {
        uint32_t user = a->user[r];
        int64_t begin = a->follow_offset[user], size = a->follow_offset[user + 1] - begin;
        for (int64_t i = 0; i < n; i++) {
            row[i] = a->candidate[r * n + i] == FT_NO_ITEM ? 0 : a->candidate[r * n + i];
            creator[i] = a->creator[row[i]];
            inv_norm[i] = a->inv_norm[row[i]];
            base[i] = a->base[row[i]];
        }
        ft_operand_i16(&query, a->query + (size_t)user * FT_D);
        ft_dot_rows(a->vectors, row, n, &query, dot);
        ft_follows(creator, n, a->follow_hash + begin, size, followed);
        ft_scores(dot, inv_norm, base, followed, n, ft_inverse_norm(&query),
                  (float)a->weight_similarity, (float)a->weight_followed, a->score + r * n);
    }
    return 0;
}

/* ---- select --------------------------------------------------------------------------------------- */

struct ft_select_args {
    int64_t part;
    const uint32_t *user, *request, *candidate;
    const uint8_t *candidate_pool;
    const float *score;
    const uint32_t *creator, *ordinal;
    const uint16_t *category;
    const uint8_t *stage;
    const uint32_t *insert_row, *seen_row, *seen_count;
    int64_t no_repeat, creator_cap, category_cap;
    double inverse_temperature;
    int64_t seed, key_base, candidates, slots, history;
    uint32_t *row;
    uint64_t *item;
    float *slot_score, *propensity;
    uint8_t *pool, *stage_out;
    uint16_t *meeting;
    uint8_t *inserted, *served_count;
};

FT_EXPORT int64_t ft_select(const struct ft_select_args *a, int64_t low, int64_t high)
{
    const struct ft_slates slates = FT_SLATES(a);
    struct ft_fetch nothing = {.left = 0};
    struct ft_hand hand;
    struct ft_sieve sieve;
    ft_hand_new(&hand);
    ft_sieve_new(&sieve);
    for (int64_t r = low; r < high; r++) {
        const struct ft_past past = ft_past_of(&slates, a->user[r]);
        int64_t n = 0;
        for (int64_t i = r * a->candidates; i < (r + 1) * a->candidates; i++) {
            uint32_t row = a->candidate[i]; /* repeats stay, as in the reference */
            if (row == FT_NO_ITEM) continue;
            sieve.taken[row % FT_SIEVE_SIZE] = 1;
            hand.row[n] = row;
            hand.pool[n] = a->candidate_pool[i];
            hand.score[n] = a->score[i];
            hand.creator[n] = a->creator[row];
            hand.ordinal[n] = a->ordinal[row];
            hand.category[n++] = a->category[row];
        }
        ft_hand_close(&hand, n);
        ft_history(&hand, &sieve, &past);
        ft_sieve_clear(&sieve, hand.row, n);
        ft_bar_inserted(&hand, a->insert_row + r * a->slots, a->slots);
        ft_race(&hand, &slates, &past, r, a->user[r], a->request[r], &nothing);
    }
    return 0;
}

#endif
