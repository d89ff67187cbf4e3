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
    const uint32_t *follow_hash, *follow_user, *latest_row;
    const uint8_t *cards, *ring_cards; /* by row, by place on a ring; null: read the five columns */
    const int8_t *vectors;
    const float *inv_norm, *base;
    const uint32_t *creator, *ordinal;
    const uint16_t *category;
    const uint8_t *stage;
    const uint32_t *insert_row, *seen_row, *seen_count;
    int64_t categories_count, category_picks, category_quota, followed_quota;
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

/* A card: everything the ranker needs about an item in one cache line (twins/platform/cards.py). */
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
    uint32_t row[FT_ROOM];
    const int8_t *vector[FT_ROOM]; /* of row: its card, or its vector where there are no cards */
};

struct ft_line {
    const struct ft_serve_args *a;
    struct ft_pools pools;
    struct ft_slates slates;
    int64_t columns;
    struct ft_slip slip[FT_DEPTH];
    struct ft_sieve sieve;
    struct ft_hand hand;
};

FT_FN struct ft_slip *ft_slip_of(struct ft_line *l, int64_t r) { return &l->slip[r % FT_DEPTH]; }

FT_FN void ft_expect(const struct ft_line *l, int64_t r)
{
    const struct ft_serve_args *a = l->a;
    size_t user = a->user[r];
    __builtin_prefetch(a->query + user * FT_D);
    __builtin_prefetch(a->query + user * FT_D + 32);
    __builtin_prefetch(a->follow_offset + user);
    __builtin_prefetch(a->seen_count + user);
}

FT_FN void ft_open(struct ft_line *l, int64_t r)
{
    struct ft_slip *slip = ft_slip_of(l, r);
    uint32_t user = l->a->user[r];
    ft_operand_i16(&slip->query, l->a->query + (size_t)user * FT_D);
    slip->inverse = ft_inverse_norm(&slip->query);
    ft_open_windows(&l->pools, &slip->query, slip->inverse, user, l->a->request[r], &slip->windows);
    ft_fetch_guess(&slip->windows);
}

FT_FN void ft_fetch_history(const struct ft_line *l, int64_t r)
{
    const struct ft_past past = ft_past_of(&l->slates, l->a->user[r]);
    for (int64_t i = 0, filled = ft_filled(&past); i < filled; i += 16)
        __builtin_prefetch(past.seen + i, 0, 2);
}

/* Note the rows of a request, and where their vectors are: windows on a ring read neighbouring cards. */
FT_STAGE void ft_take_all(struct ft_line *l, struct ft_slip *slip)
{
    const struct ft_serve_args *a = l->a;
    const int8_t **vector = slip->vector;
    const uint32_t *row = slip->row;
    ft_take_windows(&slip->windows, slip->row);
    for (int64_t w = 0; w < slip->windows.n; w++) {
        const struct ft_window *at = &slip->windows.at[w];
        if (a->ring_cards && !at->latest) {
            const int8_t *ring = (const int8_t *)a->ring_cards + 64 * (at->row - a->ring_row);
            int64_t left = at->size - at->position;
            for (int64_t i = 0; i < at->quota; i++)
                vector[i] = ring + 64 * (i < left ? at->position + i : i - left);
        } else if (a->cards) {
            for (int64_t i = 0; i < at->quota; i++)
                vector[i] = (const int8_t *)a->cards + (row[i] == FT_NO_ITEM ? 0 : (size_t)row[i] * 64);
        } else {
            for (int64_t i = 0; i < at->quota; i++)
                vector[i] = a->vectors + (row[i] == FT_NO_ITEM ? 0 : (size_t)row[i] * FT_D);
        }
        row += at->quota;
        vector += at->quota;
    }
}

/* Put the rows of a request into the hand, each once, and into the sieve. */
FT_STAGE void ft_fill(struct ft_line *l, const struct ft_slip *slip)
{
    struct ft_hand *h = &l->hand;
    int64_t n = 0, column = 0;
    for (int64_t w = 0; w < slip->windows.n; w++) {
        const struct ft_window *at = &slip->windows.at[w];
        for (int64_t end = column + at->quota; column < end; column++) {
            h->row[n] = slip->row[column];
            h->vector[n] = slip->vector[column];
            h->pool[n] = at->pool;
            n += ft_sieve_enter(&l->sieve, h->row, n, slip->row[column]);
        }
    }
    ft_hand_open(h, n);
}

/* Leave out what is barred or the user's own. */
FT_STAGE void ft_discard(const struct ft_serve_args *a, uint32_t user, struct ft_hand *h,
                         float *restrict inv_norm, float *restrict base)
{
    int64_t n = h->n, to = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t row = h->row[i];
        const struct ft_card *card = (const struct ft_card *)h->vector[i];
        h->row[to] = row;
        h->vector[to] = h->vector[i];
        h->met[to] = h->met[i];
        h->pool[to] = h->pool[i];
        h->category[to] = a->category[row];
        if (a->cards) {
            h->creator[to] = card->creator;
            h->ordinal[to] = card->ordinal;
            inv_norm[to] = card->inv_norm;
            base[to] = card->base;
        } else {
            h->creator[to] = a->creator[row];
            h->ordinal[to] = a->ordinal[row];
            inv_norm[to] = a->inv_norm[row];
            base[to] = a->base[row];
        }
        to += !h->barred[i] & (h->creator[to] != user);
    }
    h->n = to;
}

/* Score what is left. */
FT_STAGE void ft_deal(const struct ft_serve_args *a, uint32_t user, const struct ft_slip *slip,
                      struct ft_hand *h, struct ft_fetch *fetch)
{
    float inv_norm[FT_ROOM], base[FT_ROOM];
    uint32_t followed[FT_ROOM];
    int32_t dot[FT_ROOM];
    int64_t begin = a->follow_offset[user], size = a->follow_offset[user + 1] - begin;
    ft_discard(a, user, h, inv_norm, base);
    for (int64_t i = 0; i < h->n; i += 16, ft_fetch_some(fetch, 6)) {
        int64_t m = h->n - i < 16 ? h->n - i : 16;
        if (a->cards) ft_dots(h->vector + i, m, &slip->query, 1, dot + i);
        else ft_dots(h->vector + i, m, &slip->query, 0, dot + i);
    }
    ft_follows(h->creator, h->n, a->follow_user + begin, size, followed);
    ft_scores(dot, inv_norm, base, followed, h->n, slip->inverse, (float)a->weight_similarity,
              (float)a->weight_followed, h->score);
}

/* Serve request r; `next` is the one after it, whose cards are fetched meanwhile, or null. */
FT_STAGE void ft_serve_one(struct ft_line *l, int64_t r, const struct ft_slip *next)
{
    const struct ft_serve_args *a = l->a;
    const struct ft_slip *slip = ft_slip_of(l, r);
    struct ft_hand *h = &l->hand;
    uint32_t user = a->user[r];
    const struct ft_past past = ft_past_of(&l->slates, user);
    struct ft_fetch fetch = {.line = next ? next->vector : 0, .left = next ? l->columns : 0};
    ft_fill(l, slip);
    ft_history(h, &l->sieve, &past);
    ft_sieve_clear(&l->sieve);
    ft_bar_inserted(h, a->insert_row + r * a->slots, a->slots);
    ft_deal(a, user, slip, h, &fetch);
    ft_race(h, &l->slates, &past, r, user, a->request[r], &fetch);
}

FT_EXPORT int64_t ft_serve(const struct ft_serve_args *a, int64_t low, int64_t high)
{
    struct ft_line l = {.a = a, .pools = FT_POOLS(a), .slates = FT_SLATES(a)};
    l.columns = ft_columns(&l.pools);
    if (l.columns < 0 || (a->ring_cards && !a->cards)) return -1;
    for (int64_t r = low - 5; r < high; r++) {
#define FT_AT(ahead) (r + (ahead) >= low && r + (ahead) < high)
        if (FT_AT(5)) ft_expect(&l, r + 5);
        if (FT_AT(4)) ft_open(&l, r + 4);
        if (FT_AT(3)) ft_fetch_near(&ft_slip_of(&l, r + 3)->windows);
        if (FT_AT(2)) ft_find_windows(&ft_slip_of(&l, r + 2)->windows);
        if (FT_AT(1)) {
            ft_take_all(&l, ft_slip_of(&l, r + 1));
            ft_fetch_history(&l, r + 1);
        }
        if (FT_AT(0)) ft_serve_one(&l, r, FT_AT(1) ? ft_slip_of(&l, r + 1) : 0);
#undef FT_AT
    }
    return 0;
}

#endif
