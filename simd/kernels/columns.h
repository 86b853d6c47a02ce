/* columns.h - sums over the rows of a matrix, one for each column
 *
 * Columns are independent chains, so any number of lanes gives the same bits. Down a column, eight rows at a time form a
 * chain of their own whose result is added to the sum, then the rows left over are added one by one. The sums of some
 * vectors of columns stay in registers all the way down.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

#define NNI_ROWS_CHAINED 8
#define NNI_SUMS_HELD 4 /* vectors of sums that stay in registers, beside as many of chains */

/* Adds what row `row` contributes at column j to the one or two sums of VF_LANES columns. `whole` says that all lanes are
 * inside the matrix; else `valid` says which. */
typedef void (*NNI_FN(column_fn))(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole, vm valid);

NNI_INLINE vf NNI_FN(column_load)(const float *p, const int whole, vm valid) {
    return whole ? vf_load(p) : vf_load_m(p, valid);
}
NNI_INLINE void NNI_FN(column_store)(float *p, vf v, const int whole, vm valid) {
    if (whole) vf_store(p, v);
    else vf_store_m(p, v, valid);
}

/* Rows row .. row + rows - 1 of `vectors` vectors of columns, as chains that are added to the sums. */
NNI_INLINE void NNI_FN(column_chain)(NNI_FN(column_fn) f, const int sums, const int vectors, const int rows, vf *sum,
                                     const nni_strip *s, size_t row, size_t j, const int whole, vm valid) {
    vf chain[NNI_SUMS_HELD];
    NNI_UNROLL for (int i = 0; i < sums * vectors; i++) chain[i] = vf_set1(0.0f);
    NNI_UNROLL for (int r = 0; r < rows; r++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            f(chain + v * sums, s, row + (size_t)r, j + (size_t)(v * VF_LANES), whole, valid);
    NNI_UNROLL for (int i = 0; i < sums * vectors; i++) sum[i] = vf_add(sum[i], chain[i]);
}

/* All rows of some columns, whose sums stay in registers. */
NNI_INLINE void NNI_FN(column_tile)(NNI_FN(column_fn) f, const int sums, const int vectors, float *sum, const nni_strip *s,
                                    size_t j, const int whole, vm valid) {
    vf total[NNI_SUMS_HELD];
    size_t row = 0;
    NNI_UNROLL for (int i = 0; i < sums * vectors; i++) total[i] = vf_set1(0.0f);
    for (; row + NNI_ROWS_CHAINED <= s->rows; row += NNI_ROWS_CHAINED)
        NNI_FN(column_chain)(f, sums, vectors, NNI_ROWS_CHAINED, total, s, row, j, whole, valid);
    for (; row < s->rows; row++) NNI_FN(column_chain)(f, sums, vectors, 1, total, s, row, j, whole, valid);
    NNI_UNROLL for (int i = 0; i < sums; i++)
        NNI_UNROLL for (int v = 0; v < vectors; v++)
            NNI_FN(column_store)(sum + (size_t)i * s->n + j + (size_t)(v * VF_LANES), total[v * sums + i], whole, valid);
}

/* The first of two sums goes to sum[0..n), the second to sum[n..2n). */
NNI_INLINE void NNI_FN(column_sums)(NNI_FN(column_fn) f, const int sums, float *sum, const nni_strip *s) {
    const int vectors = NNI_SUMS_HELD / sums;
    size_t j = 0;
    for (; j + (size_t)(vectors * VF_LANES) <= s->n; j += (size_t)(vectors * VF_LANES))
        NNI_FN(column_tile)(f, sums, vectors, sum, s, j, 1, vm_first(VF_LANES));
    for (; j + VF_LANES <= s->n; j += VF_LANES) NNI_FN(column_tile)(f, sums, 1, sum, s, j, 1, vm_first(VF_LANES));
    if (j < s->n) NNI_FN(column_tile)(f, sums, 1, sum, s, j, 0, vm_first(s->n - j));
}

NNI_INLINE void NNI_FN(column_sum)(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole, vm valid) {
    sum[0] = vf_add(sum[0], NNI_FN(column_load)(s->x + row * s->stride + j, whole, valid));
}

/* x - mean, and its square: moments about a value close to the mean, which lose nothing where that is far from 0. */
NNI_INLINE void NNI_FN(column_moments)(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole, vm valid) {
    const vf x = NNI_FN(column_load)(s->x + row * s->stride + j, whole, valid);
    const vf distance = vf_sub(x, NNI_FN(column_load)(s->mean + j, whole, valid));
    sum[0] = vf_add(sum[0], distance);
    sum[1] = vf_fma(distance, distance, sum[1]);
}

/* dy, and dy*(x - mean) with the mean of the column. */
NNI_INLINE void NNI_FN(column_products)(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole, vm valid) {
    const vf x = NNI_FN(column_load)(s->x + row * s->stride + j, whole, valid);
    const vf dy = NNI_FN(column_load)(s->dy + row * s->stride + j, whole, valid);
    sum[0] = vf_add(sum[0], dy);
    sum[1] = vf_fma(dy, vf_sub(x, NNI_FN(column_load)(s->mean + j, whole, valid)), sum[1]);
}

/* dy, and dy*(x - mean)*inverse with the mean and the inverse deviation of the row. */
NNI_INLINE void NNI_FN(column_products_by_row)(vf *sum, const nni_strip *s, size_t row, size_t j, const int whole,
                                               vm valid) {
    const vf x = NNI_FN(column_load)(s->x + row * s->stride + j, whole, valid);
    const vf dy = NNI_FN(column_load)(s->dy + row * s->stride + j, whole, valid);
    sum[0] = vf_add(sum[0], dy);
    sum[1] = vf_fma(dy, vf_mul(vf_sub(x, vf_set1(s->mean[row])), vf_set1(s->inverse[row])), sum[1]);
}

static void NNI_FN(columns_sum)(float *sum, const nni_strip *s) { NNI_FN(column_sums)(NNI_FN(column_sum), 1, sum, s); }
static void NNI_FN(columns_moments)(float *sum, const nni_strip *s) { NNI_FN(column_sums)(NNI_FN(column_moments), 2, sum, s); }
static void NNI_FN(columns_products)(float *sum, const nni_strip *s) {
    NNI_FN(column_sums)(NNI_FN(column_products), 2, sum, s);
}
static void NNI_FN(columns_products_by_row)(float *sum, const nni_strip *s) {
    NNI_FN(column_sums)(NNI_FN(column_products_by_row), 2, sum, s);
}

#undef NNI_SUMS_HELD
#undef NNI_ROWS_CHAINED
#endif /* NNI_ISA */
