/* Philox over 16 lanes with the vector units of a CPU; the numbers are those of ft_philox4x32.
 *
 * The elementary functions need no such help: a loop of 16 over ft_log32 and its kin vectorises as it stands.
 */
#ifndef FT_LANES_H
#define FT_LANES_H

#include "encounter.h"

#define FT_LANES 16

#if defined(__AVX512F__)
#include <immintrin.h>

/* Low and high halves of 16 products of 32 by 32 bits, from two multiplications of 8 lanes. */
FT_FN __m512i ft_mul16(__m512i a, __m512i m, __m512i *low)
{
    __m512i even = _mm512_mul_epu32(a, m), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), m);
    *low = _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
    return _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
}

FT_FN void ft_philox_lanes(uint32_t c[4][FT_LANES], uint32_t k0, uint32_t k1)
{
    const __m512i m0 = _mm512_set1_epi64(FT_PHILOX_M0), m1 = _mm512_set1_epi64(FT_PHILOX_M1);
    __m512i c0 = _mm512_loadu_si512(c[0]), c1 = _mm512_loadu_si512(c[1]);
    __m512i c2 = _mm512_loadu_si512(c[2]), c3 = _mm512_loadu_si512(c[3]);
    for (int r = 0; r < 10; r++) {
        __m512i low0, low1, high0 = ft_mul16(c0, m0, &low0), high1 = ft_mul16(c2, m1, &low1);
        c0 = _mm512_xor_si512(_mm512_xor_si512(high1, c1), _mm512_set1_epi32((int)k0));
        c2 = _mm512_xor_si512(_mm512_xor_si512(high0, c3), _mm512_set1_epi32((int)k1));
        c1 = low1; c3 = low0;
        k0 += FT_PHILOX_W0; k1 += FT_PHILOX_W1;
    }
    _mm512_storeu_si512(c[0], c0); _mm512_storeu_si512(c[1], c1);
    _mm512_storeu_si512(c[2], c2); _mm512_storeu_si512(c[3], c3);
}

#elif defined(__AVX2__)
#include <immintrin.h>

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

#endif
