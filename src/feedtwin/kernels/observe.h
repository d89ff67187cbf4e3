/* What the platform and the catalogue take from outcomes. ft_estimate = estimates.estimate_reference
 * (twins/platform/), ft_count = counting.count_reference (twins/content/). */
#ifndef FT_OBSERVE_H
#define FT_OBSERVE_H

#include "learn.h"

struct ft_estimate_args {
    int64_t part;
    const uint32_t *user, *row;
    const uint8_t *flags;
    const float *completion;
    const uint8_t *reached_count;
    const int8_t *vectors;
    const int16_t *mean_vector;
    int16_t *estimate;
    uint32_t *seen_row, *seen_count;
    double signal_completion, signal_centre, signal_like, signal_skip;
    int64_t estimate_rate, slots, history;
};

/* estimates._signal: evidence of liking in 1/256. */
FT_FN int32_t ft_signal(const struct ft_estimate_args *a, uint8_t flags, float completion)
{
    float capped = completion < 1.0f ? completion : 1.0f;
    float value = (float)a->signal_completion * (capped - (float)a->signal_centre);
    value = value + (flags & FT_LIKE ? (float)a->signal_like : 0.0f);
    value = flags & FT_SKIP ? (float)a->signal_skip : value;
    return (int32_t)(value * 256.0f);
}

FT_FN void ft_expect_observed(const struct ft_estimate_args *a, uint32_t user)
{
    __builtin_prefetch(a->seen_count + user, 1);
    __builtin_prefetch(a->estimate + (size_t)user * FT_D, 1);
    __builtin_prefetch(a->estimate + (size_t)user * FT_D + 32, 1);
}

FT_EXPORT int64_t ft_estimate(const struct ft_estimate_args *a, int64_t low, int64_t high)
{
    int32_t mean[FT_WIDE], rate = (int32_t)a->estimate_rate;
    ft_widen16(a->mean_vector, mean);
    for (int64_t r = low; r < high; r++) {
        int64_t far = r + FT_USERS_AHEAD, near = r + FT_ITEMS_AHEAD;
        if (far < high) ft_expect_observed(a, a->user[far]);
        if (near < high) {
            uint32_t next = a->user[near];
            __builtin_prefetch(a->seen_row + (size_t)next * (size_t)a->history
                               + a->seen_count[next] % a->history, 1);
            ft_expect_items(a->row + near * a->slots, a->reached_count[near], a->vectors);
        }
        uint32_t user = a->user[r], count = a->seen_count[user];
        uint32_t *seen = a->seen_row + (size_t)user * (size_t)a->history;
        int64_t reached = a->reached_count[r] < a->slots ? a->reached_count[r] : a->slots;
        int64_t at = count % a->history;
        int32_t estimate[FT_WIDE], item[FT_WIDE];
        ft_widen16(a->estimate + (size_t)user * FT_D, estimate);
        for (int64_t i = r * a->slots; i < r * a->slots + reached; i++) {
            int32_t signal = ft_signal(a, a->flags[i], a->completion[i]);
            ft_widen(a->vectors + (size_t)a->row[i] * FT_D, item);
            for (int d = 0; d < FT_WIDE; d++) {
                int32_t target = (signal * (item[d] * 256 - mean[d])) >> 8;
                estimate[d] += ((target - estimate[d]) * rate + 16384) >> 15;
            }
            ft_clip(estimate, -32767, 32767);
            seen[at] = a->row[i];
            at = at + 1 < a->history ? at + 1 : 0;
        }
        ft_narrow16(estimate, a->estimate + (size_t)user * FT_D);
        a->seen_count[user] = count + (uint32_t)reached;
    }
    return 0;
}

/* ---- count: one thread, because users share items --------------------------------------------------- */

struct ft_count_args {
    int64_t part;
    const uint32_t *row;
    const uint8_t *flags;
    const uint32_t *watch_ms;
    const uint8_t *reached_count;
    uint32_t *impressions, *skips, *likes, *shares, *comments, *completions;
    uint64_t *item_watch_ms;
    int32_t *touched_step;
    int64_t step, slots;
};

FT_EXPORT int64_t ft_count(const struct ft_count_args *a, int64_t low, int64_t high)
{
    for (int64_t r = low; r < high; r++) {
        int64_t reached = a->reached_count[r] < a->slots ? a->reached_count[r] : a->slots;
        for (int64_t i = r * a->slots; i < r * a->slots + reached; i++) {
            uint32_t item = a->row[i];
            uint8_t flags = a->flags[i];
            a->impressions[item]++;
            a->item_watch_ms[item] += a->watch_ms[i];
            a->touched_step[item] = (int32_t)a->step;
            if (flags & FT_SKIP) a->skips[item]++;
            if (flags & FT_LIKE) a->likes[item]++;
            if (flags & FT_SHARE) a->shares[item]++;
            if (flags & FT_COMMENT) a->comments[item]++;
            if (flags & FT_FINISHED) a->completions[item]++;
        }
    }
    return 0;
}

/* ---- tally = tally.tally_reference ------------------------------------------------------------------ */

struct ft_tally_args {
    int64_t part;
    const uint32_t *row;
    const uint8_t *flags;
    const uint32_t *watch_ms;
    const uint8_t *reached_count;
    const float *duration_s;
    uint32_t *tally;
    int64_t slots;
};

FT_EXPORT int64_t ft_tally(const struct ft_tally_args *a, int64_t low, int64_t high)
{
    for (int64_t r = low; r < high; r++) {
        int64_t reached = a->reached_count[r] < a->slots ? a->reached_count[r] : a->slots;
        uint32_t t[8] = {0};
        for (int64_t i = r * a->slots; i < r * a->slots + reached; i++) {
            uint8_t flags = a->flags[i];
            uint64_t length = (uint64_t)(a->duration_s[a->row[i]] * 1000.0f), watch = a->watch_ms[i];
            length = length > 1 ? length : 1;
            t[0]++;
            t[1] += (flags & FT_SKIP) != 0;
            t[2] += (flags & FT_FINISHED) != 0;
            t[3] += (flags & FT_LIKE) != 0;
            t[4] += (flags & FT_SHARE) != 0;
            t[5] += (flags & FT_COMMENT) != 0;
            t[6] += (uint32_t)watch;
            t[7] += watch >= length ? 1000 : (uint32_t)(watch * 1000 / length);
        }
        memcpy(a->tally + r * 8, t, sizeof t);
    }
    return 0;
}

#endif
