/* Pure functions of one encounter: the same bits on every compiler, vector width and, later, GPU.
 *
 * Everything here mirrors feedtwin/numerics.py and feedtwin/randomness operation by operation. What keeps
 * the bits equal: single precision throughout; no function of a math library but sqrtf, which IEEE 754
 * defines exactly; no fused multiply-add (-ffp-contract=off); parentheses wherever an order could be
 * chosen; selects instead of branches, so that a loop over lanes computes what one lane would.
 */
#ifndef FT_ENCOUNTER_H
#define FT_ENCOUNTER_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define FT_FN static inline
#define FT_STAGE static __attribute__((noinline)) /* once per request: a profile then names the stage */

FT_FN uint32_t ft_bits(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
FT_FN float ft_float(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }

/* ---- Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) ------------------------------------------ */

#define FT_PHILOX_M0 0xD2511F53u
#define FT_PHILOX_M1 0xCD9E8D57u
#define FT_PHILOX_W0 0x9E3779B9u
#define FT_PHILOX_W1 0xBB67AE85u

/* Blocks of randomness.Stream: a block's four output words are its streams 0 to 3. */
enum {
    FT_BLOCK_USER_ATTRIBUTE = 1, FT_BLOCK_USER_TASTE = 2, FT_BLOCK_USER_TIE = 3,
    FT_BLOCK_SESSION_START = 4, FT_BLOCK_SESSION_CONTEXT = 5, FT_BLOCK_UPLOAD_COUNT = 6,
    FT_BLOCK_VIDEO_ATTRIBUTE = 7, FT_BLOCK_VIDEO_CATEGORY = 8, FT_BLOCK_VIDEO_NOISE = 9,
    FT_BLOCK_VIDEO_KEYWORD = 10, FT_BLOCK_RETRIEVAL_RING = 11, FT_BLOCK_RETRIEVAL_START = 12,
    FT_BLOCK_CLUSTER_CHOICE = 13, FT_BLOCK_RANKING = 14,
    FT_BLOCK_HOOK = 15, /* words: hook, hook noise, skip time, watch time */
    FT_BLOCK_LIKE = 16, /* words: like, share, comment, follow */
    FT_BLOCK_PEOPLE_RESAMPLE = 17, FT_BLOCK_ASSIGNMENT = 18, FT_BLOCK_EMBEDDING = 19,
    FT_BLOCK_AD_WINDOW = 51, FT_BLOCK_AD_AUCTION = 52
};

/* Second key word; the first is the root seed. */
FT_FN uint32_t ft_key(uint32_t replicate, uint32_t block) { return replicate << 12 | block; }

FT_FN void ft_philox4x32(uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                         uint32_t k0, uint32_t k1, uint32_t out[4])
{
    for (int r = 0; r < 10; r++) {
        uint64_t p0 = (uint64_t)FT_PHILOX_M0 * c0, p1 = (uint64_t)FT_PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0; c1 = (uint32_t)p1; c2 = n2; c3 = (uint32_t)p0;
        k0 += FT_PHILOX_W0; k1 += FT_PHILOX_W1;
    }
    out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}

/* Strictly inside (0, 1); the cast goes through int32 because 23 bits fit and vector units have it. */
FT_FN float ft_uniform32(uint32_t bits) { return ((float)(int32_t)(bits >> 9) + 0.5f) * 0x1p-23f; }

/* ---- Elementary functions (numerics.py) -------------------------------------------------------- */

FT_FN float ft_log32(float x)
{
    x = x >= 0x1p-126f ? x : 0x1p-126f;
    int32_t shifted = (int32_t)ft_bits(x) - 0x3F3504F3;
    float e = (float)(shifted >> 23); /* arithmetic shift, as every supported compiler does */
    float f = ft_float((uint32_t)((shifted & 0x007FFFFF) + 0x3F3504F3)) - 1.0f;
    float z = f * f;
    float p = 7.0376836292e-2f * f + -1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f + -1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f + -1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f + -2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    float y = (p * f) * z;
    y = y + e * -2.12194440e-4f;
    y = y - 0.5f * z;
    return (f + y) + e * 0.693359375f;
}

FT_FN float ft_exp32(float x)
{
    x = x >= -80.0f ? x : -80.0f;
    x = x <= 80.0f ? x : 80.0f;
    float rounded = x * 1.44269504f + 12582912.0f; /* nearest integer in the low bits */
    float n = rounded - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    float y = ((p * r) * r + r) + 1.0f;
    return y * ft_float((ft_bits(rounded) - 0x4B400000u + 127u) << 23);
}

FT_FN float ft_logistic32(float x) { return 1.0f / (1.0f + ft_exp32(-x)); }

FT_FN float ft_logit32(float u) { return ft_log32(u) - ft_log32(1.0f - u); }

FT_FN float ft_normal_quantile32(float u)
{
    float x = 2.0f * u - 1.0f;
    float w = -ft_log32((4.0f * u) * (1.0f - u));
    float c = w - 2.5f;
    float centre = 2.81022636e-08f * c + 3.43273939e-07f;
    centre = centre * c + -3.5233877e-06f;
    centre = centre * c + -4.39150654e-06f;
    centre = centre * c + 0.00021858087f;
    centre = centre * c + -0.00125372503f;
    centre = centre * c + -0.00417768164f;
    centre = centre * c + 0.246640727f;
    centre = centre * c + 1.50140941f;
    float t = sqrtf(w >= 5.0f ? w : 5.0f) - 3.0f;
    float tail = -0.000200214257f * t + 0.000100950558f;
    tail = tail * t + 0.00134934322f;
    tail = tail * t + -0.00367342844f;
    tail = tail * t + 0.00573950773f;
    tail = tail * t + -0.0076224613f;
    tail = tail * t + 0.00943887047f;
    tail = tail * t + 1.00167406f;
    tail = tail * t + 2.83297682f;
    float p = w < 5.0f ? centre : tail;
    return (p * x) * 1.41421356f;
}

FT_FN float ft_gumbel32(float u) { return -ft_log32(-ft_log32(u)); }

/* ---- One impression moves a session (session.py: session_step) -------------------------------- */

enum { FT_SKIP = 1, FT_LIKE = 2, FT_SHARE = 4, FT_COMMENT = 8, FT_FOLLOW = 16, FT_FINISHED = 32 };
enum { FT_BOREDOM = 1, FT_ENERGY = 2, FT_CAP = 3 };

struct ft_session_rule {
    float swipe_s, fatigue_base, fatigue_slope, energy_exit, bored_below, pleased_above;
    float satisfaction_weight;
    int64_t relief, impressions_max;
};

#define FT_SESSION_RULE(a) { \
    .swipe_s = (float)(a)->swipe_s, .fatigue_base = (float)(a)->fatigue_base, \
    .fatigue_slope = (float)(a)->fatigue_slope, .energy_exit = (float)(a)->energy_exit, \
    .bored_below = (float)(a)->bored_below, .pleased_above = (float)(a)->pleased_above, \
    .satisfaction_weight = (float)(a)->satisfaction_weight, .relief = (a)->relief, \
    .impressions_max = (a)->impressions_max }

struct ft_session {
    float energy, satisfaction;
    uint8_t boredom;
    uint16_t impressions;
};

/* Returns why the session ends with this impression, or 0. */
FT_FN uint8_t ft_session_step(const struct ft_session_rule *rule, struct ft_session *s,
                              float stamina_s, uint8_t patience, uint8_t flags, uint32_t watch_ms,
                              float completion)
{
    int skipped = (flags & FT_SKIP) != 0;
    float capped = completion < 1.0f ? completion : 1.0f;
    float spent_s = (float)watch_ms * 0.001f + rule->swipe_s;
    float tired = rule->fatigue_base + rule->fatigue_slope * (1.0f - s->energy);
    float energy = s->energy - (spent_s / stamina_s) * tired;
    int dull = skipped | (capped < rule->bored_below);
    int pleased = !dull & (capped > rule->pleased_above);
    int64_t boredom = s->boredom, count = (int64_t)s->impressions + 1;
    float value = skipped ? 0.0f : flags & FT_LIKE ? 1.0f : capped;
    uint8_t cause = 0;
    if (dull) boredom = boredom + 1 < 255 ? boredom + 1 : 255;
    if (pleased) boredom = boredom - rule->relief > 0 ? boredom - rule->relief : 0;
    s->energy = energy > 0.0f ? energy : 0.0f;
    s->boredom = (uint8_t)boredom;
    s->satisfaction = s->satisfaction + rule->satisfaction_weight * (value - s->satisfaction);
    s->impressions = (uint16_t)count;
    if (count >= rule->impressions_max) cause = FT_CAP;
    if (boredom >= patience) cause = FT_BOREDOM;
    if (s->energy <= rule->energy_exit) cause = FT_ENERGY;
    return cause;
}

#endif
