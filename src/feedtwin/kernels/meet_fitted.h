/* Users meet their slates by the encounter that was fitted to a log.
 *
 * ft_encounter_fitted = fitted.fitted_reference (twins/interaction/). It differs from ft_encounter in what the
 * log-odds and the watch come from: columns of people and videos, and tables of progress.
 */
#ifndef FT_MEET_FITTED_H
#define FT_MEET_FITTED_H

#include "meet.h"

#define FT_LEVELS 64 /* equally likely parts of a curve; it has two values more (fitted.py: LEVELS) */
#define FT_CURVE (FT_LEVELS + 2)

/* Columns of `person`, `video` and `moment` (fitted.py: COLUMNS). */
enum { FT_C_SKIP, FT_C_WATCH, FT_C_LIKE, FT_C_SHARE, FT_C_COMMENT, FT_C_FOLLOW, FT_C_MATCH, FT_C = 8 };

struct ft_encounter_fitted_args {
    int64_t part;
    const uint32_t *user, *row;
    const uint16_t *meeting;
    const uint8_t *served_count;
    const int8_t *interests, *match_vectors;
    const float *match_inv_norm;
    const uint32_t *creator, *ordinal;
    const uint8_t *label, *duration_bin;
    const float *duration_s, *person, *video, *moment; /* (U, 8), (V, 8), (8) */
    const float *centre, *curves; /* (bins, columns), (bins, columns, 66): index of a table, progress */
    const float *skip_curve, *fate; /* (66) seconds of a skip; (4, 3) what begun, far and finish add */
    const float *energy, *satisfaction, *stamina_s;
    const uint8_t *boredom, *patience;
    const uint16_t *session_impressions;
    double skip_match, index_match, engage_match, label_like, label_share, half_way;
    double swipe_s, fatigue_base, fatigue_slope, energy_exit, bored_below, pleased_above;
    double satisfaction_weight;
    int64_t relief, impressions_max, seed, key_base, slots, columns;
    uint8_t *flags;
    uint32_t *watch_ms;
    float *completion;
    uint8_t *reached_count;
};

/* The lanes of a batch: of ft_meet the keys, durations, signals' log-odds and outcomes; here the rest. */
struct ft_meet_fitted {
    struct ft_meet m;
    float skip[FT_MEET_LANES], index[FT_MEET_LANES];
    uint32_t bin[FT_MEET_LANES];
};

/* Put the served slots of request r into the next lanes; fitted._log_odds. */
FT_STAGE void ft_fitted_enter(struct ft_meet_fitted *f, const struct ft_encounter_fitted_args *a,
                              int64_t r)
{
    struct ft_meet *m = &f->m;
    struct ft_operand taste;
    int32_t dot[FT_MEET_SLOTS_MOST + 4];
    const uint32_t *row = a->row + r * a->slots;
    const uint16_t *meeting = a->meeting + r * a->slots;
    uint32_t user = a->user[r];
    const float *u = a->person + (size_t)user * FT_C, *t = a->moment;
    float skip_match = (float)a->skip_match, index_match = (float)a->index_match;
    float engage_match = (float)a->engage_match;
    float label_like = (float)a->label_like, label_share = (float)a->label_share;
    int64_t served = a->served_count[r] < a->slots ? a->served_count[r] : a->slots;
    ft_operand_i8(&taste, a->interests + (size_t)user * FT_D);
    ft_dot_rows(a->match_vectors, row, served, &taste, dot);
    float inverse = ft_inverse_norm(&taste);
    for (int64_t slot = 0; slot < served; slot++) {
        uint32_t item = row[slot];
        int64_t i = m->n + slot;
        const float *v = a->video + (size_t)item * FT_C;
        float label = (float)a->label[item];
        float match = (float)dot[slot] * (a->match_inv_norm[item] * inverse);
        float rest = match - (u[FT_C_MATCH] + v[FT_C_MATCH]), lift = engage_match * rest;
        m->user[i] = user;
        m->creator[i] = a->creator[item];
        m->ordinal[i] = a->ordinal[item];
        m->meeting[i] = meeting[slot];
        m->duration[i] = a->duration_s[item];
        f->bin[i] = a->duration_bin[item];
        f->skip[i] = ((u[FT_C_SKIP] + v[FT_C_SKIP]) + t[FT_C_SKIP]) - skip_match * rest;
        f->index[i] = ((u[FT_C_WATCH] + v[FT_C_WATCH]) + t[FT_C_WATCH]) + index_match * rest;
        m->like[i] = ((u[FT_C_LIKE] + v[FT_C_LIKE]) + t[FT_C_LIKE]) + (lift + label * label_like);
        m->share[i] = ((u[FT_C_SHARE] + v[FT_C_SHARE]) + t[FT_C_SHARE]) + (lift + label * label_share);
        m->comment[i] = ((u[FT_C_COMMENT] + v[FT_C_COMMENT]) + t[FT_C_COMMENT]) + lift;
        m->follow[i] = ((u[FT_C_FOLLOW] + v[FT_C_FOLLOW]) + t[FT_C_FOLLOW]) + lift;
    }
    m->n += served;
}

/* fitted._place: where a level in (0, 1) lies among the values of a curve. */
FT_FN float ft_curve_place(float u)
{
    float place = u * (float)FT_LEVELS + 0.5f;
    place = u < 0.5f / FT_LEVELS ? u * (2.0f * FT_LEVELS) : place;
    return u > (FT_LEVELS - 0.5f) / FT_LEVELS
         ? (float)FT_LEVELS + (u - (FT_LEVELS - 0.5f) / FT_LEVELS) * (2.0f * FT_LEVELS) : place;
}

FT_FN int32_t ft_curve_floor(float place)
{
    int32_t k = (int32_t)place;
    return k < FT_LEVELS ? k : FT_LEVELS;
}

/* fitted._progress for one lane: between the two nearest tables, at the level of the draw. */
FT_FN float ft_fitted_progress(const struct ft_encounter_fitted_args *a, uint32_t bin, float index, float u)
{
    const float *centre = a->centre + (size_t)bin * (size_t)a->columns;
    int64_t low = -1;
    for (int64_t q = 0; q < a->columns; q++) low += centre[q] <= index;
    low = low > 0 ? low : 0;
    low = low < a->columns - 2 ? low : a->columns - 2;
    float width = centre[low + 1] - centre[low];
    float weight = (index - centre[low]) / (width > 1e-12f ? width : 1e-12f);
    weight = weight > 0.0f ? weight : 0.0f;
    weight = weight < 1.0f ? weight : 1.0f;
    float place = ft_curve_place(u);
    int32_t k = ft_curve_floor(place);
    float part = place - (float)k;
    const float *one = a->curves + ((size_t)bin * (size_t)a->columns + (size_t)low) * FT_CURVE + k;
    const float *two = one + FT_CURVE;
    float before = (1.0f - weight) * one[0] + weight * two[0];
    float after = (1.0f - weight) * one[1] + weight * two[1];
    return (1.0f - part) * before + part * after;
}

/* fitted._watch and fitted._signals for 16 lanes; w and e are the words of their two draws. */
FT_FN void ft_fitted_lanes(struct ft_meet_fitted *f, const struct ft_encounter_fitted_args *a, int64_t at,
                           uint32_t w[4][FT_LANES], uint32_t e[4][FT_LANES])
{
    struct ft_meet *m = &f->m;
    float skip[FT_LANES], progress[FT_LANES], swiped[FT_LANES];
    float like[FT_LANES], share[FT_LANES], comment[FT_LANES], follow[FT_LANES];
    float half_way = (float)a->half_way;
    for (int j = 0; j < FT_LANES; j++) skip[j] = ft_logit32(ft_uniform32(w[0][j]));
    for (int j = 0; j < FT_LANES; j++) {
        float place = ft_curve_place(ft_uniform32(w[2][j]));
        int32_t k = ft_curve_floor(place);
        float part = place - (float)k;
        float s = (1.0f - part) * a->skip_curve[k] + part * a->skip_curve[k + 1];
        swiped[j] = s < 2.999f ? s : 2.999f;
    }
    for (int j = 0; j < FT_LANES; j++)
        progress[j] = ft_fitted_progress(a, f->bin[at + j], f->index[at + j], ft_uniform32(w[3][j]));
    for (int j = 0; j < FT_LANES; j++) like[j] = ft_logit32(ft_uniform32(e[0][j]));
    for (int j = 0; j < FT_LANES; j++) share[j] = ft_logit32(ft_uniform32(e[1][j]));
    for (int j = 0; j < FT_LANES; j++) comment[j] = ft_logit32(ft_uniform32(e[2][j]));
    for (int j = 0; j < FT_LANES; j++) follow[j] = ft_logit32(ft_uniform32(e[3][j]));
    for (int j = 0; j < FT_LANES; j++) {
        int64_t i = at + j;
        uint32_t skipped = skip[j] < f->skip[i];
        float duration = m->duration[i], p = progress[j];
        float span = ft_log32((duration > 3.5f ? duration : 3.5f) / 3.0f);
        float early = 3.0f * ft_exp32((p < 1.0f ? p : 1.0f) * span);
        float end = duration > 3.0f ? duration : 3.0f;
        early = early < end ? early : end;
        float late = duration * ft_exp32((p > 1.0f ? p - 1.0f : 0.0f) * 0.69314718f);
        float watched = p < 1.0f ? early : late;
        watched = watched > 3.0f ? watched : 3.0f;
        float watch_s = skipped ? swiped[j] : watched;
        float completion = watch_s / duration;
        uint32_t finished = !skipped & (completion >= 1.0f);
        uint32_t fate = finished ? 2 : p >= half_way;
        float lift[4];
        for (int s = 0; s < 4; s++) lift[s] = skipped ? 0.0f : a->fate[s * 3 + (int)fate];
        m->flags[i] = skipped * FT_SKIP + finished * FT_FINISHED
                    + (like[j] < m->like[i] + lift[0]) * FT_LIKE
                    + (share[j] < m->share[i] + lift[1]) * FT_SHARE
                    + (comment[j] < m->comment[i] + lift[2]) * FT_COMMENT
                    + (follow[j] < m->follow[i] + lift[3]) * FT_FOLLOW;
        m->watch_ms[i] = (uint32_t)(watch_s * 1000.0f);
        m->completion[i] = completion;
    }
}

/* Fill the last lanes with numbers that divide, draw every lane's eight words, and compute. */
FT_STAGE void ft_fitted_all(struct ft_meet_fitted *f, const struct ft_encounter_fitted_args *a)
{
    struct ft_meet *m = &f->m;
    int64_t lanes = (m->n + FT_LANES - 1) & -(int64_t)FT_LANES;
    for (int64_t i = m->n; i < lanes; i++) {
        m->user[i] = m->creator[i] = m->ordinal[i] = m->meeting[i] = 0;
        m->like[i] = m->share[i] = m->comment[i] = m->follow[i] = 0.0f;
        f->skip[i] = f->index[i] = 0.0f;
        f->bin[i] = 0;
        m->duration[i] = 1.0f;
    }
    for (int64_t at = 0; at < lanes; at += FT_LANES) {
        uint32_t w[4][FT_LANES], e[4][FT_LANES];
        ft_meet_words(m, at, (uint32_t)a->seed, (uint32_t)a->key_base, w, e);
        ft_fitted_lanes(f, a, at, w, e);
    }
}

FT_EXPORT int64_t ft_encounter_fitted(const struct ft_encounter_fitted_args *a, int64_t low, int64_t high)
{
    const struct ft_session_rule session_rule = FT_SESSION_RULE(a);
    const struct ft_encounter_args walk = { /* what ft_meet_walk reads and writes */
        .user = a->user, .served_count = a->served_count, .slots = a->slots, .energy = a->energy,
        .satisfaction = a->satisfaction, .stamina_s = a->stamina_s, .boredom = a->boredom,
        .patience = a->patience, .session_impressions = a->session_impressions, .flags = a->flags,
        .watch_ms = a->watch_ms, .completion = a->completion, .reached_count = a->reached_count,
    };
    struct ft_meet_fitted f;
    for (int64_t r = low, next; r < high; r = next) {
        f.m.n = 0;
        for (next = r; next < high && f.m.n + a->slots <= FT_MEET_LANES; next++)
            ft_fitted_enter(&f, a, next);
        ft_fitted_all(&f, a);
        for (int64_t i = r, at = 0; i < next; i++) at += ft_meet_walk(&walk, &session_rule, &f.m, i, at);
    }
    return 0;
}

#endif
