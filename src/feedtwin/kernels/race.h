/* From scored candidates to a slate with exact propensities. Equals twins/platform/ranking.py. */
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

/* ranking._race: keys and integer softmax weights. Returns the sum of the weights. */
FT_FN int64_t ft_race_keys(struct ft_hand *h, float inverse_temperature, uint32_t user,
                           uint32_t request, uint32_t k0, uint32_t k1)
{
    int64_t n = h->n, lanes = ft_whole(n), total = 0;
    for (int64_t i = n; i < lanes; i++) { h->creator[i] = h->ordinal[i] = 0; h->score[i] = 0.0f; }
    for (int64_t i = 0; i < lanes; i++) h->order[i] = ft_order(h->score[i]);
    for (int64_t i = n; i < lanes; i++) h->order[i] = INT32_MIN;
    if (inverse_temperature == 0.0f) { /* nothing is drawn: the best score wins */
        for (int64_t i = 0; i < n; i++) h->weight[i] = 1;
        return n;
    }
    float best = ft_unorder(ft_greatest(h->order, lanes));
    for (int64_t i = 0; i < lanes; i += FT_LANES) {
        uint32_t c[4][FT_LANES];
        float share[FT_LANES];
        for (int j = 0; j < FT_LANES; j++) {
            c[0][j] = user; c[1][j] = h->creator[i + j]; c[2][j] = h->ordinal[i + j]; c[3][j] = request;
        }
        ft_philox_lanes(c, k0, k1);
        for (int j = 0; j < FT_LANES; j++) {
            float key = h->score[i + j] * inverse_temperature + ft_gumbel32(ft_uniform32(c[0][j]));
            h->order[i + j] = ft_order(key);
        }
        for (int j = 0; j < FT_LANES; j++)
            share[j] = ft_exp32((h->score[i + j] - best) * inverse_temperature);
        for (int j = 0; j < FT_LANES; j++) {
            int64_t weight = (int64_t)((double)share[j] * 0x1p50);
            h->weight[i + j] = weight > 1 ? weight : 1;
        }
    }
    for (int64_t i = n; i < lanes; i++) { h->order[i] = INT32_MIN; h->weight[i] = 0; }
    for (int64_t i = 0; i < lanes; i++) total += h->weight[i];
    return total;
}

/* The eligible candidate with the greatest key; the smallest item id of several, then the first place. */
FT_FN int64_t ft_winner(const struct ft_hand *h)
{
    int64_t lanes = ft_whole(h->n), winner = -1;
    int32_t best = ft_greatest(h->order, lanes);
    if (best == INT32_MIN) return -1;
    for (int64_t i = 0; i < lanes; i += FT_LANES) {
        uint32_t equal = ft_equal16((const uint32_t *)h->order + i, (uint32_t)best);
        for (; equal; equal &= equal - 1) {
            int64_t at = i + __builtin_ctz(equal);
            if (winner < 0 || ft_hand_item(h, at) < ft_hand_item(h, winner)) winner = at;
        }
    }
    return winner;
}

struct ft_tally {
    int64_t drawn, total; /* picks so far; weight of what is still eligible */
    uint32_t creator[FT_SLOTS_MOST];
    uint16_t category[FT_SLOTS_MOST];
};

FT_FN void ft_strike(struct ft_hand *h, struct ft_tally *t, int64_t i)
{
    if (h->order[i] == INT32_MIN) return;
    h->order[i] = INT32_MIN;
    t->total -= h->weight[i];
}

/* ranking._Race._remove: the pick, and the caps it exhausts. */
FT_FN void ft_remove(struct ft_hand *h, struct ft_tally *t, const struct ft_slates *s, int64_t pick)
{
    uint32_t creator = h->creator[pick];
    uint16_t category = s->category[h->row[pick]];
    int64_t of_creator = 1, of_category = 1;
    for (int64_t i = 0; i < t->drawn; i++) {
        of_creator += t->creator[i] == creator;
        of_category += t->category[i] == category;
    }
    t->creator[t->drawn] = creator;
    t->category[t->drawn++] = category;
    ft_strike(h, t, pick);
    if (of_creator >= s->creator_cap)
        for (int64_t i = 0; i < h->n; i += FT_LANES)
            for (uint32_t equal = ft_equal16(h->creator + i, creator); equal; equal &= equal - 1)
                ft_strike(h, t, i + __builtin_ctz(equal));
    if (of_category >= s->category_cap)
        for (int64_t i = 0; i < h->n; i++)
            if (h->order[i] != INT32_MIN && s->category[h->row[i]] == category) ft_strike(h, t, i);
}

/* ranking.select_reference from the race on. All candidates of the hand are eligible. */
FT_FN void ft_race(struct ft_hand *h, const struct ft_slates *s, const struct ft_past *past,
                   int64_t r, uint32_t user, uint32_t request)
{
    struct ft_tally t = {.drawn = 0};
    int64_t base = r * s->slots, served = 0;
    t.total = ft_race_keys(h, s->inverse_temperature, user, request, s->k0, s->k1);
    for (int64_t slot = 0; slot < s->slots; slot++) {
        uint32_t row = s->insert_row[base + slot];
        int64_t out = base + served;
        if (row != FT_NO_ITEM) {
            s->item[out] = (uint64_t)s->creator[row] << 32 | s->ordinal[row];
            s->slot_score[out] = 0.0f;
            s->propensity[out] = 1.0f;
            s->pool[out] = FT_POOL_INSERTED;
            s->meeting[out] = ft_meetings(past, row);
            s->inserted[out] = 1;
        } else {
            int64_t pick = ft_winner(h);
            if (pick < 0) continue;
            row = h->row[pick];
            double share = (double)h->weight[pick] / (double)(t.total > 1 ? t.total : 1);
            s->item[out] = ft_hand_item(h, pick);
            s->slot_score[out] = h->score[pick];
            s->propensity[out] = s->inverse_temperature == 0.0f ? 1.0f : (float)share;
            s->pool[out] = h->pool[pick];
            s->meeting[out] = h->met[pick];
            s->inserted[out] = 0;
            ft_remove(h, &t, s, pick);
        }
        s->row[out] = row;
        s->stage_out[out] = s->stage[row];
        served++;
    }
    s->served_count[r] = (uint8_t)served;
    for (int64_t slot = served; slot < s->slots; slot++) s->meeting[base + slot] = 0;
}

#endif
