/* The candidates of one request while a slate is made of them, and which of them the user has seen.
 *
 * Columns of lanes: an item appears once, an item that may not be shown is `barred`. The order of lanes does
 * not matter, because ties are broken by item id.
 */
#ifndef FT_HAND_H
#define FT_HAND_H

#include "dots.h"

#define FT_NO_ITEM 0xFFFFFFFFu
#define FT_MOST 1024 /* candidates of a request at most; specs.py checks it */
#define FT_ROOM (FT_MOST + 2 * FT_LANES) /* no power of two: columns then begin in different cache sets */

struct ft_hand {
    int64_t n; /* lanes beyond n, up to a multiple of 32, are barred */
    const int8_t *vector[FT_ROOM]; /* where the item's card or vector is; only ft_serve uses it */
    uint32_t row[FT_ROOM], creator[FT_ROOM], ordinal[FT_ROOM];
    float score[FT_ROOM];
    uint16_t met[FT_ROOM]; /* impressions of this item in the user's history */
    uint16_t category[FT_ROOM];
    uint8_t pool[FT_ROOM];
    uint8_t barred[FT_ROOM]; /* seen recently, inserted elsewhere in the slate, or the user's own */
    int32_t order[FT_ROOM]; /* race key as an integer that sorts alike; INT32_MIN = not eligible */
    int64_t weight[FT_ROOM];
    uint32_t lane[FT_ROOM]; /* 0, 1, 2, ... */
};

FT_FN int64_t ft_whole(int64_t n) { return (n + FT_LANES - 1) & -(int64_t)FT_LANES; }
FT_FN int64_t ft_pairs(int64_t n) { return (n + 2 * FT_LANES - 1) & -(int64_t)(2 * FT_LANES); }

/* Integers that sort like the floats; -0.0 and 0.0 are one. Its own inverse on the bits. */
FT_FN int32_t ft_order(float x)
{
    int32_t b = (int32_t)ft_bits(x + 0.0f);
    return b ^ ((b >> 31) & 0x7FFFFFFF);
}

FT_FN float ft_unorder(int32_t o) { return ft_float((uint32_t)(o ^ ((o >> 31) & 0x7FFFFFFF))); }

/* The greatest of `lanes` integers, a multiple of 16. */
FT_FN int32_t ft_greatest(const int32_t *order, int64_t lanes)
{
    int32_t best = INT32_MIN;
    for (int64_t i = 0; i < lanes; i++) best = order[i] > best ? order[i] : best;
    return best;
}

/* ---- sieve: "certainly not among the candidates" in one look ------------------------------------- */

#define FT_SIEVE_SIZE 8192u

struct ft_sieve {
    uint8_t taken[FT_SIEVE_SIZE]; /* 1 at x % 8192 for every candidate row x, and for no item */
};

FT_FN void ft_sieve_new(struct ft_sieve *s)
{
    memset(s, 0, sizeof *s);
    s->taken[FT_NO_ITEM % FT_SIEVE_SIZE] = 1;
}

FT_FN void ft_sieve_clear(struct ft_sieve *s, const uint32_t *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) s->taken[row[i] % FT_SIEVE_SIZE] = 0;
    s->taken[FT_NO_ITEM % FT_SIEVE_SIZE] = 1;
}

/* Whether x is among the first n rows, whose lanes up to the next multiple of 16 may hold anything. */
FT_FN int ft_among(const uint32_t *row, int64_t n, uint32_t x)
{
    for (int64_t i = 0; i < n; i += FT_LANES) {
        uint32_t equal = ft_equal16(row + i, x);
        if (n - i < FT_LANES) equal &= ((uint32_t)1 << (n - i)) - 1;
        if (equal) return 1;
    }
    return 0;
}

FT_FN void ft_hand_new(struct ft_hand *h)
{
    for (int i = 0; i < FT_ROOM; i++) h->lane[i] = (uint32_t)i;
}

/* Enter an item in lane n, unless it is none or entered already; returns the number of items then. */
FT_FN int64_t ft_hand_enter(struct ft_hand *h, struct ft_sieve *s, int64_t n, uint32_t x, uint8_t pool,
                            const int8_t *vector)
{
    uint8_t *taken = &s->taken[x % FT_SIEVE_SIZE];
    if (__builtin_expect(*taken, 0))
        if (x == FT_NO_ITEM || ft_among(h->row, n, x)) return n;
    *taken = 1;
    h->row[n] = x;
    h->pool[n] = pool;
    h->vector[n] = vector;
    return n + 1;
}

/* All n items are entered: nothing is barred but the lanes beyond. */
FT_FN void ft_hand_close(struct ft_hand *h, int64_t n)
{
    int64_t lanes = ft_pairs(n);
    h->n = n;
    memset(h->met, 0, (size_t)n * sizeof h->met[0]);
    memset(h->barred, 0, (size_t)n);
    for (int64_t i = n; i < lanes; i++) {
        h->row[i] = FT_NO_ITEM;
        h->creator[i] = h->ordinal[i] = 0;
        h->score[i] = 0.0f;
        h->barred[i] = 1;
    }
}

/* ---- history: the user's ring of past impressions ------------------------------------------------- */

struct ft_past {
    const uint32_t *seen;
    int64_t count, history, no_repeat; /* impressions ever; size of the ring; how many bar a repeat */
};

FT_FN int64_t ft_filled(const struct ft_past *p)
{
    return p->count < p->history ? p->count : p->history;
}

/* ranking._seen_recently: entry i was written `age` impressions ago. */
FT_FN int ft_recent(const struct ft_past *p, int64_t i)
{
    int64_t age = p->count - 1 - i;
    if (age >= p->history) age %= p->history;
    return age < p->no_repeat;
}

FT_FN void ft_history_hit(struct ft_hand *h, const struct ft_past *p, int64_t i)
{
    for (int64_t j = 0; j < h->n; j += FT_LANES) {
        uint32_t equal = ft_equal16(h->row + j, p->seen[i]);
        for (; equal; equal &= equal - 1) {
            int64_t lane = j + __builtin_ctz(equal);
            h->met[lane]++;
            h->barred[lane] |= (uint8_t)ft_recent(p, i);
        }
    }
}

/* Count the meetings of every candidate and bar the recent ones. Gather instructions are avoided on purpose:
 * where processors are protected against Gather Data Sampling they are slower than single loads. */
FT_STAGE void ft_history(struct ft_hand *h, const struct ft_sieve *s, const struct ft_past *p)
{
    int64_t filled = ft_filled(p), i = 0;
    for (; i + 8 <= filled; i += 8) {
        const uint32_t *seen = p->seen + i;
        uint32_t any = s->taken[seen[0] % FT_SIEVE_SIZE] | s->taken[seen[1] % FT_SIEVE_SIZE]
                     | s->taken[seen[2] % FT_SIEVE_SIZE] | s->taken[seen[3] % FT_SIEVE_SIZE]
                     | s->taken[seen[4] % FT_SIEVE_SIZE] | s->taken[seen[5] % FT_SIEVE_SIZE]
                     | s->taken[seen[6] % FT_SIEVE_SIZE] | s->taken[seen[7] % FT_SIEVE_SIZE];
        if (__builtin_expect(any, 0))
            for (int64_t j = i; j < i + 8; j++)
                if (s->taken[p->seen[j] % FT_SIEVE_SIZE]) ft_history_hit(h, p, j);
    }
    for (; i < filled; i++)
        if (s->taken[p->seen[i] % FT_SIEVE_SIZE]) ft_history_hit(h, p, i);
}

/* Meetings with one item that is no candidate. */
FT_FN uint16_t ft_meetings(const struct ft_past *p, uint32_t row)
{
    uint32_t met = 0;
    for (int64_t i = 0, filled = ft_filled(p); i < filled; i++) met += p->seen[i] == row;
    return (uint16_t)met;
}

/* Bar the items that rules insert into this slate: they are shown once. */
FT_FN void ft_bar_inserted(struct ft_hand *h, const uint32_t *insert, int64_t slots)
{
    for (int64_t slot = 0; slot < slots; slot++) {
        if (insert[slot] == FT_NO_ITEM) continue;
        for (int64_t i = 0; i < h->n; i++) h->barred[i] |= h->row[i] == insert[slot];
    }
}

#endif
