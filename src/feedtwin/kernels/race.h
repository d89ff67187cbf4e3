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

/* ranking._race: keys and integer softmax weights. Returns the sum of the weights. Each loop has a short
 * body, so that the processor overlaps several of its rounds. */
FT_STAGE int64_t ft_race_keys(struct ft_hand *h, float inverse_temperature, uint32_t user,
                              uint32_t request, uint32_t k0, uint32_t k1, struct ft_fetch *fetch)
{
    int64_t n = h->n, lanes = ft_chunks(n), pairs = 2 * FT_LANES, total = 0;
    float noise[FT_ROOM];
    int32_t best;
    for (int64_t i = n; i < lanes; i++) { h->creator[i] = h->ordinal[i] = 0; h->score[i] = 0.0f; }
    for (int64_t i = 0; i < lanes; i++) h->order[i] = ft_order(h->score[i]);
    for (int64_t i = n; i < lanes; i++) h->order[i] = INT32_MIN;
    if (inverse_temperature == 0.0f) { /* nothing is drawn: the best score wins */
        for (int64_t i = 0; i < lanes; i++) h->weight[i] = 1;
        return n;
    }
    best = ft_greatest(h->order, lanes);
    for (int64_t i = 0; i < n; i += pairs) {
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
    lanes = ft_whole(n);
    for (int64_t i = 0; i < lanes; i++) noise[i] = -ft_log32(noise[i]);
    for (int64_t i = 0; i < lanes; i++)
        h->order[i] = ft_order(h->score[i] * inverse_temperature + -ft_log32(noise[i]));
    for (int64_t i = 0; i < lanes; i++)
        noise[i] = ft_exp32((h->score[i] - ft_unorder(best)) * inverse_temperature);
    for (int64_t i = 0; i < lanes; i++) {
        int64_t weight = (int64_t)((double)noise[i] * 0x1p50);
        h->weight[i] = weight > 1 ? weight : 1;
    }
    for (int64_t i = n; i < lanes; i++) h->order[i] = INT32_MIN;
    for (int64_t i = 0; i < n; i++) total += h->weight[i];
    return total;
}

/* Of several candidates with the greatest key, the smallest item id wins, then the first place. */
FT_STAGE int64_t ft_tied_winner(const struct ft_hand *h, int32_t best)
{
    int64_t winner = -1;
    for (int64_t i = 0; i < h->n; i++)
        if (h->order[i] == best && (winner < 0 || ft_hand_item(h, i) < ft_hand_item(h, winner)))
            winner = i;
    return winner;
}

/* The eligible candidate with the greatest key, or -1. */
FT_FN int64_t ft_winner(const struct ft_hand *h)
{
    int64_t lanes = ft_chunks(h->n), winner = 0, several = 0;
    int32_t best = ft_greatest(h->order, lanes);
    if (best == INT32_MIN) return -1;
    for (int64_t i = lanes - FT_CHUNK; i >= 0; i -= FT_CHUNK) {
        uint64_t equal = ft_equal64((const uint32_t *)h->order + i, (uint32_t)best);
        several += __builtin_popcountll(equal);
        winner = equal ? i + __builtin_ctzll(equal) : winner;
    }
    return several > 1 ? ft_tied_winner(h, best) : winner;
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
    uint16_t category = h->category[pick];
    int64_t of_creator = 1, of_category = 1;
    for (int64_t i = 0; i < t->drawn; i++) of_creator += t->creator[i] == creator;
    for (int64_t i = 0; i < t->drawn; i++) of_category += t->category[i] == category;
    t->creator[t->drawn] = creator;
    t->category[t->drawn++] = category;
    ft_strike(h, t, pick);
    if (of_creator >= s->creator_cap)
        for (int64_t i = 0; i < h->n; i += FT_CHUNK) {
            uint64_t equal = ft_equal64(h->creator + i, creator);
            if ((uint64_t)(pick - i) < FT_CHUNK) equal &= ~((uint64_t)1 << (pick - i));
            for (; equal; equal &= equal - 1) ft_strike(h, t, i + __builtin_ctzll(equal));
        }
    if (of_category >= s->category_cap)
        for (int64_t i = 0; i < h->n; i++) { /* without branches: many are struck */
            int out = (h->category[i] == category) & (h->order[i] != INT32_MIN);
            t->total -= out ? h->weight[i] : 0;
            h->order[i] = out ? INT32_MIN : h->order[i];
        }
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

/* ranking.select_reference from the race on. All candidates of the hand are eligible. */
FT_STAGE void ft_race(struct ft_hand *h, const struct ft_slates *s, const struct ft_past *past,
                      int64_t r, uint32_t user, uint32_t request, struct ft_fetch *fetch)
{
    struct ft_tally t = {.drawn = 0};
    int64_t base = r * s->slots, served = 0;
    t.total = ft_race_keys(h, s->inverse_temperature, user, request, s->k0, s->k1, fetch);
    for (int64_t slot = 0; slot < s->slots; slot++) {
        uint32_t row = s->insert_row[base + slot];
        int64_t out = base + served;
        if (row != FT_NO_ITEM) {
            uint64_t item = (uint64_t)s->creator[row] << 32 | s->ordinal[row];
            ft_place(s, out, row, item, 0.0f, 1.0f, FT_POOL_INSERTED, ft_meetings(past, row), 1);
        } else {
            int64_t pick = ft_winner(h);
            if (pick < 0) continue;
            double share = (double)h->weight[pick] / (double)(t.total > 1 ? t.total : 1);
            float propensity = s->inverse_temperature == 0.0f ? 1.0f : (float)share;
            ft_place(s, out, h->row[pick], ft_hand_item(h, pick), h->score[pick], propensity,
                     h->pool[pick], h->met[pick], 0);
            ft_remove(h, &t, s, pick);
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
