/* From scored candidates to a slate with exact propensities. Equals twins/platform/feed/ranking.py. */
#ifndef FT_RACE_H
#define FT_RACE_H

#include "hand.h"

#define FT_POOL_INSERTED 255
#define FT_SLOTS_MOST 128 /* specs.py checks it */

/* What selection reads and writes, from the arguments of ft_select or ft_serve. */
struct ft_slates {
    const uint32_t *creator, *ordinal;
    const uint16_t *category;
    const uint8_t *stage;
    const uint32_t *insert_row, *seen_row, *seen_count;
    int64_t slots, history, no_repeat, creator_cap, category_cap;
    float inverse_temperature;
    uint32_t k0, k1;
    uint32_t *row;
    uint64_t *item;
    float *slot_score, *propensity;
    uint8_t *pool, *stage_out;
    uint16_t *meeting;
    uint8_t *inserted, *served_count;
};

#define FT_SLATES(a) { .creator = (a)->creator, .ordinal = (a)->ordinal, \
    .category = (a)->category, .stage = (a)->stage, .insert_row = (a)->insert_row, \
    .seen_row = (a)->seen_row, .seen_count = (a)->seen_count, .slots = (a)->slots, \
    .history = (a)->history, .no_repeat = (a)->no_repeat, .creator_cap = (a)->creator_cap, \
    .category_cap = (a)->category_cap, .inverse_temperature = (float)(a)->inverse_temperature, \
    .k0 = (uint32_t)(a)->seed, .k1 = (uint32_t)(a)->key_base | FT_BLOCK_RANKING, .row = (a)->row, \
    .item = (a)->item, .slot_score = (a)->slot_score, .propensity = (a)->propensity, \
    .pool = (a)->pool, .stage_out = (a)->stage_out, .meeting = (a)->meeting, \
    .inserted = (a)->inserted, .served_count = (a)->served_count }

FT_FN uint64_t ft_hand_item(const struct ft_hand *h, int64_t i)
{
    return (uint64_t)h->creator[i] << 32 | h->ordinal[i];
}

FT_FN struct ft_past ft_past_of(const struct ft_slates *s, uint32_t user)
{
    return (struct ft_past){
        .seen = s->seen_row + (size_t)user * (size_t)s->history,
        .count = s->seen_count[user], .history = s->history, .no_repeat = s->no_repeat,
    };
}

/* Lines to fetch from memory while a slate is made: those that the next request reads. They are asked for
 * a few at a time, because a processor waits when more than about ten are under way. */
struct ft_fetch {
    const int8_t *const *line;
    int64_t left;
};

FT_FN void ft_fetch_some(struct ft_fetch *f, int64_t count)
{
    for (; count > 0 && f->left > 0; count--, f->left--) __builtin_prefetch(*f->line++);
}

/* ranking._race: keys and integer softmax weights; who is barred gets no key. Each loop has a short body, so
 * that the processor overlaps several of its rounds. */
FT_STAGE void ft_race_keys(struct ft_hand *h, float inverse_temperature, uint32_t user,
                           uint32_t request, uint32_t k0, uint32_t k1, struct ft_fetch *fetch)
{
    int64_t lanes = ft_pairs(h->n);
    float noise[FT_ROOM], best;
    for (int64_t i = 0; i < lanes; i++)
        h->order[i] = h->barred[i] ? INT32_MIN : ft_order(h->score[i]);
    if (inverse_temperature == 0.0f) { /* nothing is drawn: the best score wins */
        for (int64_t i = 0; i < lanes; i++) h->weight[i] = 1;
        return;
    }
    best = ft_unorder(ft_greatest(h->order, lanes));
    for (int64_t i = 0; i < lanes; i += 2 * FT_LANES) {
        uint32_t c[2][4][FT_LANES];
        ft_fetch_some(fetch, 10);
        for (int g = 0; g < 2; g++)
            for (int j = 0; j < FT_LANES; j++) {
                int64_t at = i + FT_LANES * g + j;
                c[g][0][j] = user; c[g][1][j] = h->creator[at];
                c[g][2][j] = h->ordinal[at]; c[g][3][j] = request;
            }
        ft_philox_twice(c[0], c[1], k0, k1, k1);
        for (int g = 0; g < 2; g++)
            for (int j = 0; j < FT_LANES; j++)
                noise[i + FT_LANES * g + j] = ft_uniform32(c[g][0][j]);
    }
    for (int64_t i = 0; i < lanes; i++) noise[i] = -ft_log32(noise[i]);
    for (int64_t i = 0; i < lanes; i++) {
        int32_t order = ft_order(h->score[i] * inverse_temperature + -ft_log32(noise[i]));
        h->order[i] = h->barred[i] ? INT32_MIN : order;
    }
    for (int64_t i = 0; i < lanes; i++) noise[i] = ft_exp32((h->score[i] - best) * inverse_temperature);
    for (int64_t i = 0; i < lanes; i++) {
        int64_t weight = (int64_t)((double)noise[i] * 0x1p50);
        h->weight[i] = weight > 1 ? weight : 1;
    }
}

/* ---- picking ----------------------------------------------------------------------------------------
 *
 * Columns are read and written in whole registers only: a register that is read where a lane has just
 * been written alone would have to wait for it.
 */

/* Of several candidates with the greatest key, the smallest item id wins, then the first place. */
FT_STAGE int64_t ft_tied_winner(const struct ft_hand *h, int32_t best)
{
    int64_t winner = -1;
    for (int64_t i = 0; i < h->n; i++)
        if (h->order[i] == best && (winner < 0 || ft_hand_item(h, i) < ft_hand_item(h, winner)))
            winner = i;
    return winner;
}

/* Strike the candidates whose entry in `column` is `value`. Return the eligible candidate with the
 * greatest key, or -1, and the sum of the eligible weights. */
#if defined(__AVX512F__)
FT_FN int64_t ft_sweep(struct ft_hand *h, int64_t lanes, const uint32_t *column, uint32_t value,
                       int64_t *total)
{
    const __m512i none = _mm512_set1_epi32(INT32_MIN), struck = _mm512_set1_epi32((int)value);
    __m512i low = _mm512_setzero_si512(), high = low, best = none, group = low;
    __mmask16 tied = 0;
    int64_t groups[FT_LANES / 2];
    for (int64_t i = 0; i < lanes; i += FT_LANES) {
        __mmask16 gone = _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(column + i), struck);
        __m512i order = _mm512_mask_mov_epi32(_mm512_loadu_si512(h->order + i), gone, none);
        __mmask16 live = _mm512_cmpneq_epi32_mask(order, none);
        __mmask16 better = _mm512_cmpgt_epi32_mask(order, best);
        _mm512_storeu_si512(h->order + i, order);
        tied |= _mm512_mask_cmpeq_epi32_mask(live, order, best);
        best = _mm512_max_epi32(best, order);
        group = _mm512_mask_mov_epi32(group, better, _mm512_set1_epi32((int)i));
        low = _mm512_mask_add_epi64(low, (__mmask8)live, low, _mm512_loadu_si512(h->weight + i));
        high = _mm512_mask_add_epi64(high, (__mmask8)(live >> 8), high,
                                     _mm512_loadu_si512(h->weight + i + 8));
    }
    int32_t greatest = _mm512_reduce_max_epi32(best);
    uint32_t where = _mm512_cmpeq_epi32_mask(best, _mm512_set1_epi32(greatest));
    *total = _mm512_reduce_add_epi64(_mm512_add_epi64(low, high));
    if (greatest == INT32_MIN) return -1;
    if (tied || (where & (where - 1))) return ft_tied_winner(h, greatest);
    _mm512_storeu_si512(groups, group);
    return ((const int32_t *)groups)[__builtin_ctz(where)] + __builtin_ctz(where);
}
#else
FT_FN int64_t ft_sweep(struct ft_hand *h, int64_t lanes, const uint32_t *column, uint32_t value,
                       int64_t *total)
{
    int64_t sum = 0, winner = 0, several = 0;
    int32_t best = INT32_MIN;
    for (int64_t i = 0; i < lanes; i++) {
        int32_t order = column[i] == value ? INT32_MIN : h->order[i];
        h->order[i] = order;
        best = order > best ? order : best;
    }
    for (int64_t i = 0; i < lanes; i++) sum += h->order[i] == INT32_MIN ? 0 : h->weight[i];
    *total = sum;
    if (best == INT32_MIN) return -1;
    for (int64_t i = 0; i < lanes; i += FT_LANES) {
        uint32_t equal = ft_equal16((const uint32_t *)h->order + i, (uint32_t)best);
        several += __builtin_popcount(equal);
        winner += (i + __builtin_ctz(equal | 0x10000)) & -(int64_t)(equal != 0); /* no branch */
    }
    return several > 1 ? ft_tied_winner(h, best) : winner;
}
#endif

FT_FN void ft_strike_category(struct ft_hand *h, int64_t lanes, uint16_t category)
{
    for (int64_t i = 0; i < lanes; i++)
        h->order[i] = h->category[i] == category ? INT32_MIN : h->order[i];
}

/* What was picked so far in a slate, and what the next sweep strikes for it. */
struct ft_picked {
    int64_t n;
    const uint32_t *column;
    uint32_t value;
    uint32_t creator[FT_SLOTS_MOST], category[FT_SLOTS_MOST]; /* read in registers of 16 */
};

FT_FN int64_t ft_count_equal(const uint32_t *a, int64_t n, uint32_t x)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += FT_LANES) {
        uint32_t equal = ft_equal16(a + i, x), live = n - i < FT_LANES ? (1u << (n - i)) - 1 : 0xFFFF;
        count += __builtin_popcount(equal & live);
    }
    return count;
}

/* ranking._Race._remove: the pick, and the caps it exhausts. */
FT_FN void ft_remove(struct ft_hand *h, int64_t lanes, struct ft_picked *picked,
                     const struct ft_slates *s, int64_t pick)
{
    uint32_t creator = h->creator[pick], category = h->category[pick];
    int64_t n = picked->n++;
    int full = s->creator_cap <= 1 || ft_count_equal(picked->creator, n, creator) + 1 >= s->creator_cap;
    picked->column = full ? h->creator : h->lane;
    picked->value = full ? creator : (uint32_t)pick;
    if (ft_count_equal(picked->category, n, category) + 1 >= s->category_cap)
        ft_strike_category(h, lanes, (uint16_t)category);
    picked->creator[n] = creator;
    picked->category[n] = category;
}

/* Write one slot; its stage is filled in at the end, for all slots at once. */
FT_FN void ft_place(const struct ft_slates *s, int64_t out, uint32_t row, uint64_t item, float score,
                    float propensity, uint8_t pool, uint16_t met, uint8_t inserted)
{
    s->row[out] = row;
    s->item[out] = item;
    s->slot_score[out] = score;
    s->propensity[out] = propensity;
    s->pool[out] = pool;
    s->meeting[out] = met;
    s->inserted[out] = inserted;
}

/* ranking.select_reference from the race on. */
FT_STAGE void ft_race(struct ft_hand *h, const struct ft_slates *s, const struct ft_past *past,
                      int64_t r, uint32_t user, uint32_t request, struct ft_fetch *fetch)
{
    struct ft_picked picked;
    int64_t base = r * s->slots, lanes = ft_pairs(h->n), served = 0;
    int64_t total;
    picked.n = 0;
    picked.column = h->lane; /* the first sweep strikes nobody */
    picked.value = FT_NO_ITEM;
    ft_race_keys(h, s->inverse_temperature, user, request, s->k0, s->k1, fetch);
    for (int64_t slot = 0; slot < s->slots; slot++) {
        uint32_t row = s->insert_row[base + slot];
        int64_t out = base + served;
        if (row != FT_NO_ITEM) {
            uint64_t item = (uint64_t)s->creator[row] << 32 | s->ordinal[row];
            ft_place(s, out, row, item, 0.0f, 1.0f, FT_POOL_INSERTED, ft_meetings(past, row), 1);
        } else {
            int64_t pick = ft_sweep(h, lanes, picked.column, picked.value, &total);
            if (pick < 0) continue;
            double share = (double)h->weight[pick] / (double)total;
            float propensity = s->inverse_temperature == 0.0f ? 1.0f : (float)share;
            ft_place(s, out, h->row[pick], ft_hand_item(h, pick), h->score[pick], propensity,
                     h->pool[pick], h->met[pick], 0);
            ft_remove(h, lanes, &picked, s, pick);
            ft_fetch_some(fetch, 4);
        }
        served++;
    }
    s->served_count[r] = (uint8_t)served;
    for (int64_t slot = 0; slot < served; slot++)
        s->stage_out[base + slot] = s->stage[s->row[base + slot]];
    for (int64_t slot = served; slot < s->slots; slot++) s->meeting[base + slot] = 0;
}

#endif
