/* What is not of the loop and still meets many rows: auctions of ad slots, the luck of reactions, embeddings.
 * ft_auction = ads.auction_reference (twins/platform/money/), ft_lucky = reacting.lucky_reference
 * (twins/user/acts/), ft_embed = embeddings.embed_reference (twins/content/). */
#ifndef FT_ACTS_H
#define FT_ACTS_H

#include "rings.h"

/* ---- auction --------------------------------------------------------------------------------------- */

#define FT_BIDDERS_MOST 256 /* specs.py checks it */
#define FT_ESTIMATE_ONE (32512.0 * 127.0)

struct ft_auction_args {
    int64_t part;
    const uint32_t *user, *request, *ring, *ring_place, *advertiser, *creative;
    const uint16_t *category;
    const uint64_t *price;
    const int16_t *estimate;
    const int8_t *topic_vectors;
    double ad_relevance;
    int64_t candidates, seed, key_base, ads, places;
    int64_t *winner;
};

/* ads._interest: the platform's estimate of interest in the categories of ads, n at most FT_LANES. */
FT_FN void ft_ad_interests(const struct ft_auction_args *a, const struct ft_operand *estimate,
                           const uint32_t *ad, int64_t n, float *interest)
{
    const int8_t *vector[FT_LANES];
    int32_t dot[FT_LANES];
    for (int64_t j = 0; j < n; j++) vector[j] = a->topic_vectors + (size_t)a->category[ad[j]] * FT_D;
    ft_dots(vector, n, estimate, 0, dot);
    for (int64_t j = 0; j < n; j++) {
        float x = (float)dot[j] * (float)(1.0 / FT_ESTIMATE_ONE);
        interest[j] = x > 0.0f ? x : 0.0f;
    }
}

/* The keys of n ads from place `at` of the ring on: what sorts first wins. */
FT_FN void ft_bids(const struct ft_auction_args *a, int64_t r, int64_t at, int64_t n,
                   const struct ft_operand *estimate, uint64_t *key)
{
    uint32_t c[4][FT_LANES] = {{0}}, ad[FT_LANES];
    float interest[FT_LANES];
    for (int64_t j = 0; j < n; j++) {
        ad[j] = a->ring[at];
        at = at + 1 < a->ads ? at + 1 : 0;
        c[0][j] = a->user[r]; c[1][j] = a->request[r];
        c[2][j] = a->advertiser[ad[j]]; c[3][j] = a->creative[ad[j]];
    }
    ft_philox_lanes(c, (uint32_t)a->seed, (uint32_t)a->key_base | FT_BLOCK_AD_AUCTION);
    ft_ad_interests(a, estimate, ad, n, interest);
    for (int64_t j = 0; j < n; j++) {
        float warmth = 1.0f + (float)a->ad_relevance * interest[j];
        float race = -ft_log32(ft_uniform32(c[0][j])) / ((float)a->price[ad[j]] * warmth);
        key[j] = (uint64_t)ft_bits(race) << 32 | ad[j];
    }
}

/* One request: the few best bids of the window that begins at `at`, one after another. */
FT_FN void ft_sell_slots(const struct ft_auction_args *a, int64_t r, int64_t at, int64_t n)
{
    struct ft_operand estimate;
    uint64_t key[FT_BIDDERS_MOST];
    ft_operand_i16(&estimate, a->estimate + (size_t)a->user[r] * FT_D);
    for (int64_t i = 0; i < n; i += FT_LANES)
        ft_bids(a, r, (at + i) % a->ads, n - i < FT_LANES ? n - i : FT_LANES, &estimate, key + i);
    for (int64_t place = 0; place < a->places; place++) {
        int64_t best = place;
        for (int64_t i = place + 1; i < n; i++) best = key[i] < key[best] ? i : best;
        uint64_t won = key[best];
        key[best] = key[place]; key[place] = won;
        a->winner[r * a->places + place] = (int64_t)(uint32_t)won;
    }
}

FT_EXPORT int64_t ft_auction(const struct ft_auction_args *a, int64_t low, int64_t high)
{
    int64_t n = a->candidates < a->ads ? a->candidates : a->ads;
    for (int64_t r = low; r < high; r += FT_LANES) {
        int64_t lanes = high - r < FT_LANES ? high - r : FT_LANES;
        uint32_t own[4][FT_LANES] = {{0}};
        for (int64_t j = 0; j < lanes; j++) {
            own[0][j] = a->user[r + j];
            __builtin_prefetch(a->estimate + (size_t)a->user[r + j] * FT_D);
            __builtin_prefetch(a->estimate + (size_t)a->user[r + j] * FT_D + 32);
        }
        ft_philox_lanes(own, (uint32_t)a->seed, (uint32_t)a->key_base | FT_BLOCK_AD_WINDOW);
        for (int64_t j = 0; j < lanes; j++) {
            int64_t begin = ft_lower_bound(a->ring_place, a->ads, own[0][j]);
            ft_sell_slots(a, r + j, begin + (int64_t)a->request[r + j] * n, n);
        }
    }
    return 0;
}

/* ---- lucky ----------------------------------------------------------------------------------------- */

struct ft_lucky_args {
    int64_t part;
    const uint8_t *able;
    const uint32_t *user;
    const uint64_t *item;
    const uint16_t *meeting;
    const int64_t *limit;
    int64_t block, seed, key_base, slots;
    uint8_t *lucky;
};

/* Sixteen encounters at most, at places `at`: which of them have a word within its limit. */
FT_FN void ft_try_luck(const struct ft_lucky_args *a, uint32_t c[4][FT_LANES], const int64_t *at, int n)
{
    uint32_t won[FT_LANES] = {0};
    ft_philox_lanes(c, (uint32_t)a->seed, (uint32_t)(a->key_base | a->block));
    for (int w = 0; w < 4; w++) {
        uint32_t limit = (uint32_t)a->limit[w], counts = a->limit[w] >= 0;
        for (int j = 0; j < FT_LANES; j++) won[j] |= (uint32_t)(c[w][j] <= limit) & counts;
    }
    for (int j = 0; j < n; j++) a->lucky[at[j]] = (uint8_t)won[j];
}

FT_EXPORT int64_t ft_lucky(const struct ft_lucky_args *a, int64_t low, int64_t high)
{
    uint32_t c[4][FT_LANES] = {{0}};
    int64_t at[FT_LANES];
    int n = 0;
    for (int64_t r = low; r < high; r++)
        for (int64_t i = r * a->slots; i < (r + 1) * a->slots; i++) {
            a->lucky[i] = 0;
            c[0][n] = a->user[r]; c[1][n] = (uint32_t)(a->item[i] >> 32);
            c[2][n] = (uint32_t)a->item[i]; c[3][n] = a->meeting[i];
            at[n] = i;
            n += a->able[i] != 0; /* no branch: the next one overwrites who is not able */
            if (n == FT_LANES) {
                uint32_t key[4][FT_LANES];
                memcpy(key, c, sizeof key);
                ft_try_luck(a, key, at, n);
                n = 0;
            }
        }
    ft_try_luck(a, c, at, n);
    return 0;
}

/* ---- embed ----------------------------------------------------------------------------------------- */

#define FT_EMBEDDING_MOST 1024 /* entries of an embedding, a multiple of 16; specs.py checks it */
#define FT_PADDED 64           /* the 50 dimensions and zeros, for whole registers */

struct ft_embed_args {
    int64_t part;
    const uint64_t *key;
    const int8_t *about;
    const float *share, *rest;
    const double *unit;
    const int32_t *projection, *across;
    double entry_unit;
    int64_t kind, seed, length;
    double *product, *square;
};

/* The nearest whole number, ties to even, of |x| < 2^51. */
FT_FN double ft_whole_number(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

/* Entries i to i + 15 of the embedding of key r, as whole numbers in units of 1 / entry_unit. */
FT_FN void ft_entries(const struct ft_embed_args *a, int64_t r, int64_t i, double entry[FT_LANES])
{
    const int8_t *about = a->about + r * FT_D;
    float noise[FT_LANES];
    int32_t said[FT_LANES] = {0}; /* |about| < 2^7, |projection| < 2^18 */
    uint32_t c[4][FT_LANES];
    for (int j = 0; j < FT_LANES; j++) {
        c[0][j] = (uint32_t)a->key[r]; c[1][j] = (uint32_t)(a->key[r] >> 32);
        c[2][j] = (uint32_t)a->kind; c[3][j] = (uint32_t)(i + j);
    }
    ft_philox_lanes(c, (uint32_t)a->seed, FT_BLOCK_EMBEDDING); /* of replicate 0 */
    for (int j = 0; j < FT_LANES; j++) noise[j] = ft_normal_quantile32(ft_uniform32(c[0][j]));
    for (int d = 0; d < FT_D; d++) {
        const int32_t *row = a->across + d * a->length + i;
        int32_t x = about[d];
        for (int j = 0; j < FT_LANES; j++) said[j] += x * row[j];
    }
    for (int j = 0; j < FT_LANES; j++) {
        float mixed = a->share[r] * (float)((double)said[j] / a->unit[r]) + a->rest[r] * noise[j];
        entry[j] = ft_whole_number((double)mixed * a->entry_unit);
    }
}

/* Sums of whole numbers below 2^53 are exact, hence the same in any order. */
FT_EXPORT int64_t ft_embed(const struct ft_embed_args *a, int64_t low, int64_t high)
{
    double entry[FT_LANES];
    for (int64_t r = low; r < high; r++) {
        double sum[FT_PADDED] = {0.0}, square = 0.0;
        for (int64_t i = 0; i < a->length; i += FT_LANES) {
            ft_entries(a, r, i, entry);
            for (int j = 0; j < FT_LANES; j++) {
                const int32_t *row = a->projection + (i + j) * FT_PADDED;
                for (int d = 0; d < FT_PADDED; d++) sum[d] += entry[j] * (double)row[d];
                square += entry[j] * entry[j];
            }
        }
        memcpy(a->product + r * FT_D, sum, FT_D * sizeof *sum);
        a->square[r] = square;
    }
    return 0;
}

#endif
