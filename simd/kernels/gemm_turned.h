/* gemm_turned.h - C = A*B computed as C' = B'*A': lanes along the rows of C instead of its columns
 *
 * For a transposed B: its rows are the turned product's left rows and are read as they lie, and A, a batch that is small
 * beside the weights, is packed instead of them. For few columns and a transposed A: its rows fill the lanes, and nothing is
 * packed. Tiles come out turned, stay in L1 while k runs, and are turned back on the way into C. Pays where m fills whole
 * vectors; each element is the same chain as ever.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

static int NNI_FN(gemm_is_turned)(const nni_gemm *g) {
    if (VF_LANES == 1 || g->alpha != 1.0f || g->packed_b || g->m % VF_LANES) return 0;
    if (g->a_row == 1) return g->b_col == 1 && g->n % 16 && g->n < 14 && g->k >= 32;
    return g->b_row == 1 && g->b_col != 1 && g->a_col == 1 && g->m <= 256 && (g->k >= 192 || g->m * 3 <= g->k);
}

/* tile[r][i] = c[i][r], or back; tile has `cols` (whole vectors) floats a row. */
static void NNI_FN(turn_in)(float *tile, const float *c, size_t ldc, size_t rows, size_t cols) {
    for (size_t i = 0; i < cols; i++)
        for (size_t r = 0; r < rows; r++) tile[r * cols + i] = c[i * ldc + r];
}

static void NNI_FN(turn_out)(float *c, size_t ldc, const float *tile, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r += VF_LANES) {
        const size_t height = nni_min(rows - r, VF_LANES);
        for (size_t i = 0; i < cols; i += VF_LANES) {
            vf block[VF_LANES];
            NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) block[q] = vf_load(tile + (r + q) * cols + i);
            vf_transpose(block);
            if (height == VF_LANES) {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) vf_store(c + (i + q) * ldc + r, block[q]);
            } else {
                NNI_UNROLL for (size_t q = 0; q < VF_LANES; q++) vf_store_n(c + (i + q) * ldc + r, block[q], height);
            }
        }
    }
}

/* Tiles of `rows` columns of C from j on, at rows [i, i + cols): b are the rows of B, x the panel of A. */
static void NNI_FN(turned_tile)(const nni_gemm *g, size_t i, size_t cols, size_t j, size_t rows, const float *x, size_t ldx) {
    NNI_ALIGNED(64) float tile[32 * 4 * VF_LANES]; /* the rows of the tallest tile, and whole vectors to read behind them */
    const int by_k = g->b_col == 1;
    const NNI_FN(tile_fn) compute = NNI_FN(tile_find)(by_k, rows, cols / VF_LANES);
    const size_t kc = nni_even_part(g->k, NNI_KC);
    float *c = g->c + i * g->ldc + j;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(0, 0.0f);
    run.a_stride = by_k ? g->b_row : g->b_col;
    run.ldb = ldx;
    run.ldc = cols;
    if (g->beta != 0.0f) NNI_FN(turn_in)(tile, c, g->ldc, rows, cols);
    for (size_t p = 0; p < g->k; p += kc) {
        run.k = nni_min(kc, g->k - p);
        run.beta = p == 0 ? g->beta : 1.0f;
        compute(&run, g->b + j * g->b_col + p * g->b_row, x + p * ldx, tile);
    }
    NNI_FN(turn_out)(c, g->ldc, tile, rows, cols);
}

/* Rows of B are taken in blocks that stay in L2 while the panels of A pass. */
static void NNI_FN(gemm_turned)(const nni_gemm *g, size_t vectors, float *work) {
    const size_t panel = vectors * VF_LANES, most = (size_t)NNI_FN(tile_rows)[vectors - 1];
    const int pack = g->a_row != 1;
    for (size_t i = 0; pack && i < g->m; i += panel) {
        const size_t cols = nni_min(panel, g->m - i);
        NNI_FN(pack_b)(work + i * g->k, g->a + i * g->a_row, 1, g->a_row, g->k, cols, cols);
    }
    const size_t tiles = nni_ceil_div(g->n, most), least = g->n / tiles, taller = g->n % tiles;
    const size_t block = nni_max(NNI_NEAR / 2 / (most * g->k), 1);
    for (size_t first = 0; first < tiles; first += block)
        for (size_t i = 0; i < g->m; i += panel) {
            const size_t cols = nni_min(panel, g->m - i);
            for (size_t t = first; t < nni_min(first + block, tiles); t++)
                NNI_FN(turned_tile)(g, i, cols, t * least + nni_min(t, taller), least + (t < taller),
                                    pack ? work + i * g->k : g->a + i, pack ? cols : g->a_col);
        }
}

#endif /* NNI_ISA */
