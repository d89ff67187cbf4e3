/* What is not of the loop and still meets many rows: auctions of ad slots, the luck of reactions, embeddings.
 * ft_auction = ads.auction_reference (twins/platform/money/), ft_lucky = reacting.lucky_reference
 * (twins/user/acts/), ft_embed = embeddings.embed_reference (twins/content/). */
#ifndef FT_ACTS_H
#define FT_ACTS_H

#include "dots.h"

/* ---- auction --------------------------------------------------------------------------------------- */

#define FT_BIDDERS_MOST 256 /* specs.py checks it */
#define FT_ESTIMATE_ONE (32512.0 * 127.0)

struct ft_auction_args {
    int64_t part;
    const uint32_t *user, *request, *ring, *ring_place, *advertiser, *creative;
    const uint16_t *category;
    const uint64_t *price;
    const int16_t *estimate;
    const int64_t *dims, *weights;
    double ad_relevance;
    int64_t candidates, seed, key_base, ads, width, places;
    int64_t *winner;
};

/* Places on the ring below x. */
FT_FN int64_t ft_ring_below(const uint32_t *place, int64_t n, uint32_t x)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = (low + high) >> 1;
        if (place[middle] < x) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* ads._interest: the platform's estimate of interest in a category. */
FT_FN float ft_ad_interest(const struct ft_auction_args *a, const int16_t *estimate, uint16_t category)
{
    const int64_t *dims = a->dims + category * a->width, *weights = a->weights + category * a->width;
    int64_t dot = 0;
    for (int64_t i = 0; i < a->width; i++) dot += estimate[dims[i]] * weights[i];
    float interest = (float)dot * (float)(1.0 / FT_ESTIMATE_ONE);
    return interest > 0.0f ? interest : 0.0f;
}

FT_EXPORT int64_t ft_auction(const struct ft_auction_args *a, int64_t low, int64_t high)
{
    uint32_t k0 = (uint32_t)a->seed, base = (uint32_t)a->key_base;
    int64_t n = a->candidates < a->ads ? a->candidates : a->ads;
    uint64_t key[FT_BIDDERS_MOST];
    for (int64_t r = low; r < high; r++) {
        uint32_t user = a->user[r], own[4];
        const int16_t *estimate = a->estimate + (size_t)user * FT_D;
        ft_philox4x32(user, 0, 0, 0, k0, base | FT_BLOCK_AD_WINDOW, own);
        int64_t at = ft_ring_below(a->ring_place, a->ads, own[0]) + (int64_t)a->request[r] * n;
        at %= a->ads;
        for (int64_t i = 0; i < n; i += FT_LANES) {
            int64_t lanes = n - i < FT_LANES ? n - i : FT_LANES;
            uint32_t c[4][FT_LANES] = {{0}}, ad[FT_LANES];
            for (int64_t j = 0; j < lanes; j++) {
                ad[j] = a->ring[at];
                at = at + 1 < a->ads ? at + 1 : 0;
                c[0][j] = user; c[1][j] = a->request[r];
                c[2][j] = a->advertiser[ad[j]]; c[3][j] = a->creative[ad[j]];
            }
            ft_philox_lanes(c, k0, base | FT_BLOCK_AD_AUCTION);
            for (int64_t j = 0; j < lanes; j++) {
                float interest = ft_ad_interest(a, estimate, a->category[ad[j]]);
                float warmth = 1.0f + (float)a->ad_relevance * interest;
                float race = -ft_log32(ft_uniform32(c[0][j]))
                           / ((float)a->price[ad[j]] * warmth);
                key[i + j] = (uint64_t)ft_bits(race) << 32 | ad[j];
            }
        }
        for (int64_t place = 0; place < a->places; place++) { /* the few best, one after another */
            int64_t best = place;
            for (int64_t i = place + 1; i < n; i++) best = key[i] < key[best] ? i : best;
            uint64_t won = key[best];
            key[best] = key[place]; key[place] = won;
            a->winner[r * a->places + place] = (int64_t)(uint32_t)won;
        }
    }
    return 0;
}

/* ---- lucky ----------------------------------------------------------------------------------------- */

struct ft_lucky_args {
    int64_t part;
    const int64_t *place;
    const uint32_t *user;
    const uint64_t *item;
    const uint16_t *meeting;
    const int64_t *limit;
    int64_t block, seed, key_base, slots;
    uint8_t *lucky;
};

FT_EXPORT int64_t ft_lucky(const struct ft_lucky_args *a, int64_t low, int64_t high)
{
    uint32_t k0 = (uint32_t)a->seed, k1 = (uint32_t)(a->key_base | a->block);
    for (int64_t i = low; i < high; i += FT_LANES) {
        int64_t lanes = high - i < FT_LANES ? high - i : FT_LANES;
        uint32_t c[4][FT_LANES] = {{0}};
        for (int64_t j = 0; j < lanes; j++) {
            int64_t at = a->place[i + j];
            c[0][j] = a->user[(uint32_t)at / (uint32_t)a->slots]; /* a step has fewer than 2^32 slots */
            c[1][j] = (uint32_t)(a->item[at] >> 32); c[2][j] = (uint32_t)a->item[at];
            c[3][j] = a->meeting[at];
        }
        ft_philox_lanes(c, k0, k1);
        for (int64_t j = 0; j < lanes; j++) {
            int won = 0;
            for (int w = 0; w < 4; w++) won |= (int64_t)c[w][j] <= a->limit[w];
            a->lucky[i + j] = (uint8_t)won;
        }
    }
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
