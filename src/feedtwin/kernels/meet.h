/* Users meet their slates. ft_encounter = encounter.encounter_reference (twins/interaction/).
 *
 * The served slots of some requests are laid side by side in lanes; everything that does not depend on
 * the slot before is computed for 16 of them at once. Then each user swipes through.
 */
#ifndef FT_MEET_H
#define FT_MEET_H

#include "dots.h"

#define FT_MEET_LANES 192 /* room for a batch: it takes requests until fewer than a slate's slots are left */
#define FT_MEET_SLOTS_MOST 128 /* specs.py checks it */

struct ft_encounter_args {
    int64_t part;
    const uint32_t *user, *row;
    const uint16_t *meeting;
    const uint8_t *served_count;
    const int8_t *interests, *match_vectors;
    const float *match_inv_norm;
    const uint32_t *creator, *ordinal;
    const uint16_t *category;
    const uint8_t *label;
    const float *traits; /* by category: schema/traits.py */
    const float *duration_s, *hook_strength, *quality, *virality, *completion_prior;
    const float *attention_span_s, *like_logit, *share_logit, *comment_logit, *follow_logit;
    const float *energy, *satisfaction, *stamina_s;
    const uint8_t *boredom, *patience;
    const uint16_t *session_impressions;
    double skip_intercept, skip_hook, hook_floor, hook_centre, skip_span, span_floor_s, span_centre;
    double skip_match, match_centre, skip_noise, watch_match, watch_quality, watch_sigma;
    double watch_sigma_half_square, loops_max, engage_completion, engage_match, like_quality;
    double share_virality, label_like, label_share, swipe_s, fatigue_base, fatigue_slope;
    double energy_exit, bored_below, pleased_above, satisfaction_weight;
    int64_t relief, impressions_max, seed, key_base, slots;
    uint8_t *flags;
    uint32_t *watch_ms;
    float *completion;
    uint8_t *reached_count;
};

/* Columns of `traits`, in the order of schema/traits.py. */
enum { FT_MATCH_SLOPE, FT_SPAN_SLOPE, FT_SHARE_LIFT, FT_REWATCH, FT_FINISH_REWARD, FT_TRAITS };

/* The lanes of a batch: inputs gathered from users and items, then outcomes. */
struct ft_meet {
    int64_t n;
    uint32_t user[FT_MEET_LANES], creator[FT_MEET_LANES], ordinal[FT_MEET_LANES];
    uint32_t meeting[FT_MEET_LANES];
    float match[FT_MEET_LANES], duration[FT_MEET_LANES], hook[FT_MEET_LANES];
    float quality[FT_MEET_LANES], virality[FT_MEET_LANES], prior[FT_MEET_LANES];
    float span[FT_MEET_LANES], like[FT_MEET_LANES], share[FT_MEET_LANES];
    float comment[FT_MEET_LANES], follow[FT_MEET_LANES];
    float slope[FT_MEET_LANES], rewatch[FT_MEET_LANES], reward[FT_MEET_LANES];
    uint32_t flags[FT_MEET_LANES], watch_ms[FT_MEET_LANES];
    float completion[FT_MEET_LANES];
};

struct ft_meet_rule {
    float skip_intercept, skip_hook, hook_floor, hook_centre, skip_match, match_centre, skip_noise;
    float watch_match, watch_quality, watch_sigma, watch_sigma_half_square, loops_max;
    float engage_completion, engage_match, like_quality, share_virality;
};

FT_FN struct ft_meet_rule ft_meet_rule_of(const struct ft_encounter_args *a)
{
    return (struct ft_meet_rule){
        (float)a->skip_intercept, (float)a->skip_hook, (float)a->hook_floor, (float)a->hook_centre,
        (float)a->skip_match, (float)a->match_centre, (float)a->skip_noise, (float)a->watch_match,
        (float)a->watch_quality, (float)a->watch_sigma, (float)a->watch_sigma_half_square,
        (float)a->loops_max, (float)a->engage_completion, (float)a->engage_match,
        (float)a->like_quality, (float)a->share_virality,
    };
}

/* Put the served slots of request r into the next lanes. */
FT_STAGE void ft_meet_enter(struct ft_meet *m, const struct ft_encounter_args *a, int64_t r)
{
    struct ft_operand taste;
    int32_t dot[FT_MEET_SLOTS_MOST + 4];
    const uint32_t *row = a->row + r * a->slots;
    const uint16_t *meeting = a->meeting + r * a->slots;
    uint32_t user = a->user[r];
    float floored = a->attention_span_s[user], floor = (float)a->span_floor_s;
    float span = 1.0f / (floored > floor ? floored : floor);
    float span_term = (float)a->skip_span * (span - (float)a->span_centre);
    float like = a->like_logit[user], share = a->share_logit[user];
    float label_like = (float)a->label_like, label_share = (float)a->label_share;
    int64_t served = a->served_count[r] < a->slots ? a->served_count[r] : a->slots;
    ft_operand_i8(&taste, a->interests + (size_t)user * FT_D);
    ft_dot_rows(a->match_vectors, row, served, &taste, dot);
    float inverse = ft_inverse_norm(&taste);
    for (int64_t slot = 0; slot < served; slot++) {
        uint32_t item = row[slot];
        int64_t i = m->n + slot;
        const float *trait = a->traits + (size_t)a->category[item] * FT_TRAITS;
        float label = (float)a->label[item];
        m->user[i] = user;
        m->creator[i] = a->creator[item];
        m->ordinal[i] = a->ordinal[item];
        m->meeting[i] = meeting[slot];
        m->match[i] = (float)dot[slot] * (a->match_inv_norm[item] * inverse);
        m->duration[i] = a->duration_s[item];
        m->hook[i] = a->hook_strength[item];
        m->quality[i] = a->quality[item];
        m->virality[i] = a->virality[item];
        m->prior[i] = a->completion_prior[item];
        m->span[i] = trait[FT_SPAN_SLOPE] * span_term;
        m->slope[i] = trait[FT_MATCH_SLOPE];
        m->rewatch[i] = trait[FT_REWATCH] - 1.0f;
        m->reward[i] = trait[FT_FINISH_REWARD];
        m->like[i] = like + label * label_like;
        m->share[i] = share + (trait[FT_SHARE_LIFT] + label * label_share);
        m->comment[i] = a->comment_logit[user];
        m->follow[i] = a->follow_logit[user];
    }
    m->n += served;
}

/* encounter.draw_uniforms: the words of both draws of 16 lanes. */
FT_FN void ft_meet_words(const struct ft_meet *m, int64_t at, uint32_t k0, uint32_t key_base,
                         uint32_t w[4][FT_LANES], uint32_t e[4][FT_LANES])
{
    memcpy(w[0], m->user + at, sizeof w[0]);
    memcpy(w[1], m->creator + at, sizeof w[1]);
    memcpy(w[2], m->ordinal + at, sizeof w[2]);
    memcpy(w[3], m->meeting + at, sizeof w[3]);
    memcpy(e, w, 4 * sizeof e[0]);
    ft_philox_lanes(w, k0, key_base | FT_BLOCK_HOOK);
    ft_philox_lanes(e, k0, key_base | FT_BLOCK_LIKE);
}

/* encounter._skips, _watch and _engagement for 16 lanes; w and e are the words of their two draws. */
FT_FN void ft_meet_lanes(struct ft_meet *m, const struct ft_meet_rule *p, int64_t at,
                         uint32_t w[4][FT_LANES], uint32_t e[4][FT_LANES])
{
    float skip_logit[FT_LANES], noise[FT_LANES], spread[FT_LANES], swipe[FT_LANES];
    float like[FT_LANES], share[FT_LANES], comment[FT_LANES], follow[FT_LANES];
    for (int j = 0; j < FT_LANES; j++) skip_logit[j] = ft_logit32(ft_uniform32(w[0][j]));
    for (int j = 0; j < FT_LANES; j++) noise[j] = ft_normal_quantile32(ft_uniform32(w[1][j]));
    for (int j = 0; j < FT_LANES; j++) swipe[j] = ft_uniform32(w[2][j]);
    for (int j = 0; j < FT_LANES; j++) spread[j] = ft_normal_quantile32(ft_uniform32(w[3][j]));
    for (int j = 0; j < FT_LANES; j++) like[j] = ft_logit32(ft_uniform32(e[0][j]));
    for (int j = 0; j < FT_LANES; j++) share[j] = ft_logit32(ft_uniform32(e[1][j]));
    for (int j = 0; j < FT_LANES; j++) comment[j] = ft_logit32(ft_uniform32(e[2][j]));
    for (int j = 0; j < FT_LANES; j++) follow[j] = ft_logit32(ft_uniform32(e[3][j]));
    for (int j = 0; j < FT_LANES; j++) {
        int64_t i = at + j;
        float centred = m->match[i] - p->match_centre, duration = m->duration[i];
        float drawn = m->slope[i] * centred;
        float hook = 1.0f / (m->hook[i] > p->hook_floor ? m->hook[i] : p->hook_floor);
        float predictor = p->skip_intercept + p->skip_hook * (hook - p->hook_centre);
        predictor = predictor + m->span[i];
        predictor = predictor - p->skip_match * drawn;
        predictor = predictor + p->skip_noise * noise[j];
        uint32_t skipped = skip_logit[j] < predictor, stays = !skipped;

        float quality = m->quality[i] - 0.5f;
        float uplift = p->watch_match * drawn + p->watch_quality * quality;
        float ratio = m->prior[i]
                    * ft_exp32(uplift + (p->watch_sigma * spread[j] - p->watch_sigma_half_square));
        float over = ratio > 1.0f ? ratio - 1.0f : 0.0f;
        ratio = ratio + m->rewatch[i] * over;
        float floor_s = duration < 3.0f ? duration : 3.0f, cap_s = duration * p->loops_max;
        float watched = ratio * duration;
        watched = watched > floor_s ? watched : floor_s;
        watched = watched < cap_s ? watched : cap_s;
        float swiped = (duration < 2.999f ? duration : 2.999f) * swipe[j];
        float watch_s = skipped ? swiped : watched;
        float completion = watch_s / duration;

        float capped = completion < 1.0f ? completion : 1.0f;
        float lift = p->engage_completion * (capped - 0.5f) + p->engage_match * centred;
        float viral = p->share_virality * (m->virality[i] - 0.5f);
        float reward = completion >= 1.0f ? m->reward[i] : 0.0f;
        uint32_t liked = like[j] < ((m->like[i] + lift) + p->like_quality * quality) + reward;
        uint32_t shared = share[j] < (m->share[i] + lift) + viral;
        uint32_t commented = comment[j] < m->comment[i] + lift;
        uint32_t followed = follow[j] < m->follow[i] + lift;
        uint32_t finished = completion >= 1.0f;
        m->flags[i] = skipped * FT_SKIP + (stays & liked) * FT_LIKE + (stays & shared) * FT_SHARE
                    + (stays & commented) * FT_COMMENT + (stays & followed) * FT_FOLLOW
                    + finished * FT_FINISHED;
        m->watch_ms[i] = (uint32_t)(watch_s * 1000.0f);
        m->completion[i] = completion;
    }
}

/* Fill the last lanes with numbers that divide, draw every lane's eight words, and compute. */
FT_STAGE void ft_meet_all(struct ft_meet *m, const struct ft_meet_rule *p, uint32_t k0, uint32_t key_base)
{
    int64_t lanes = (m->n + FT_LANES - 1) & -(int64_t)FT_LANES;
    for (int64_t i = m->n; i < lanes; i++) {
        m->user[i] = m->creator[i] = m->ordinal[i] = m->meeting[i] = 0;
        m->match[i] = m->quality[i] = m->virality[i] = m->span[i] = 0.0f;
        m->like[i] = m->share[i] = m->comment[i] = m->follow[i] = 0.0f;
        m->slope[i] = m->rewatch[i] = m->reward[i] = 0.0f;
        m->duration[i] = m->hook[i] = m->prior[i] = 1.0f;
    }
    for (int64_t at = 0; at < lanes; at += FT_LANES) {
        uint32_t w[4][FT_LANES], e[4][FT_LANES];
        ft_meet_words(m, at, k0, key_base, w, e);
        ft_meet_lanes(m, p, at, w, e);
    }
}

/* encounter.walk for one request, whose served slots begin at lane `at`; returns how many there are. */
FT_STAGE int64_t ft_meet_walk(const struct ft_encounter_args *a, const struct ft_session_rule *rule,
                           const struct ft_meet *m, int64_t r, int64_t at)
{
    uint32_t user = a->user[r];
    struct ft_session session = {
        .energy = a->energy[user], .satisfaction = a->satisfaction[user],
        .boredom = a->boredom[user], .impressions = a->session_impressions[user],
    };
    float stamina_s = a->stamina_s[user];
    uint8_t patience = a->patience[user], cause = 0;
    int64_t served = a->served_count[r] < a->slots ? a->served_count[r] : a->slots, slot = 0;
    for (; slot < served && !cause; slot++) {
        int64_t i = at + slot, out = r * a->slots + slot;
        a->flags[out] = (uint8_t)m->flags[i];
        a->watch_ms[out] = m->watch_ms[i];
        a->completion[out] = m->completion[i];
        cause = ft_session_step(rule, &session, stamina_s, patience, (uint8_t)m->flags[i],
                                m->watch_ms[i], m->completion[i]);
    }
    a->reached_count[r] = (uint8_t)slot;
    for (; slot < a->slots; slot++) {
        int64_t out = r * a->slots + slot;
        a->flags[out] = 0;
        a->watch_ms[out] = 0;
        a->completion[out] = 0.0f;
    }
    return served;
}

FT_EXPORT int64_t ft_encounter(const struct ft_encounter_args *a, int64_t low, int64_t high)
{
    const struct ft_meet_rule rule = ft_meet_rule_of(a);
    const struct ft_session_rule session_rule = FT_SESSION_RULE(a);
    struct ft_meet m;
    for (int64_t r = low, next; r < high; r = next) {
        m.n = 0;
        for (next = r; next < high && m.n + a->slots <= FT_MEET_LANES; next++)
            ft_meet_enter(&m, a, next);
        ft_meet_all(&m, &rule, (uint32_t)a->seed, (uint32_t)a->key_base);
        for (int64_t i = r, at = 0; i < next; i++) at += ft_meet_walk(a, &session_rule, &m, i, at);
    }
    return 0;
}

#endif
