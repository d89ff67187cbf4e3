/* Philox over 16 lanes with the vector units of a CPU; the numbers are those of ft_philox4x32.
 *
 * The elementary functions need no such help: a loop of 16 over ft_log32 and its kin vectorises as it stands.
 */
#ifndef FT_LANES_H
#define FT_LANES_H

#include "encounter.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define FT_LANES 16

#if defined(__AVX512F__)

/* Low and high halves of 16 products of 32 by 32 bits, from two multiplications of 8 lanes. Masked
 * shuffles move and merge in one instruction, on the port that multiplications leave free. */
FT_FN __m512i ft_mul16(__m512i a, __m512i m, __m512i *low)
{
    __m512i even = _mm512_mul_epu32(a, m), odd = _mm512_mul_epu32(_mm512_shuffle_epi32(a, 0xF5), m);
    *low = _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, 0xA0);
    return _mm512_mask_shuffle_epi32(odd, 0x5555, even, 0xF5);
}

FT_FN void ft_philox_round(__m512i v[4], __m512i k0, __m512i k1)
{
    __m512i low0, low1;
    __m512i high0 = ft_mul16(v[0], _mm512_set1_epi64(FT_PHILOX_M0), &low0);
    __m512i high1 = ft_mul16(v[2], _mm512_set1_epi64(FT_PHILOX_M1), &low1);
    v[0] = _mm512_ternarylogic_epi32(high1, v[1], k0, 0x96);
    v[2] = _mm512_ternarylogic_epi32(high0, v[3], k1, 0x96);
    v[1] = low1; v[3] = low0;
}

FT_FN void ft_philox_lanes(uint32_t c[4][FT_LANES], uint32_t k0, uint32_t k1)
{
    __m512i v[4];
    for (int w = 0; w < 4; w++) v[w] = _mm512_loadu_si512(c[w]);
    for (int r = 0; r < 10; r++) {
        ft_philox_round(v, _mm512_set1_epi32((int)k0), _mm512_set1_epi32((int)k1));
        k0 += FT_PHILOX_W0; k1 += FT_PHILOX_W1;
    }
    for (int w = 0; w < 4; w++) _mm512_storeu_si512(c[w], v[w]);
}

/* Two groups of lanes under two keys, advancing together: each hides the latency of the other. */
FT_FN void ft_philox_twice(uint32_t a[4][FT_LANES], uint32_t b[4][FT_LANES], uint32_t k0,
                           uint32_t ka, uint32_t kb)
{
    __m512i v[4], w[4];
    for (int i = 0; i < 4; i++) { v[i] = _mm512_loadu_si512(a[i]); w[i] = _mm512_loadu_si512(b[i]); }
    for (int r = 0; r < 10; r++) {
        __m512i key = _mm512_set1_epi32((int)k0);
        ft_philox_round(v, key, _mm512_set1_epi32((int)ka));
        ft_philox_round(w, key, _mm512_set1_epi32((int)kb));
        k0 += FT_PHILOX_W0; ka += FT_PHILOX_W1; kb += FT_PHILOX_W1;
    }
    for (int i = 0; i < 4; i++) { _mm512_storeu_si512(a[i], v[i]); _mm512_storeu_si512(b[i], w[i]); }
}
#define FT_PHILOX_TWICE

#elif defined(__AVX2__)

FT_FN __m256i ft_mul8(__m256i a, __m256i m, __m256i *low)
{
    __m256i even = _mm256_mul_epu32(a, m), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), m);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

/* Two groups of 8 lanes advance together: the multiplications of one hide the latency of the other. */
FT_FN void ft_philox_lanes(uint32_t c[4][FT_LANES], uint32_t k0, uint32_t k1)
{
    const __m256i m0 = _mm256_set1_epi64x(FT_PHILOX_M0), m1 = _mm256_set1_epi64x(FT_PHILOX_M1);
    __m256i v[4][2];
    for (int w = 0; w < 4; w++)
        for (int h = 0; h < 2; h++) v[w][h] = _mm256_loadu_si256((const void *)(c[w] + 8 * h));
    for (int r = 0; r < 10; r++) {
        __m256i key0 = _mm256_set1_epi32((int)k0), key1 = _mm256_set1_epi32((int)k1);
        for (int h = 0; h < 2; h++) {
            __m256i low0, low1, high0 = ft_mul8(v[0][h], m0, &low0), high1 = ft_mul8(v[2][h], m1, &low1);
            v[0][h] = _mm256_xor_si256(_mm256_xor_si256(high1, v[1][h]), key0);
            v[2][h] = _mm256_xor_si256(_mm256_xor_si256(high0, v[3][h]), key1);
            v[1][h] = low1; v[3][h] = low0;
        }
        k0 += FT_PHILOX_W0; k1 += FT_PHILOX_W1;
    }
    for (int w = 0; w < 4; w++)
        for (int h = 0; h < 2; h++) _mm256_storeu_si256((void *)(c[w] + 8 * h), v[w][h]);
}

#else

FT_FN void ft_philox_lanes(uint32_t c[4][FT_LANES], uint32_t k0, uint32_t k1)
{
    for (int r = 0; r < 10; r++) {
        for (int i = 0; i < FT_LANES; i++) {
            uint64_t p0 = (uint64_t)FT_PHILOX_M0 * c[0][i], p1 = (uint64_t)FT_PHILOX_M1 * c[2][i];
            c[0][i] = (uint32_t)(p1 >> 32) ^ c[1][i] ^ k0;
            c[2][i] = (uint32_t)(p0 >> 32) ^ c[3][i] ^ k1;
            c[1][i] = (uint32_t)p1; c[3][i] = (uint32_t)p0;
        }
        k0 += FT_PHILOX_W0; k1 += FT_PHILOX_W1;
    }
}

#endif

#ifndef FT_PHILOX_TWICE
FT_FN void ft_philox_twice(uint32_t a[4][FT_LANES], uint32_t b[4][FT_LANES], uint32_t k0,
                           uint32_t ka, uint32_t kb)
{
    ft_philox_lanes(a, k0, ka);
    ft_philox_lanes(b, k0, kb);
}
#endif

/* Bit i of the result says whether a[i] == x, for 16 lanes. */
FT_FN uint32_t ft_equal16(const uint32_t *a, uint32_t x)
{
#if defined(__AVX512F__)
    return _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(a), _mm512_set1_epi32((int)x));
#elif defined(__AVX2__)
    __m256i v = _mm256_set1_epi32((int)x);
    __m256i p = _mm256_cmpeq_epi32(_mm256_loadu_si256((const void *)a), v);
    __m256i q = _mm256_cmpeq_epi32(_mm256_loadu_si256((const void *)(a + 8)), v);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(p))
         | (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(q)) << 8;
#else
    uint32_t equal = 0;
    for (int i = 0; i < FT_LANES; i++) equal |= (uint32_t)(a[i] == x) << i;
    return equal;
#endif
}

/* The same for 64 lanes. */
FT_FN uint64_t ft_equal64(const uint32_t *a, uint32_t x)
{
    uint64_t equal = 0;
    for (int j = 0; j < 4; j++) equal |= (uint64_t)ft_equal16(a + 16 * j, x) << (16 * j);
    return equal;
}

#endif
