/* CPU build of the hot path. Compiled once per instruction set by build.py; called by binding.py.
 *
 * Every exported kernel is  int64_t ft_<name>(const struct ft_<name>_args *a, int64_t low, int64_t high)
 * and works on rows [low, high) only. Fields are 8 bytes each, in the order of specs.py; the first is always
 * `part`, the number of the row range (for buffers private to a thread). The return values are added up.
 */
#define FT_EXPORT __attribute__((visibility("default")))

#include "acts.h"
#include "encounter.h"
#include "lanes.h"
#include "learn.h"
#include "meet.h"
#include "meet_fitted.h"
#include "observe.h"
#include "fused.h"
#include "serve.h"

#ifndef FT_SOURCE
#define FT_SOURCE "unknown"
#endif

/* ---- philox: bulk draws. A stride of 0 repeats one word for every row; words nobody wants are null. */

struct ft_philox_args {
    int64_t part;
    const uint32_t *c0, *c1, *c2, *c3;
    int64_t s0, s1, s2, s3;
    int64_t k0, k1;
    uint32_t *w0, *w1, *w2, *w3;
};

FT_EXPORT int64_t ft_philox(const struct ft_philox_args *a, int64_t low, int64_t high)
{
    const uint32_t *in[4] = {a->c0, a->c1, a->c2, a->c3};
    const int64_t stride[4] = {a->s0, a->s1, a->s2, a->s3};
    uint32_t *out[4] = {a->w0, a->w1, a->w2, a->w3};
    for (int64_t row = low; row < high; row += FT_LANES) {
        int64_t n = high - row < FT_LANES ? high - row : FT_LANES;
        uint32_t c[4][FT_LANES] = {{0}};
        for (int w = 0; w < 4; w++) {
            if (stride[w] == 0)
                for (int i = 0; i < FT_LANES; i++) c[w][i] = in[w][0];
            else
                memcpy(c[w], in[w] + row, (size_t)n * sizeof(uint32_t));
        }
        ft_philox_lanes(c, (uint32_t)a->k0, (uint32_t)a->k1);
        for (int w = 0; w < 4; w++)
            if (out[w]) memcpy(out[w] + row, c[w], (size_t)n * sizeof(uint32_t));
    }
    return 0;
}

/* ---- numerics: one elementary function over an array, for the tests that compare it with NumPy --- */

struct ft_numerics_args {
    int64_t part;
    int64_t function; /* in the order of specs.NUMERICS */
    const float *x;
    float *y;
};

#define FT_MAP(code, f) \
    case code: for (int64_t i = low; i < high; i++) y[i] = f(x[i]); return 0;

FT_EXPORT int64_t ft_numerics(const struct ft_numerics_args *a, int64_t low, int64_t high)
{
    const float *x = a->x;
    float *restrict y = a->y;
    switch (a->function) {
        FT_MAP(0, ft_log32)
        FT_MAP(1, ft_exp32)
        FT_MAP(2, ft_logistic32)
        FT_MAP(3, ft_logit32)
        FT_MAP(4, ft_normal_quantile32)
        FT_MAP(5, ft_gumbel32)
    }
    return -1;
}

/* ---- uniform: bits to uniforms ------------------------------------------------------------------ */

struct ft_uniform_args {
    int64_t part;
    const uint32_t *bits;
    float *u;
};

FT_EXPORT int64_t ft_uniform(const struct ft_uniform_args *a, int64_t low, int64_t high)
{
    const uint32_t *bits = a->bits;
    float *restrict u = a->u;
    for (int64_t i = low; i < high; i++) u[i] = ft_uniform32(bits[i]);
    return 0;
}

/* ---- identity of the build: binding.py refuses a library that was built from other sources ------- */

#define FT_ENTRY(name) \
    if (strcmp(kernel, #name) == 0) return (int64_t)sizeof(struct ft_##name##_args);

/* Size in bytes of a kernel's arguments, or -1 if this build has no such kernel. */
FT_EXPORT int64_t ft_abi(const char *kernel)
{
    FT_ENTRY(philox)
    FT_ENTRY(numerics)
    FT_ENTRY(uniform)
    FT_ENTRY(retrieve)
    FT_ENTRY(score)
    FT_ENTRY(select)
    FT_ENTRY(serve)
    FT_ENTRY(encounter)
    FT_ENTRY(encounter_fitted)
    FT_ENTRY(learn)
    FT_ENTRY(recall)
    FT_ENTRY(estimate)
    FT_ENTRY(count)
    FT_ENTRY(tally)
    FT_ENTRY(auction)
    FT_ENTRY(lucky)
    FT_ENTRY(embed)
    return -1;
}

/* Digest of the sources that this library was built from (build.py: source_digest). */
FT_EXPORT const char *ft_source(void) { return FT_SOURCE; }
