/* gemm_row.h - one row against B as it lies, and outer products: the whole time goes into reading B, or writing C, once
 *
 * A row of C that fits the registers stays there, and B is one forward stream. For longer ones eight rows of B are read side by
 * side while y stays in L1: eight streams that the prefetcher follows, where column blocks would jump a row ahead at every
 * step. With k of 1 or 2 the rows of C are such streams.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_ROW_STREAMS 8

/* Whether the product takes this path; narrow ones stay in the registers of a tile. */
static int NNI_FN(gemm_is_row)(const nni_gemm *g) {
    if (g->b_col != 1 || g->packed_b || g->alpha != 1.0f) return 0;
    const int ragged = !VF_FREE_MASK && g->n % VF_LANES != 0;
    return (g->m == 1 && (g->n > 4 * VF_LANES || ragged)) || (g->k == 2 && g->n >= 512) || (g->k == 1 && g->n > 64);
}

/* y[j] = beta*y[j] + x[0]*b[0][j] + ... + x[rows-1]*b[rows-1][j], in that order, for a vector of j. */
NNI_INLINE void NNI_FN(gemm_row_vector)(const int rows, float *y, const vf *x, const float *b, size_t ldb, float beta) {
    vf sum = beta == 0.0f ? vf_set1(0.0f) : vf_mul(vf_set1(beta), vf_load(y));
    NNI_UNROLL for (int r = 0; r < rows; r++) sum = vf_fma(x[r], vf_load(b + (size_t)r * ldb), sum);
    vf_store(y, sum);
}

/* The same for n >= VF_LANES of them. Where y is not read, vectors may share elements, which come out the same: so its first
 * one brings the others to their alignment, since a store that meets two lines costs two, and its last one needs no mask. */
NNI_INLINE void NNI_FN(gemm_row_step)(const int rows, float *y, const float *x, size_t x_stride, const float *b, size_t ldb,
                                      size_t n, float beta) {
    vf xv[NNI_ROW_STREAMS];
    NNI_UNROLL for (int r = 0; r < rows; r++) xv[r] = vf_set1(x[(size_t)r * x_stride]);
    const vf scale = vf_set1(beta);
    size_t j = 0;
    if (beta == 0.0f) {
        NNI_FN(gemm_row_vector)(rows, y, xv, b, ldb, beta);
        j = VF_LANES - (uintptr_t)y / sizeof(float) % VF_LANES;
    }
    for (; j + 4 * VF_LANES <= n; j += 4 * VF_LANES) {
        vf sum[4];
        NNI_UNROLL for (int v = 0; v < 4; v++) sum[v] = vf_set1(0.0f);
        if (beta != 0.0f) {
            NNI_UNROLL for (int v = 0; v < 4; v++) sum[v] = vf_mul(scale, vf_load(y + j + v * VF_LANES));
        }
        NNI_UNROLL for (int r = 0; r < rows; r++)
            NNI_UNROLL for (int v = 0; v < 4; v++)
                sum[v] = vf_fma(xv[r], vf_load(b + (size_t)r * ldb + j + v * VF_LANES), sum[v]);
        NNI_UNROLL for (int v = 0; v < 4; v++) vf_store(y + j + v * VF_LANES, sum[v]);
    }
    for (; j + VF_LANES <= n || (beta == 0.0f && j < n); j += VF_LANES) {
        j = nni_min(j, n - VF_LANES);
        NNI_FN(gemm_row_vector)(rows, y + j, xv, b + j, ldb, beta);
    }
    if (j < n) {
        vf sum = vf_mul(scale, vf_load_n(y + j, n - j));
        for (size_t r = 0; r < (size_t)rows; r++) sum = vf_fma(vf_set1(x[r * x_stride]), vf_load_n(b + r * ldb + j, n - j), sum);
        vf_store_n(y + j, sum, n - j);
    }
}

/* The same for all rows of B, with y, of `vectors` vectors, in registers, the last one again overlapping. */
NNI_INLINE void NNI_FN(gemm_row_short)(const int vectors, const nni_gemm *g, float *y, const float *x) {
    vf sum[NNI_ROW_VECTORS];
    const size_t last = vectors == 1 ? 0 : g->n - VF_LANES;
    const vm mask = vm_first(vectors == 1 ? g->n : VF_LANES);
    const vf beta = vf_set1(g->beta);
    NNI_UNROLL for (int v = 0; v < vectors; v++) sum[v] = vf_set1(0.0f);
    if (g->beta != 0.0f) {
        NNI_UNROLL for (int v = 0; v < vectors - 1; v++) sum[v] = vf_mul(beta, vf_load(y + v * VF_LANES));
        sum[vectors - 1] = vf_mul(beta, vectors == 1 ? vf_load_m(y, mask) : vf_load(y + last));
    }
    const float *b = g->b;
    for (size_t p = 0; p < g->k; p++, b += g->b_row) {
        const vf xv = vf_set1(x[p * g->a_col]);
        NNI_UNROLL for (int v = 0; v < vectors - 1; v++) sum[v] = vf_fma(xv, vf_load(b + v * VF_LANES), sum[v]);
        sum[vectors - 1] = vf_fma(xv, vectors == 1 ? vf_load_m(b, mask) : vf_load(b + last), sum[vectors - 1]);
    }
    NNI_UNROLL for (int v = 0; v < vectors - 1; v++) vf_store(y + v * VF_LANES, sum[v]);
    if (vectors == 1) vf_store_m(y, sum[0], mask);
    else vf_store(y + last, sum[vectors - 1]);
}

static void NNI_FN(gemm_row)(const nni_gemm *g, float *c, const float *a) {
    if (g->n <= (size_t)NNI_ROW_VECTORS * VF_LANES)
        switch ((g->n - 1) / VF_LANES + 1) { /* the sums live in registers only if their number is a constant */
#define NNI_ROW_CASE(count) case count: if (count <= NNI_ROW_VECTORS) NNI_FN(gemm_row_short)(count, g, c, a); return;
        NNI_ROW_CASE(1) NNI_ROW_CASE(2) NNI_ROW_CASE(3) NNI_ROW_CASE(4) NNI_ROW_CASE(5) NNI_ROW_CASE(6) NNI_ROW_CASE(7)
        NNI_ROW_CASE(8) NNI_ROW_CASE(9) NNI_ROW_CASE(10) NNI_ROW_CASE(11) NNI_ROW_CASE(12) NNI_ROW_CASE(13) NNI_ROW_CASE(14)
        NNI_ROW_CASE(15) NNI_ROW_CASE(16) NNI_ROW_CASE(17) NNI_ROW_CASE(18) NNI_ROW_CASE(19) NNI_ROW_CASE(20)
        NNI_ROW_CASE(21) NNI_ROW_CASE(22) NNI_ROW_CASE(23) NNI_ROW_CASE(24) NNI_ROW_CASE(25) NNI_ROW_CASE(26)
#undef NNI_ROW_CASE
        }
    float beta = g->beta;
    size_t p = 0;
    for (; p + NNI_ROW_STREAMS <= g->k; p += NNI_ROW_STREAMS, beta = 1.0f)
        NNI_FN(gemm_row_step)(NNI_ROW_STREAMS, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
    for (; p < g->k; p++, beta = 1.0f)
        NNI_FN(gemm_row_step)(1, c, a + p * g->a_col, g->a_col, g->b + p * g->b_row, g->b_row, g->n, beta);
}

/* One row against `panels` packed panels side by side, each a stream and a set of sums of its own. */
NNI_INLINE void NNI_FN(gemm_packed_step)(const int panels, const nni_gemm *g, size_t j) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    vf sum[4 * NNI_LARGE_VECTORS];
    float *c = g->c + j;
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES, left = j + at < g->n ? nni_min(g->n - j - at, VF_LANES) : 0;
        sum[s] = g->beta == 0.0f || !left ? vf_set1(0.0f) : vf_mul(vf_set1(g->beta), vf_load_n(c + at, left));
    }
    const float *b = g->packed_b + j * g->k;
    for (size_t p = 0; p < g->k; p++) {
        const vf x = vf_set1(g->a[p * g->a_col]);
        NNI_UNROLL for (int q = 0; q < panels; q++)
            NNI_UNROLL for (int v = 0; v < NNI_LARGE_VECTORS; v++) {
                const int s = q * NNI_LARGE_VECTORS + v;
                sum[s] = vf_fma(x, vf_load(b + (size_t)q * width * g->k + p * width + v * VF_LANES), sum[s]);
            }
    }
    NNI_UNROLL for (int s = 0; s < panels * NNI_LARGE_VECTORS; s++) {
        const size_t at = (size_t)s * VF_LANES;
        if (j + at < g->n) vf_store_n(c + at, sum[s], nni_min(g->n - j - at, VF_LANES));
    }
}

static void NNI_FN(gemm_packed_row)(const nni_gemm *g) {
    const size_t width = NNI_LARGE_VECTORS * VF_LANES;
    size_t j = 0;
    for (; j + 3 * width < g->n; j += 4 * width) NNI_FN(gemm_packed_step)(4, g, j);
    for (; j < g->n; j += width) NNI_FN(gemm_packed_step)(1, g, j);
}

static void NNI_FN(gemm_rows)(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->ldc;
        const float *a = g->a + i * g->a_row;
        if (g->k == 1 && g->n >= VF_LANES) NNI_FN(gemm_row_step)(1, c, a, 0, g->b, 0, g->n, g->beta);
        else NNI_FN(gemm_row)(g, c, a);
    }
}

#endif /* NNI_ISA */
