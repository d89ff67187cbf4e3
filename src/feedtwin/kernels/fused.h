/* The three steps of serving in one, without writing candidates down.
 *
 * ft_serve = retrieve_reference, score_reference and select_reference, one after the other. A request's
 * data are scattered over memory, so requests pass through a pipeline whose stages ask for what the
 * next one reads: r + 4 chooses its windows, r + 3 and r + 2 find where they begin, r + 1 takes their rows,
 * r is served.
 */
#ifndef FT_FUSED_H
#define FT_FUSED_H

#include "serve.h"

struct ft_serve_args {
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
    const uint8_t *cards, *ring_cards; /* by row, by place on a ring; null: read the five columns */
    const int8_t *vectors;
    const float *inv_norm, *base;
    const uint32_t *creator, *ordinal;
    const uint16_t *category;
    const uint8_t *stage;
    const uint32_t *insert_row, *seen_row, *seen_count;
    int64_t categories_count, category_picks, category_quota, followed_quota, community_quota;
    double category_sharpness, weight_similarity, weight_followed;
    int64_t no_repeat, creator_cap, category_cap;
    double inverse_temperature;
    int64_t seed, key_base, globals, slots, history;
    uint32_t *row;
    uint64_t *item;
    float *slot_score, *propensity;
    uint8_t *pool, *stage_out;
    uint16_t *meeting;
    uint8_t *inserted, *served_count;
};

/* A card: everything the ranker needs about an item in one cache line (twins/platform/feed/cards.py). */
struct ft_card {
    int8_t vector[FT_D];
    uint16_t ordinal;
    float inv_norm;
    uint32_t creator;
    float base;
};

/* ---- the pipeline ---------------------------------------------------------------------------------- */

#define FT_DEPTH 8 /* slips in use at a time, rounded up to a power of two */

/* What is known of a request that is on its way. */
struct ft_slip {
    struct ft_operand query;
    float inverse;
    struct ft_windows windows;
};

struct ft_line {
    const struct ft_serve_args *a;
    struct ft_pools pools;
    struct ft_slates slates;
    struct ft_slip slip[FT_DEPTH];
    struct ft_hand hand[2]; /* the request that is served, and the next one */
    struct ft_sieve sieve;
};

FT_FN struct ft_slip *ft_slip_of(struct ft_line *l, int64_t r) { return &l->slip[r & (FT_DEPTH - 1)]; }

FT_FN void ft_expect(const struct ft_line *l, int64_t r)
{
    const struct ft_serve_args *a = l->a;
    size_t user = a->user[r];
    __builtin_prefetch(a->query + user * FT_D);
    __builtin_prefetch(a->query + user * FT_D + 32);
    __builtin_prefetch(a->query + user * FT_D + FT_D - 1);
    __builtin_prefetch(a->follow_offset + user);
    __builtin_prefetch(a->seen_count + user);
}

FT_FN void ft_open(struct ft_line *l, int64_t r)
{
    struct ft_slip *slip = ft_slip_of(l, r);
    uint32_t user = l->a->user[r];
    ft_operand_i16(&slip->query, l->a->query + (size_t)user * FT_D);
    slip->inverse = ft_inverse_norm(&slip->query);
    ft_open_windows(&l->pools, &slip->query, slip->inverse, user, r, l->a->request[r],
                    &slip->windows);
    ft_fetch_guess(&slip->windows);
}

FT_FN void ft_fetch_history(const struct ft_line *l, int64_t r)
{
    const struct ft_past past = ft_past_of(&l->slates, l->a->user[r]);
    for (int64_t i = 0, filled = ft_filled(&past); i < filled; i += 16)
        __builtin_prefetch(past.seen + i);
}

/* Where the card (or, without cards, the vector) of a row is. */
FT_FN const int8_t *ft_vector_of(const struct ft_serve_args *a, uint32_t row)
{
    if (a->cards) return (const int8_t *)a->cards + (size_t)row * sizeof(struct ft_card);
    return a->vectors + (size_t)row * FT_D;
}

/* Part of a window: `take` entries of a ring from `from` on. Their cards are neighbours in ring_cards. */
FT_FN int64_t ft_deal_part(const struct ft_serve_args *a, const struct ft_window *at, int64_t from,
                           int64_t take, struct ft_hand *h, struct ft_sieve *s, int64_t n)
{
    const uint32_t *row = at->row + from;
    if (at->latest) {
        for (int64_t i = 0; i < take; i++) {
            uint32_t x = ft_of_followee(at, row[i]);
            n = ft_hand_enter(h, s, n, x, at->pool, x == FT_NO_ITEM ? 0 : ft_vector_of(a, x));
        }
    } else if (a->ring_cards) {
        const int8_t *card = (const int8_t *)a->ring_cards + sizeof(struct ft_card) * (row - a->ring_row);
        for (int64_t i = 0; i < take; i++)
            n = ft_hand_enter(h, s, n, row[i], at->pool, card + sizeof(struct ft_card) * i);
    } else {
        for (int64_t i = 0; i < take; i++)
            n = ft_hand_enter(h, s, n, row[i], at->pool, ft_vector_of(a, row[i]));
    }
    return n;
}

/* Take the windows of request r (retrieval._window, _drop_repeats) and look the rows up in its history. */
FT_STAGE void ft_deal(struct ft_line *l, int64_t r)
{
    const struct ft_windows *windows = &ft_slip_of(l, r)->windows;
    const struct ft_past past = ft_past_of(&l->slates, l->a->user[r]);
    struct ft_hand *h = &l->hand[r & 1];
    int64_t n = 0;
    for (int64_t w = 0; w < windows->n; w++) {
        const struct ft_window *at = &windows->at[w];
        int64_t take = at->quota < at->size ? at->quota : at->size, left = at->size - at->position;
        int64_t first = take < left ? take : left;
        n = ft_deal_part(l->a, at, at->position, first, h, &l->sieve, n);
        n = ft_deal_part(l->a, at, 0, take - first, h, &l->sieve, n);
    }
    ft_hand_close(h, n);
    ft_history(h, &l->sieve, &past);
    ft_sieve_clear(&l->sieve, h->row, n);
}

/* The last 16 bytes of four cards: two vector entries and the ordinal, inv_norm, creator, base. */
FT_FN void ft_read_cards(struct ft_hand *h, int64_t i, float *inv_norm, float *base)
{
#if defined(__SSE2__)
    __m128i c0 = _mm_loadu_si128((const void *)(h->vector[i] + 48));
    __m128i c1 = _mm_loadu_si128((const void *)(h->vector[i + 1] + 48));
    __m128i c2 = _mm_loadu_si128((const void *)(h->vector[i + 2] + 48));
    __m128i c3 = _mm_loadu_si128((const void *)(h->vector[i + 3] + 48));
    __m128i a = _mm_unpacklo_epi32(c0, c1), b = _mm_unpacklo_epi32(c2, c3);
    __m128i c = _mm_unpackhi_epi32(c0, c1), d = _mm_unpackhi_epi32(c2, c3);
    _mm_storeu_si128((void *)(h->ordinal + i), _mm_srli_epi32(_mm_unpacklo_epi64(a, b), 16));
    _mm_storeu_si128((void *)(inv_norm + i), _mm_unpackhi_epi64(a, b));
    _mm_storeu_si128((void *)(h->creator + i), _mm_unpacklo_epi64(c, d));
    _mm_storeu_si128((void *)(base + i), _mm_unpackhi_epi64(c, d));
#else
    for (int64_t end = i + 4; i < end; i++) {
        const struct ft_card *card = (const struct ft_card *)h->vector[i];
        h->ordinal[i] = card->ordinal;
        inv_norm[i] = card->inv_norm;
        h->creator[i] = card->creator;
        base[i] = card->base;
    }
#endif
}

/* Read what the ranker needs from the cards, or from the columns. */
FT_STAGE void ft_read_items(const struct ft_serve_args *a, struct ft_hand *h, float *restrict inv_norm,
                            float *restrict base)
{
    for (int64_t i = 0; i < h->n; i++) h->category[i] = a->category[h->row[i]];
    for (int64_t i = h->n; i & 3; i++) h->vector[i] = h->vector[h->n - 1];
    if (a->cards)
        for (int64_t i = 0; i < h->n; i += 4) ft_read_cards(h, i, inv_norm, base);
    else
        for (int64_t i = 0; i < h->n; i++) {
            uint32_t row = h->row[i];
            h->creator[i] = a->creator[row];
            h->ordinal[i] = a->ordinal[row];
            inv_norm[i] = a->inv_norm[row];
            base[i] = a->base[row];
        }
}

/* Score all candidates and bar the user's own, and what they may not see. */
FT_STAGE void ft_rank(const struct ft_serve_args *a, uint32_t user, const struct ft_slip *slip,
                      struct ft_hand *h, struct ft_fetch *fetch)
{
    float inv_norm[FT_ROOM], base[FT_ROOM];
    uint32_t followed[FT_ROOM];
    int32_t dot[FT_ROOM];
    int64_t begin = a->follow_offset[user], size = a->follow_offset[user + 1] - begin;
    ft_read_items(a, h, inv_norm, base);
    for (int64_t i = 0; i < h->n; i++) h->barred[i] |= h->creator[i] == user;
    const struct ft_limits limits = FT_LIMITS(a, user);
    if (limits.mute != limits.end || limits.restricted)
        for (int64_t i = 0; i < h->n; i++)
            h->barred[i] |= (uint8_t)ft_hidden(&limits, h->row[i], h->creator[i]);
    for (int64_t i = 0; i < h->n; i += 16, ft_fetch_some(fetch, 6)) {
        int64_t m = h->n - i < 16 ? h->n - i : 16;
        if (a->cards) ft_dots(h->vector + i, m, &slip->query, 1, dot + i);
        else ft_dots(h->vector + i, m, &slip->query, 0, dot + i);
    }
    ft_follows(h->creator, h->n, a->follow_hash + begin, size, followed);
    ft_scores(dot, inv_norm, base, followed, h->n, slip->inverse, (float)a->weight_similarity,
              (float)a->weight_followed, h->score);
}

/* Serve request r; `next` holds the candidates of the one after it, whose cards are fetched meanwhile. */
FT_STAGE void ft_serve_one(struct ft_line *l, int64_t r, const struct ft_hand *next)
{
    const struct ft_serve_args *a = l->a;
    struct ft_hand *h = &l->hand[r & 1];
    uint32_t user = a->user[r];
    const struct ft_past past = ft_past_of(&l->slates, user);
    struct ft_fetch fetch = {.line = next ? next->vector : 0, .left = next ? next->n : 0};
    ft_bar_inserted(h, a->insert_row + r * a->slots, a->slots);
    ft_rank(a, user, ft_slip_of(l, r), h, &fetch);
    ft_race(h, &l->slates, &past, r, user, a->request[r], &fetch);
}

FT_EXPORT int64_t ft_serve(const struct ft_serve_args *a, int64_t low, int64_t high)
{
    struct ft_line l;
    l.a = a;
    l.pools = (struct ft_pools)FT_POOLS(a);
    l.slates = (struct ft_slates)FT_SLATES(a);
    ft_hand_new(&l.hand[0]);
    ft_hand_new(&l.hand[1]);
    ft_sieve_new(&l.sieve);
    if (ft_columns(&l.pools) < 0 || (a->ring_cards && !a->cards) || !FT_LIMITS_WHOLE(a)
        || !FT_OWN_WHOLE(a)) return -1;
    for (int64_t r = low - 5; r < high; r++) {
#define FT_AT(ahead) (r + (ahead) >= low && r + (ahead) < high)
        if (FT_AT(5)) ft_expect(&l, r + 5);
        if (FT_AT(4)) ft_open(&l, r + 4);
        if (FT_AT(3)) ft_fetch_near(&ft_slip_of(&l, r + 3)->windows);
        if (FT_AT(2)) {
            ft_find_windows(&ft_slip_of(&l, r + 2)->windows);
            ft_fetch_history(&l, r + 2);
        }
        if (FT_AT(1)) ft_deal(&l, r + 1);
        if (FT_AT(0)) ft_serve_one(&l, r, FT_AT(1) ? &l.hand[(r + 1) & 1] : 0);
#undef FT_AT
    }
    return 0;
}

#endif
