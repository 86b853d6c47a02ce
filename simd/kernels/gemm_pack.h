/* gemm_pack.h - copies of A and B in the order in which the tiles read them
 *
 *   A, rows x k -> by k:  dst[p*rows + i] = scale * a(i,p)
 *   B, k x cols -> rows of `width` floats:  dst[p*width + j] = b(p,j), and up to the next whole vector anything
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* Columns of a block: r[p] lane i = a[i*stride + p] for i < rows <= VF_LANES, p < cols <= VF_LANES. Lanes from `rows` on
 * repeat the last row, vectors from `cols` on are zero: nobody reads either. */
NNI_INLINE void NNI_FN(pack_block)(vf *r, const float *a, size_t stride, size_t rows, size_t cols) {
    if (cols == VF_LANES) {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = vf_load(a + nni_min(i, rows - 1) * stride);
    } else {
        NNI_UNROLL for (size_t i = 0; i < VF_LANES; i++) r[i] = vf_load_n(a + nni_min(i, rows - 1) * stride, cols);
    }
    vf_transpose(r);
}

/* A panel of A, whose rows are rows in memory. Whole vectors are stored where `rows` is less than one: the floats too many are
 * overwritten by the next p, and the buffer has VF_LANES to spare behind the last panel. */
static void NNI_FN(pack_a)(float *dst, const float *a, size_t a_row, size_t rows, size_t k, float scale) {
    const vf s = vf_set1(scale);
    const int spill = rows < VF_LANES;
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        for (size_t p = 0; p < k; p += VF_LANES) {
            const size_t depth = nni_min(k - p, VF_LANES);
            vf r[VF_LANES];
            NNI_FN(pack_block)(r, a + i * a_row + p, a_row, height, depth);
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++)
                if (q < depth) {
                    const vf v = vf_mul(s, r[q]);
                    if (spill) vf_store(dst + (p + q) * rows + i, v);
                    else vf_store_n(dst + (p + q) * rows + i, v, height);
                }
        }
    }
}

/* The part of a row of A transposed that is one step of k of a panel, of which `left` floats are to come; whole vectors as
 * above, but not into the next panel, which has been begun. */
NNI_INLINE void NNI_FN(pack_a_step)(float *dst, const float *a, size_t rows, size_t left, vf scale) {
    for (size_t i = 0; i < rows; i += VF_LANES) {
        const size_t height = nni_min(rows - i, VF_LANES);
        const vf v = vf_mul(scale, vf_load_n(a + i, height));
        if (left - i >= VF_LANES) vf_store(dst + i, v);
        else vf_store_n(dst + i, v, height);
    }
}

/* `height` columns of B, which are rows in memory, as k vectors: four rows of the result at a time, of which the last may
 * repeat some. */
NNI_INLINE void NNI_FN(pack_b_turned)(float *dst, const float *b, size_t b_col, size_t k, size_t height, size_t width) {
    for (size_t p = 0; p < k && k < 4; p++)
        for (size_t i = 0; i < height; i++) dst[p * width + i] = b[i * b_col + p];
    for (size_t p = 0; p < k && k >= 4; p += 4) {
        const size_t at = nni_min(p, k - 4);
        vf r[4];
        vf_load_turned(r, b + at, b_col, height);
        NNI_UNROLL for (size_t q = 0; q < 4; q++) vf_store(dst + (at + q) * width, r[q]);
    }
}

/* The last rows of a matrix, behind whose columns a whole vector would be read from beyond its end. */
static size_t NNI_FN(pack_shorts)(size_t cols, size_t row) {
    size_t shorts = 0, beyond = (VF_LANES - cols % VF_LANES) % VF_LANES;
    for (; beyond > 0; beyond -= nni_min(beyond, row)) shorts++;
    return shorts;
}

/* How many of a tile's `steps` meet such rows, if they are the last: it reads them by mask where masks are free. */
static size_t NNI_FN(tile_shorts)(size_t steps, size_t cols, size_t ldb) {
    return VF_FREE_MASK ? nni_min(steps, NNI_FN(pack_shorts)(cols, ldb)) : 0;
}

static void NNI_FN(pack_b)(float *dst, const float *b, size_t b_row, size_t b_col, size_t k, size_t cols, size_t width) {
    if (b_col == 1) {
        const size_t shorts = nni_min(NNI_FN(pack_shorts)(cols, b_row), k), readable = VF_FREE_MASK ? 0 : k - shorts;
        for (size_t p = 0; p < k; p++) {
            size_t j = 0;
            for (; j + VF_LANES <= cols; j += VF_LANES) vf_store(dst + p * width + j, vf_load(b + p * b_row + j));
            if (j == cols) continue;
            vf_store(dst + p * width + j, p < readable ? vf_load(b + p * b_row + j) : vf_load_n(b + p * b_row + j, cols - j));
        }
        return;
    }
    size_t j = 0;
    for (; j + VF_LANES <= cols; j += VF_LANES) NNI_FN(pack_b_turned)(dst + j, b + j * b_col, b_col, k, VF_LANES, width);
    if (j < cols) NNI_FN(pack_b_turned)(dst + j, b + j * b_col, b_col, k, cols - j, width);
}

#endif /* NNI_ISA */
