/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void NNI_FN(gemm_scale)(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) NNI_FN(scale)(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C, or what the tiles have left of them. */
static void NNI_FN(gemm_epilogue)(const nni_gemm *g, float *c, int fused) {
    if (g->bias && g->bias_step && !fused) NNI_FN(add)(c, c, g->bias, g->n);
    else if (g->bias && !fused) NNI_FN(map1)(NNI_FN(v_shift), c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) NNI_FN(activate)(c, c, g->n, g->activation, g->slope);
}

/* A column of few tiles. If k is brief all of B is read by mask: most of it must be, and one loop is quicker than two. */
NNI_INLINE void NNI_FN(gemm_column)(const nni_gemm *g, const float *b, size_t ldb) {
    const size_t vectors = (g->n - 1) / VF_LANES + 1;
    const int by_k = g->a_row == 1;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(g->k, g->beta);
    run.a_stride = by_k ? g->a_col : g->a_row;
    run.ldb = ldb;
    run.ldc = g->ldc;
    run.ragged = g->n - (vectors - 1) * VF_LANES;
    run.shorts = g->k <= NNI_BRIEF ? g->k : NNI_FN(tile_shorts)(g->k, g->n, ldb);
    NNI_FN(gemm_fuse)(&run, g, 0);
    if (g->m <= (size_t)NNI_FN(tile_rows)[vectors - 1]) {
        NNI_FN(tile_find)(by_k, g->m, vectors)(&run, g->a, b, g->c);
        return;
    }
    const NNI_FN(gemm_deal) d = NNI_FN(deal)(g->m, vectors);
    NNI_FN(tiles_down)(&run, by_k, d, vectors, g->a, g->a_row, b, g->c);
}

/* The same with the rows of a small B filled up to whole vectors. */
static __attribute__((noinline)) void NNI_FN(gemm_column_copied)(const nni_gemm *g) {
    float b[NNI_SMALL_B];
    const size_t width = nni_round_up(g->n, VF_LANES);
    NNI_FN(pack_b)(b, g->b, g->b_row, 1, g->k, g->n, width);
    NNI_FN(gemm_column)(g, b, width);
}

/* Computes a product of one tile, or a column of few, without a plan, and returns 1; or returns 0. */
static int NNI_FN(gemm_small)(const nni_gemm *g) {
    if (g->n > 4 * VF_LANES || g->b_col != 1 || g->alpha != 1.0f || g->packed_b) return 0;
    const size_t vectors = (g->n - 1) / VF_LANES + 1, most = (size_t)NNI_FN(tile_rows)[vectors - 1];
    if (g->m > (vectors <= 2 ? 4 * most : most) || (g->a_row != 1 && g->a_col != 1)) return 0;
    if (VF_FREE_MASK || g->n % VF_LANES == 0) NNI_FN(gemm_column)(g, g->b, g->b_row);
    else if (g->m > 1 && g->k * vectors * VF_LANES <= NNI_SMALL_B) NNI_FN(gemm_column_copied)(g);
    else return 0;
    return 1;
}

/* Computes the product and returns 0; or, if it takes more than the `floats` of workspace given, how many it takes. */
static size_t NNI_FN(gemm)(const nni_gemm *g, float *work, size_t floats) {
    int fused = 0;
    if (g->k == 0 || g->alpha == 0.0f) NNI_FN(gemm_scale)(g);
    else if (g->dot) NNI_FN(gemm_dot)(g);
    else if (NNI_FN(gemm_small)(g)) fused = NNI_FN(gemm_fuses)(g);
    else if (NNI_FN(gemm_is_row)(g)) NNI_FN(gemm_rows)(g);
    else if (g->packed_b && g->m == 1 && g->alpha == 1.0f) NNI_FN(gemm_packed_row)(g);
    else {
        const NNI_FN(gemm_plan) plan = NNI_FN(plan)(g);
        const size_t needed = NNI_FN(plan_workspace)(g, &plan);
        if (needed > floats) return needed;
        if (plan.turned) {
            NNI_FN(gemm_turned)(g, plan.vectors, work);
        } else {
            NNI_FN(gemm_blocked)(g, &plan, work);
            fused = NNI_FN(gemm_fuses)(g);
        }
    }
    const int bare = g->activation == NN_IDENTITY || (fused && g->activation == NN_RELU);
    const int left = !bare || (g->bias && !fused);
    for (size_t i = 0; left && i < g->m; i++) NNI_FN(gemm_epilogue)(g, g->c + i * g->ldc, fused);
    return 0;
}

/* Floats of workspace with which gemm() is sure to succeed. */
static size_t NNI_FN(gemm_workspace)(const nni_gemm *g) {
    if (g->dot) return 0;
    const NNI_FN(gemm_plan) plan = NNI_FN(plan)(g);
    return NNI_FN(plan_workspace)(g, &plan);
}

/* All of op(B), k x n, in panels of NNI_LARGE_VECTORS vectors; vectors of the last one that have no column are zero. */
static void NNI_FN(gemm_pack)(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_LARGE_VECTORS * VF_LANES;
    if (k == 0) return;
    if (n % panel) memset(dst + n / panel * panel * k, 0, panel * k * sizeof *dst);
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        NNI_FN(pack_b)(dst + j * k, b + j * b_col, b_row, b_col, k, cols, panel);
    }
}

#endif /* NNI_ISA */
