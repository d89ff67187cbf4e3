/* Exact integer dot products of 50 entries: int8 items against an int8 or int16 vector of a user.
 *
 * Integers add up to the same number in any order, so each build may use the widest instruction it has.
 * The largest sum, 50 * 32768 * 128, fits 32 bits.
 */
#ifndef FT_DOTS_H
#define FT_DOTS_H

#include "lanes.h"

#define FT_D 50

/* Entries 48 and 49 of a vector, then zeros: what is left after whole registers of 16. Made in a register,
 * because memory that was just written in small pieces is slow to read in large ones. */
FT_FN void ft_tail_i8(const int8_t *v, int8_t tail[16])
{
#if defined(__SSE2__)
    _mm_storeu_si128((void *)tail, _mm_srli_si128(_mm_loadu_si128((const void *)(v + 34)), 14));
#else
    for (int i = 0; i < 16; i++) tail[i] = i < 2 ? v[48 + i] : 0;
#endif
}

FT_FN void ft_tail_i16(const int16_t *v, int16_t tail[16])
{
#if defined(__SSE2__)
    _mm_storeu_si128((void *)tail, _mm_srli_si128(_mm_loadu_si128((const void *)(v + 42)), 12));
    _mm_storeu_si128((void *)(tail + 8), _mm_setzero_si128());
#else
    for (int i = 0; i < 16; i++) tail[i] = i < 2 ? v[48 + i] : 0;
#endif
}

/* One side of many dot products. */
struct ft_operand {
    _Alignas(64) int16_t at[64]; /* the vector, then zeros */
#if !defined(__AVX512BW__)
    _Alignas(32) int16_t tail[16]; /* 14 zeros, then entries 48 and 49: the partner of bytes 34 to 49 */
#endif
};

FT_FN void ft_operand_tail(struct ft_operand *q)
{
#if !defined(__AVX512BW__)
    for (int i = 0; i < 16; i++) q->tail[i] = i < 14 ? 0 : q->at[34 + i];
#else
    (void)q;
#endif
}

FT_FN void ft_operand_i16(struct ft_operand *q, const int16_t *v)
{
    for (int i = 0; i < 48; i++) q->at[i] = v[i];
    ft_tail_i16(v, q->at + 48);
    ft_operand_tail(q);
}

FT_FN void ft_operand_i8(struct ft_operand *q, const int8_t *v)
{
    int8_t tail[16];
    ft_tail_i8(v, tail);
    for (int i = 0; i < 48; i++) q->at[i] = v[i];
    for (int i = 0; i < 16; i++) q->at[48 + i] = tail[i];
    ft_operand_tail(q);
}

/* 1 / max(norm, 1) of an operand, in the order of the references: integer sum, float32, sqrt, divide. */
FT_FN float ft_inverse_norm(const struct ft_operand *q)
{
    int64_t sum = 0;
    for (int i = 0; i < 64; i++) sum += (int64_t)((int32_t)q->at[i] * (int32_t)q->at[i]);
    return 1.0f / sqrtf((float)(sum > 1 ? sum : 1));
}

/* Partial sums of one dot product. `whole` promises 64 readable bytes: those beyond the vector meet zeros. */
#if defined(__AVX512BW__)

FT_FN __m512i ft_dot_lanes(const int8_t *v, const struct ft_operand *q, int whole)
{
    __m256i head = _mm256_loadu_si256((const void *)v), rest;
    if (whole) rest = _mm256_loadu_si256((const void *)(v + 32));
    else rest = _mm256_maskz_loadu_epi8((1u << (FT_D - 32)) - 1, v + 32);
    return _mm512_add_epi32(
        _mm512_madd_epi16(_mm512_cvtepi8_epi16(head), _mm512_load_si512(q->at)),
        _mm512_madd_epi16(_mm512_cvtepi8_epi16(rest), _mm512_load_si512(q->at + 32)));
}

/* Sums of neighbours of a and of b, interleaved. */
FT_FN __m512i ft_fold(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

/* Four dot products at a time: their horizontal sums share instructions. */
FT_FN void ft_dot4(const int8_t *const v[4], const struct ft_operand *q, int whole, int32_t out[4])
{
    __m512i a = ft_fold(ft_dot_lanes(v[0], q, whole), ft_dot_lanes(v[1], q, whole));
    __m512i b = ft_fold(ft_dot_lanes(v[2], q, whole), ft_dot_lanes(v[3], q, whole));
    __m512i c = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    __m256i d = _mm256_add_epi32(_mm512_castsi512_si256(c), _mm512_extracti64x4_epi64(c, 1));
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(d), _mm256_extracti128_si256(d, 1));
    _mm_storeu_si128((void *)out, sums);
}

#elif defined(__AVX2__)

FT_FN __m256i ft_dot_block(const int8_t *v, const int16_t *q)
{
    __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)v));
    return _mm256_madd_epi16(wide, _mm256_load_si256((const void *)q));
}

FT_FN __m256i ft_dot_lanes(const int8_t *v, const struct ft_operand *q)
{
    __m256i x = _mm256_add_epi32(ft_dot_block(v, q->at), ft_dot_block(v + 16, q->at + 16));
    __m256i y = _mm256_add_epi32(ft_dot_block(v + 32, q->at + 32), ft_dot_block(v + 34, q->tail));
    return _mm256_add_epi32(x, y);
}

FT_FN void ft_dot4(const int8_t *const v[4], const struct ft_operand *q, int whole, int32_t out[4])
{
    (void)whole;
    __m256i a = _mm256_hadd_epi32(ft_dot_lanes(v[0], q), ft_dot_lanes(v[1], q));
    __m256i b = _mm256_hadd_epi32(ft_dot_lanes(v[2], q), ft_dot_lanes(v[3], q));
    __m256i c = _mm256_hadd_epi32(a, b);
    __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
    _mm_storeu_si128((void *)out, sums);
}

#else

FT_FN void ft_dot4(const int8_t *const v[4], const struct ft_operand *q, int whole, int32_t out[4])
{
    (void)whole;
    for (int j = 0; j < 4; j++) {
        int32_t sum = 0;
        for (int i = 0; i < FT_D; i++) sum += (int32_t)v[j][i] * q->at[i];
        out[j] = sum;
    }
}

#endif

/* n dot products; `v` and `dot` have room up to the next multiple of four. */
FT_FN void ft_dots(const int8_t **v, int64_t n, const struct ft_operand *q, int whole, int32_t *dot)
{
    for (int64_t i = n; i & 3; i++) v[i] = v[n - 1];
    for (int64_t i = 0; i < n; i += 4) ft_dot4(v + i, q, whole, dot + i);
}

/* The same with rows of a table of vectors. */
FT_STAGE void ft_dot_rows(const int8_t *table, const uint32_t *row, int64_t n,
                          const struct ft_operand *q, int32_t *dot)
{
    const int8_t *v[8];
    for (int64_t i = 0; i < n; i += 4) {
        int64_t m = n - i < 4 ? n - i : 4;
        for (int64_t j = 0; j < m; j++) v[j] = table + (size_t)row[i + j] * FT_D;
        ft_dots(v, m, q, 0, dot + i);
    }
}

#endif
