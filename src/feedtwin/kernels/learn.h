/* Watching changes a person. ft_learn, ft_recall = preferences.learn_reference, recall_reference. */
#ifndef FT_LEARN_H
#define FT_LEARN_H

#include "dots.h"

#define FT_NO_TOPIC 0xFFFFu
#define FT_TEACHES_NOTHING 0xFFFFFFFFu /* preferences.TEACHES_NOTHING: a row that moves no interests */
#define FT_TRACES_MOST FT_LANES /* specs.py checks it */

/* Vectors are widened to 64 entries of 32 bits, so that every loop over them is whole registers. */
#define FT_WIDE 64

FT_FN void ft_widen(const int8_t *v, int32_t wide[FT_WIDE])
{
    int8_t tail[16];
    ft_tail_i8(v, tail);
    for (int i = 0; i < 48; i++) wide[i] = v[i];
    for (int i = 0; i < 16; i++) wide[48 + i] = tail[i];
}

FT_FN void ft_narrow(const int32_t wide[FT_WIDE], int8_t *v)
{
    int8_t tail[16];
    for (int i = 0; i < 48; i++) v[i] = (int8_t)wide[i];
    for (int i = 0; i < 16; i++) tail[i] = (int8_t)wide[48 + i];
    memcpy(v + 48, tail, 2);
}

FT_FN void ft_widen16(const int16_t *v, int32_t wide[FT_WIDE])
{
    int16_t tail[16];
    ft_tail_i16(v, tail);
    for (int i = 0; i < 48; i++) wide[i] = v[i];
    for (int i = 0; i < 16; i++) wide[48 + i] = tail[i];
}

FT_FN void ft_narrow16(const int32_t wide[FT_WIDE], int16_t *v)
{
    int16_t tail[16];
    for (int i = 0; i < 48; i++) v[i] = (int16_t)wide[i];
    for (int i = 0; i < 16; i++) tail[i] = (int16_t)wide[48 + i];
    memcpy(v + 48, tail, 4);
}

/* ---- memory traces --------------------------------------------------------------------------------- */

struct ft_trace_rule {
    int64_t traces, step, spacing_steps;
    float tau, spacing, gain_finish, gain_like, gain_comment, gain_share, strength_max;
};

/* preferences.retention: R(t) = S exp(-t / tau). */
FT_FN float ft_retention(const struct ft_trace_rule *p, float strength, int32_t step, uint8_t count)
{
    float elapsed = (float)(int32_t)(p->step - step);
    float tau = p->tau * (1.0f + p->spacing * (float)count);
    return strength * ft_exp32(-(elapsed / tau));
}

/* Where a new topic goes: the first of the weakest traces, empty ones counting as -1. */
FT_FN int64_t ft_weakest(const struct ft_trace_rule *p, const uint16_t *topic, const float *strength,
                         const int32_t *step, const uint8_t *count)
{
    float retained[FT_LANES] = {0}, s[FT_LANES] = {0}, least;
    int32_t t[FT_LANES] = {0};
    uint8_t c[FT_LANES] = {0};
    int64_t at = 0;
    memcpy(s, strength, (size_t)p->traces * sizeof *s);
    memcpy(t, step, (size_t)p->traces * sizeof *t);
    memcpy(c, count, (size_t)p->traces);
    for (int i = 0; i < FT_LANES; i++) retained[i] = ft_retention(p, s[i], t[i], c[i]);
    for (int64_t i = 0; i < p->traces; i++)
        if (topic[i] == FT_NO_TOPIC) retained[i] = -1.0f;
    least = retained[0];
    for (int64_t i = 1; i < p->traces; i++)
        if (retained[i] < least) { least = retained[i]; at = i; }
    return at;
}

/* preferences._Traces.strengthen for one encounter. */
FT_STAGE void ft_strengthen(const struct ft_trace_rule *p, uint16_t topic, uint8_t flags,
                         uint16_t *topics, float *strength, int32_t *step, uint8_t *count)
{
    int64_t at = 0;
    while (at < p->traces && topics[at] != topic) at++;
    int known = at < p->traces;
    if (!known) at = ft_weakest(p, topics, strength, step, count);
    float gain = p->gain_finish;
    if (flags & FT_LIKE) gain = gain > p->gain_like ? gain : p->gain_like;
    if (flags & FT_COMMENT) gain = gain > p->gain_comment ? gain : p->gain_comment;
    if (flags & FT_SHARE) gain = gain > p->gain_share ? gain : p->gain_share;
    float kept = known ? ft_retention(p, strength[at], step[at], count[at]) : 0.0f;
    float total = kept + gain;
    if (!known) count[at] = 1;
    else if (p->step - step[at] >= p->spacing_steps) count[at] = count[at] < 255 ? count[at] + 1 : 255;
    strength[at] = total < p->strength_max ? total : p->strength_max;
    step[at] = (int32_t)p->step;
    topics[at] = topic;
}

/* ---- learn ----------------------------------------------------------------------------------------- */

struct ft_learn_args {
    int64_t part;
    const uint32_t *user, *row;
    const uint8_t *flags;
    const uint32_t *watch_ms;
    const float *completion;
    const uint8_t *reached_count;
    const int8_t *vectors;
    const uint16_t *category;
    const float *stamina_s;
    const uint8_t *patience;
    int8_t *interests;
    float *energy;
    uint8_t *boredom;
    float *satisfaction;
    uint16_t *session_impressions;
    uint32_t *session_watch_ms;
    uint16_t *trace_topic;
    float *trace_strength;
    int32_t *trace_step;
    uint8_t *trace_count;
    float *change;
    uint8_t *exit_cause;
    double pull_above;
    int64_t pull_rate, push_rate, literal_push, interest_min, step, spacing_steps;
    double trace_tau_steps, spacing_effect, gain_finish, gain_like, gain_comment, gain_share;
    double strength_max, swipe_s, fatigue_base, fatigue_slope, energy_exit, bored_below;
    double pleased_above, satisfaction_weight;
    int64_t relief, impressions_max, slots, traces;
};

/* preferences._nudge; clipping belongs to it even where nothing moves. */
FT_STAGE void ft_nudge(const struct ft_learn_args *a, int32_t *restrict v, const int8_t *item, int pulled)
{
    int32_t target[FT_WIDE], pull = (int32_t)a->pull_rate, push = (int32_t)a->push_rate;
    ft_widen(item, target);
    if (pulled)
        for (int i = 0; i < FT_WIDE; i++) v[i] += ((target[i] - v[i]) * pull + 128) >> 8;
    else if (a->literal_push)
        for (int i = 0; i < FT_WIDE; i++) v[i] -= ((target[i] - v[i]) * push + 128) >> 8;
    else
        for (int i = 0; i < FT_WIDE; i++) v[i] -= (((target[i] * v[i] + 64) >> 7) * push + 128) >> 8;
}

FT_FN void ft_clip(int32_t *v, int32_t low, int32_t high)
{
    for (int i = 0; i < FT_WIDE; i++) {
        int32_t x = v[i] > low ? v[i] : low;
        v[i] = x < high ? x : high;
    }
}

FT_STAGE void ft_learn_one(const struct ft_learn_args *a, const struct ft_session_rule *rule,
                        const struct ft_trace_rule *traces, int64_t r)
{
    uint32_t u = a->user[r], watched = a->session_watch_ms[u];
    int8_t *interests = a->interests + (size_t)u * FT_D;
    struct ft_session session = {
        .energy = a->energy[u], .satisfaction = a->satisfaction[u],
        .boredom = a->boredom[u], .impressions = a->session_impressions[u],
    };
    int64_t reached = a->reached_count[r] < a->slots ? a->reached_count[r] : a->slots;
    size_t memory = (size_t)u * (size_t)a->traces;
    int32_t v[FT_WIDE], before[FT_WIDE], moved = 0;
    uint8_t cause = 0;
    ft_widen(interests, v);
    memcpy(before, v, sizeof before);
    for (int64_t slot = 0; slot < reached; slot++) {
        int64_t i = r * a->slots + slot;
        uint8_t flags = a->flags[i];
        int teaches = a->row[i] != FT_TEACHES_NOTHING;
        int pushed = teaches && (flags & FT_SKIP);
        int pulled = teaches && !pushed && (a->completion[i] > (float)a->pull_above || (flags & FT_LIKE));
        if (pulled || pushed)
            ft_nudge(a, v, a->vectors + (size_t)a->row[i] * FT_D, pulled);
        ft_clip(v, (int32_t)a->interest_min, 127);
        if (pulled)
            ft_strengthen(traces, a->category[a->row[i]], flags, a->trace_topic + memory,
                          a->trace_strength + memory, a->trace_step + memory, a->trace_count + memory);
        cause = ft_session_step(rule, &session, a->stamina_s[u], a->patience[u], flags,
                                a->watch_ms[i], a->completion[i]);
        watched += a->watch_ms[i];
    }
    if (a->slots > 0) ft_clip(v, (int32_t)a->interest_min, 127); /* where no slot was reached */
    for (int i = 0; i < FT_D; i++) moved += v[i] > before[i] ? v[i] - before[i] : before[i] - v[i];
    a->change[r] = (float)moved * (float)(1.0 / 127.0);
    ft_narrow(v, interests);
    a->energy[u] = session.energy;
    a->boredom[u] = session.boredom;
    a->satisfaction[u] = session.satisfaction;
    a->session_impressions[u] = session.impressions;
    a->session_watch_ms[u] = watched;
    a->exit_cause[r] = cause;
}

/* A user's columns and a slate's vectors lie apart in memory: ask for them some requests ahead. */
#define FT_USERS_AHEAD 8
#define FT_ITEMS_AHEAD 3

FT_FN void ft_expect_items(const uint32_t *row, int64_t n, const int8_t *vectors)
{
    for (int64_t i = 0; i < n; i++) {
        const int8_t *vector = vectors + (size_t)row[i] * FT_D;
        __builtin_prefetch(vector);
        __builtin_prefetch(vector + FT_D - 1);
    }
}

FT_FN void ft_expect_learner(const struct ft_learn_args *a, uint32_t u)
{
    size_t memory = (size_t)u * (size_t)a->traces;
    __builtin_prefetch(a->interests + (size_t)u * FT_D, 1);
    __builtin_prefetch(a->interests + (size_t)u * FT_D + FT_D - 1, 1);
    __builtin_prefetch(a->energy + u, 1);
    __builtin_prefetch(a->satisfaction + u, 1);
    __builtin_prefetch(a->boredom + u, 1);
    __builtin_prefetch(a->session_impressions + u, 1);
    __builtin_prefetch(a->session_watch_ms + u, 1);
    __builtin_prefetch(a->stamina_s + u);
    __builtin_prefetch(a->patience + u);
    __builtin_prefetch(a->trace_topic + memory, 1);
    __builtin_prefetch(a->trace_strength + memory, 1);
    __builtin_prefetch(a->trace_step + memory, 1);
    __builtin_prefetch(a->trace_count + memory, 1);
}

FT_EXPORT int64_t ft_learn(const struct ft_learn_args *a, int64_t low, int64_t high)
{
    const struct ft_session_rule rule = FT_SESSION_RULE(a);
    const struct ft_trace_rule traces = {
        .traces = a->traces, .step = a->step, .spacing_steps = a->spacing_steps,
        .tau = (float)a->trace_tau_steps, .spacing = (float)a->spacing_effect,
        .gain_finish = (float)a->gain_finish, .gain_like = (float)a->gain_like,
        .gain_comment = (float)a->gain_comment, .gain_share = (float)a->gain_share,
        .strength_max = (float)a->strength_max,
    };
    for (int64_t r = low; r < high; r++) {
        int64_t far = r + FT_USERS_AHEAD, near = r + FT_ITEMS_AHEAD;
        if (far < high) ft_expect_learner(a, a->user[far]);
        if (near < high) ft_expect_items(a->row + near * a->slots, a->reached_count[near], a->vectors);
        ft_learn_one(a, &rule, &traces, r);
    }
    return 0;
}

/* ---- recall ---------------------------------------------------------------------------------------- */

struct ft_recall_args {
    int64_t part;
    const uint32_t *user;
    const int32_t *last_step;
    const int8_t *topic_vectors;
    const uint16_t *trace_topic;
    const float *trace_strength;
    const int32_t *trace_step;
    const uint8_t *trace_count;
    int8_t *interests;
    int16_t *taste;
    int64_t step, steps_per_day;
    double consolidation_rate, interest_tau_steps, trace_tau_steps, spacing_effect;
    int64_t traces;
};

FT_FN int64_t ft_floor_divide(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

/* preferences._consolidate: move taste toward the topics still remembered. */
FT_FN void ft_consolidate(const struct ft_recall_args *a, const struct ft_trace_rule *p, uint32_t user,
                          int32_t *restrict taste)
{
    float rate = (float)a->consolidation_rate * 32768.0f;
    size_t memory = (size_t)user * (size_t)a->traces;
    for (size_t i = memory; i < memory + (size_t)a->traces; i++) {
        if (a->trace_topic[i] == FT_NO_TOPIC) continue;
        float retained = ft_retention(p, a->trace_strength[i], a->trace_step[i], a->trace_count[i]);
        int32_t weight = (int32_t)((retained < 1.0f ? retained : 1.0f) * rate), topic[FT_WIDE];
        ft_widen(a->topic_vectors + (size_t)a->trace_topic[i] * FT_D, topic);
        for (int d = 0; d < FT_WIDE; d++)
            taste[d] += ((topic[d] * 256 - taste[d]) * weight + 16384) >> 15;
    }
}

FT_EXPORT int64_t ft_recall(const struct ft_recall_args *a, int64_t low, int64_t high)
{
    const struct ft_trace_rule rule = {
        .step = a->step, .tau = (float)a->trace_tau_steps, .spacing = (float)a->spacing_effect,
    };
    const int64_t today = ft_floor_divide(a->step, a->steps_per_day);
    for (int64_t r = low; r < high; r++) {
        uint32_t user = a->user[r];
        int32_t taste[FT_WIDE], v[FT_WIDE];
        ft_widen16(a->taste + (size_t)user * FT_D, taste);
        if ((float)a->consolidation_rate > 0.0f) {
            if (ft_floor_divide(a->last_step[user], a->steps_per_day) != today)
                ft_consolidate(a, &rule, user, taste);
            ft_narrow16(taste, a->taste + (size_t)user * FT_D);
        }
        if ((float)a->interest_tau_steps > 0.0f) {
            float elapsed = (float)(int32_t)(a->step - a->last_step[user]);
            int32_t kept = (int32_t)(ft_exp32(-(elapsed / (float)a->interest_tau_steps)) * 256.0f);
            ft_widen(a->interests + (size_t)user * FT_D, v);
            for (int d = 0; d < FT_WIDE; d++) {
                int32_t anchor = (taste[d] + 128) >> 8;
                v[d] = anchor + (((v[d] - anchor) * kept + 128) >> 8);
            }
            ft_narrow(v, a->interests + (size_t)user * FT_D);
        }
    }
    return 0;
}

#endif
