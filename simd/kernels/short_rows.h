/* short_rows.h - rows of few floats, several at a time: turned so that a vector holds one column of VF_LANES rows
 *
 * A row of 10 leaves 6 of 16 lanes idle and must be folded across lanes for its maximum and its sum. Turned, no lane is
 * idle and nothing is folded. The sums follow the same tree as 16 lanes folded, so that both ways give the same bits and
 * either may run.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_SHORT 16 /* the longest rows that are turned */

/* How many of the first rows to turn: all that fill blocks, and the rest if that takes no more vectors than row by row. */
NNI_INLINE size_t NNI_FN(rows_to_turn)(size_t rows, size_t n) {
    if (n > NNI_SHORT) return 0;
    const size_t rest = rows % VF_LANES;
    return rest * nni_ceil_div(n, VF_LANES) >= n ? rows : rows - rest;
}

/* Lane r of column[j] becomes x[r*n + j], for n <= NNI_SHORT and rows <= VF_LANES; further lanes become 0. */
static void NNI_FN(load_columns)(vf *column, const float *x, size_t rows, size_t n) {
    if (n == 1) {
        column[0] = vf_load_n(x, rows);
        return;
    }
    for (size_t j = 0; j < n; j += VF_LANES) {
        const size_t count = nni_min(n - j, VF_LANES);
        vf r[VF_LANES];
        NNI_UNROLL for (int i = 0; i < VF_LANES; i++)
            r[i] = (size_t)i < rows ? vf_load_n(x + (size_t)i * n + j, count) : vf_set1(0.0f);
        vf_transpose(r);
        NNI_UNROLL for (int i = 0; i < VF_LANES; i++) column[j + (size_t)i] = r[i];
    }
}

/* The way back; what column holds beyond n is not looked at. */
static void NNI_FN(store_columns)(float *y, const vf *column, size_t rows, size_t n) {
    if (n == 1) {
        vf_store_n(y, column[0], rows);
        return;
    }
    for (size_t j = 0; j < n; j += VF_LANES) {
        const size_t count = nni_min(n - j, VF_LANES);
        vf r[VF_LANES];
        NNI_UNROLL for (int i = 0; i < VF_LANES; i++) r[i] = column[j + (size_t)i];
        vf_transpose(r);
        NNI_UNROLL for (int i = 0; i < VF_LANES; i++)
            if ((size_t)i < rows) vf_store_n(y + (size_t)i * n + j, r[i], count);
    }
}

/* The sum of n > 0 columns, which are spent: column i with i+8, then i+4, ... as fold16 does. Columns from n on count as
 * zeros and are left out: no column may hold -0. */
static vf NNI_FN(fold_columns)(vf *column, size_t n) {
    for (size_t half = 8; half > 0; n = nni_min(n, half), half /= 2)
        for (size_t i = 0; i + half < n; i++) column[i] = vf_add(column[i], column[i + half]);
    return column[0];
}

/* The largest of n columns; NaN where there is one; never -0. */
NNI_INLINE vf NNI_FN(max_columns)(const vf *column, size_t n) {
    vf top = vf_set1(-INFINITY);
    for (size_t j = 0; j < n; j++) top = vf_max(column[j], top);
    return vf_add(top, vf_set1(0.0f));
}

/* column[j] = e^(column[j] - top); their sum is returned. */
static vf NNI_FN(exp_columns)(vf *column, size_t n, vf top) {
    vf sum[NNI_SHORT];
    for (size_t j = 0; j < n; j++) sum[j] = column[j] = NNI_FN(vexp)(vf_sub(column[j], top));
    return NNI_FN(fold_columns)(sum, n);
}

#endif /* NNI_ISA */
