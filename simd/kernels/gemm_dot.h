/* gemm_dot.h - few rows against a transposed B: every element of C a dot product in 16 lanes, nothing copied
 *
 * Both operands run along k, so the sums are kept per lane (16 of them on every ISA: VF_WIDE vectors) and folded once at
 * the end. VF_LANES products are folded together: a block of `rows` x `cols`, repeated until there are VF_LANES.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* products[s] for s = i*cols + j: the lane sums of row i of a with row j of b, folded down to VF_LANES lanes.
 * Rows of b from `valid` on do not exist; the last one is read in their place. */
NNI_INLINE void NNI_FN(dot_block)(const int rows, const int cols, vf *products, const float *a, size_t a_row, const float *b,
                                  size_t b_col, size_t k, size_t valid) {
    vf sum[16 * NNI_WIDE];
    const float *bj[16];
    NNI_UNROLL for (int s = 0; s < rows * cols * NNI_WIDE; s++) sum[s] = vf_set1(0.0f);
    NNI_UNROLL for (int j = 0; j < cols; j++) bj[j] = b + nni_min((size_t)j, valid - 1) * b_col;

    size_t p = 0;
    for (; p + 16 <= k; p += 16)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            vf av[4];
            NNI_UNROLL for (int i = 0; i < rows; i++) av[i] = vf_load(a + (size_t)i * a_row + p + (size_t)(w * VF_LANES));
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const vf bv = vf_load(bj[j] + p + w * VF_LANES);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = vf_fma(av[i], bv, sum[s]);
                }
            }
        }
    if (p < k)
        NNI_UNROLL for (int w = 0; w < NNI_WIDE; w++) {
            const size_t begin = p + (size_t)(w * VF_LANES), left = begin < k ? nni_min(k - begin, VF_LANES) : 0;
            if (left == 0) continue;
            NNI_UNROLL for (int j = 0; j < cols; j++) {
                const vf bv = vf_load_n(bj[j] + begin, left);
                NNI_UNROLL for (int i = 0; i < rows; i++) {
                    const int s = (i * cols + j) * NNI_WIDE + w;
                    sum[s] = vf_fma(vf_load_n(a + (size_t)i * a_row + begin, left), bv, sum[s]);
                }
            }
        }

    NNI_UNROLL for (int s = 0; s < rows * cols; s++) {
        vf *lanes = sum + s * NNI_WIDE;
        NNI_UNROLL for (int half = NNI_WIDE / 2; half > 0; half /= 2)
            NNI_UNROLL for (int w = 0; w < half; w++) lanes[w] = vf_add(lanes[w], lanes[w + half]);
        products[s] = lanes[0];
    }
}

/* `rows` rows of C, VF_LANES/rows columns at a time. */
NNI_INLINE void NNI_FN(dot_rows)(const int rows, const int cols, const nni_gemm *g, size_t i0) {
    const int blocks = VF_LANES / (rows * cols);
    const size_t step = (size_t)(VF_LANES / rows);
    const float *a = g->a + i0 * g->a_row;
    for (size_t j0 = 0; j0 < g->n; j0 += step) {
        vf products[VF_LANES];
        float folded[VF_LANES];
        NNI_UNROLL for (int s = 0; s < blocks; s++) {
            const size_t j = nni_min(j0 + (size_t)(s * cols), g->n - 1);
            NNI_FN(dot_block)(rows, cols, products + s * rows * cols, a, g->a_row, g->b + j * g->b_col, g->b_col, g->k,
                              g->n - j);
        }
        vf_store(folded, vf_fold_each(products));
        for (int s = 0; s < blocks; s++)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < cols; j++) {
                    const size_t column = j0 + (size_t)(s * cols + j);
                    if (column >= g->n) break;
                    float *c = g->c + (i0 + (size_t)i) * g->ldc + column;
                    const float product = folded[(s * rows + i) * cols + j];
                    *c = g->beta == 0.0f ? product : g->beta * *c + product;
                }
    }
}

static void NNI_FN(gemm_dot)(const nni_gemm *g) {
    size_t i = 0;
    for (; i + NNI_DOT_ROWS <= g->m; i += NNI_DOT_ROWS) NNI_FN(dot_rows)(NNI_DOT_ROWS, NNI_DOT_COLS, g, i);
    if (NNI_DOT_ROWS > 2)
        for (; i + 2 <= g->m; i += 2) NNI_FN(dot_rows)(2, NNI_DOT_ROWS * NNI_DOT_COLS / 2, g, i);
    for (; i < g->m; i++) NNI_FN(dot_rows)(1, NNI_DOT_ROWS * NNI_DOT_COLS, g, i);
}

#endif /* NNI_ISA */
