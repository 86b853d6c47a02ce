/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so sums are kept per lane, 16 of them on every ISA (NNI_WIDE vectors), and folded at the end:
 * VF_LANES columns of a row of C at once, which then are stored as a vector.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* products[i*VF_LANES + j]: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes. Rows of b from
 * `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void NNI_FN(dot_block)(const int rows, const int cols, vf *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    vf sum[24];
    const float *row_b[8];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = vf_set1(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) row_b[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            vf av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = vf_keep(vf_load(a + (size_t)i * a_row + p + w * VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const vf bv = vf_keep(vf_load(row_b[j] + p + w * VF_LANES));
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = vf_fma(av[i], bv, sum[s]);
                }
            }
        }
    NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
        const size_t begin = p + (size_t)(w * VF_LANES);
        if (begin < k) {
            const size_t left = nni_min(k - begin, VF_LANES);
            vf av[NNI_DOT_ROWS];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = vf_load_last(a + (size_t)i * a_row + begin, left);
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const vf bv = vf_load_last(row_b[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = vf_fma(av[i], bv, sum[s]);
                }
            }
        }
    }
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < cols; j++) {
            vf *lanes = sum + (i * cols + j) * NNI_WIDE;
            NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
                NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = vf_add(lanes[w], lanes[w + half]);
            products[i * VF_LANES + j] = lanes[0];
        }
}

/* `rows` rows of C, VF_LANES columns from j0 on. A single row takes twice the columns at a time: four sums would wait for
 * each other. */
NNI_INLINE void NNI_FN(dot_rows)(const int rows, const nni_gemm *g, size_t i0, size_t j0) {
    const int cols = rows == 1 && 2 * NNI_DOT_COLS <= VF_LANES ? 2 * NNI_DOT_COLS : NNI_DOT_COLS;
    const float *a = g->a + i0 * g->a_row;
    const vf beta = vf_set1(g->beta);
    const size_t width = nni_min(g->n - j0, VF_LANES);
    vf products[NNI_DOT_ROWS * VF_LANES];
    for (int s = 0; s < VF_LANES; s += cols) {
        const size_t j = nni_min(j0 + (size_t)s, g->n - 1);
        NNI_FN(dot_block)(rows, cols, products + s, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k, g->n - j);
    }
    for (int i = 0; i < rows; i++) {
        float *c = g->c + (i0 + (size_t)i) * g->ldc + j0;
        vf y = vf_fold_each(products + i * VF_LANES);
        if (g->beta != 0.0f) y = vf_add(vf_mul(beta, vf_load_n(c, width)), y);
        if (width == VF_LANES) vf_store(c, y);
        else vf_store_n(c, y, width);
    }
}

/* The rows of A in groups; each meets the same few rows of B while these are in L1. */
static void NNI_FN(gemm_dot)(const nni_gemm *g) {
    const size_t groups = nni_ceil_div(g->m, NNI_DOT_ROWS), least = g->m / groups, taller = g->m % groups;
    for (size_t j = 0; j < g->n; j += VF_LANES)
        for (size_t t = 0, i = 0, rows; t < groups; t++, i += rows) {
            rows = least + (t < taller);
            switch (rows) { /* the sums live in registers only if their number is a constant */
            case 1: NNI_FN(dot_rows)(1, g, i, j); break;
#define NNI_DOT_CASE(count) case count: if (count <= NNI_DOT_ROWS) NNI_FN(dot_rows)(count, g, i, j); break;
            NNI_DOT_CASE(2) NNI_DOT_CASE(3) NNI_DOT_CASE(4) NNI_DOT_CASE(5) NNI_DOT_CASE(6)
#undef NNI_DOT_CASE
            }
        }
}

#endif /* NNI_ISA */
