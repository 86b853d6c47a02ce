/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* KC rows of B: a panel of two vectors stays in L1 (32 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 256
#define NNI_MC 336
#define NNI_NC 3072
#define NNI_PACKED_VECTORS 2

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct NNI_FN(gemm_plan) {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int pack_a, pack_b;
} NNI_FN(gemm_plan);

/* Half-cycles that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. */
static size_t NNI_FN(tile_cost)(size_t rows, size_t vectors) {
    return nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8);
}

/* The width of tile that takes least time for m rows and n columns. */
static size_t NNI_FN(plan_vectors)(size_t m, size_t n) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    size_t best = 1, least = SIZE_MAX;
    for (size_t v = 1; v <= 4; v++) {
        const size_t tiles = nni_ceil_div(m, (size_t)NNI_FN(tile_rows)[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t rest = across % v;
        const size_t cost = tiles * (across / v * NNI_FN(tile_cost)(rows, v) + (rest ? NNI_FN(tile_cost)(rows, rest) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

static NNI_FN(gemm_plan) NNI_FN(plan)(const nni_gemm *g) {
    NNI_FN(gemm_plan) plan;
    plan.kc = NNI_KC;
    plan.mc = NNI_MC;
    plan.nc = NNI_NC;
    plan.vectors = g->packed_b ? NNI_PACKED_VECTORS : NNI_FN(plan_vectors)(nni_min(g->m, NNI_MC), nni_min(g->n, NNI_NC));
    const int large = g->m > 3 * 64 && g->n >= 128 && g->k >= 128;
    plan.pack_b = !g->packed_b && (g->b_col != 1 || large || (!VF_FREE_MASK && g->n % VF_LANES != 0));
    plan.pack_a = g->alpha != 1.0f || (g->a_row != 1 && g->a_col != 1) || large;
    return plan;
}

/* `height` rows of C from c down, against one panel of B `width` columns wide. a is packed (panels as high as the tiles),
 * or the matrix itself. Rows are dealt out evenly, so that no tile is left with one of them. */
static void NNI_FN(panel)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const float *a, const float *b, size_t ldb, float *c,
                          size_t height, size_t width, size_t k, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES);
    const size_t ragged = width - (vectors - 1) * VF_LANES;
    const size_t tiles = nni_ceil_div(height, (size_t)NNI_FN(tile_rows)[plan->vectors - 1]);
    const int by_k = plan->pack_a || g->a_row == 1;
    size_t rows = nni_ceil_div(height, tiles);
    const size_t taller = height - (rows - 1) * tiles; /* that many tiles have `rows`, the others one less */
    NNI_FN(tile_fn) tile = NNI_FN(tile_find)(by_k, rows, vectors);
    for (size_t t = 0, i = 0; t < tiles; t++) {
        if (t == taller) tile = NNI_FN(tile_find)(by_k, --rows, vectors);
        const float *at = plan->pack_a ? a + i * k : a + i * g->a_row;
        const size_t stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        tile(k, at, stride, b, ldb, c + i * g->ldc, g->ldc, beta, ragged);
        i += rows;
    }
}

/* Packs `height` rows of A in panels as high as the tiles that panel() will deal them out to. */
static void NNI_FN(pack_a_panels)(float *dst, const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const float *a, size_t height,
                                  size_t k) {
    const size_t tiles = nni_ceil_div(height, (size_t)NNI_FN(tile_rows)[plan->vectors - 1]);
    size_t rows = nni_ceil_div(height, tiles);
    const size_t taller = height - (rows - 1) * tiles;
    for (size_t t = 0, i = 0; t < tiles; t++) {
        if (t == taller) rows--;
        NNI_FN(pack_a)(dst + i * k, a + i * g->a_row, g->a_row, g->a_col, rows, k, g->alpha);
        i += rows;
    }
}

static void NNI_FN(gemm_blocked)(const nni_gemm *g, float *work) {
    const NNI_FN(gemm_plan) plan = NNI_FN(plan)(g);
    const size_t panel = plan.vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = work + (plan.pack_b ? nni_min(plan.kc, g->k) * nni_round_up(nni_min(plan.nc, g->n), VF_LANES) : 0);

    for (size_t jc = 0; jc < g->n; jc += plan.nc) {
        const size_t nc = nni_min(plan.nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan.kc) {
            const size_t kc = nni_min(plan.kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            if (plan.pack_b)
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    NNI_FN(pack_b)(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            for (size_t ic = 0; ic < g->m; ic += plan.mc) {
                const size_t mc = nni_min(plan.mc, g->m - ic);
                const float *a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan.pack_a) NNI_FN(pack_a_panels)(packed_a, g, &plan, a, mc, kc);
                for (size_t jr = 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr), width = nni_round_up(cols, VF_LANES);
                    float *c = g->c + ic * g->ldc + jc + jr;
                    const float *b = g->b + pc * g->b_row + jc + jr;
                    size_t ldb = g->b_row;
                    if (g->packed_b) {
                        b = g->packed_b + (jc + jr) * g->k + pc * width;
                        ldb = width;
                    } else if (plan.pack_b) {
                        b = packed_b + jr * kc;
                        ldb = width;
                    }
                    NNI_FN(panel)(g, &plan, plan.pack_a ? packed_a : a, b, ldb, c, mc, cols, kc, beta);
                }
            }
        }
    }
}

/* Floats of workspace that gemm() needs for this product. */
static size_t NNI_FN(gemm_workspace)(const nni_gemm *g) {
    if (g->k == 0 || g->alpha == 0.0f || g->dot || NNI_FN(gemm_is_row)(g)) return 0;
    const NNI_FN(gemm_plan) plan = NNI_FN(plan)(g);
    const size_t kc = nni_min(plan.kc, g->k);
    size_t floats = plan.pack_b ? kc * nni_round_up(nni_min(plan.nc, g->n), VF_LANES) : 0;
    if (plan.pack_a) floats += kc * nni_min(plan.mc, g->m) + VF_LANES;
    return floats;
}

/* C = beta*C, all that is left when nothing is to be added; beta = 0 does not read C. */
static void NNI_FN(gemm_scale)(const nni_gemm *g) {
    for (size_t i = 0; i < g->m; i++) NNI_FN(scale)(g->c + i * g->ldc, g->c + i * g->ldc, g->n, g->beta);
}

/* Bias and activation for one finished row of C. */
static void NNI_FN(gemm_epilogue)(const nni_gemm *g, float *c) {
    if (g->bias && g->bias_step) NNI_FN(add)(c, c, g->bias, g->n);
    else if (g->bias) NNI_FN(map1)(NNI_FN(v_shift), c, c, g->n, g->bias[0]);
    if (g->activation != NN_IDENTITY) NNI_FN(activate)(c, c, g->n, g->activation, g->slope);
}

static void NNI_FN(gemm)(const nni_gemm *g, float *work) {
    if (g->k == 0 || g->alpha == 0.0f) NNI_FN(gemm_scale)(g);
    else if (g->dot) NNI_FN(gemm_dot)(g);
    else if (NNI_FN(gemm_is_row)(g)) NNI_FN(gemm_row)(g);
    else NNI_FN(gemm_blocked)(g, work);
    if (g->bias || g->activation != NN_IDENTITY)
        for (size_t i = 0; i < g->m; i++) NNI_FN(gemm_epilogue)(g, g->c + i * g->ldc);
}

/* All of op(B), k x n, in panels of NNI_PACKED_VECTORS vectors. */
static void NNI_FN(gemm_pack)(float *dst, const float *b, size_t b_row, size_t b_col, size_t n, size_t k) {
    const size_t panel = NNI_PACKED_VECTORS * VF_LANES;
    for (size_t j = 0; j < n; j += panel) {
        const size_t cols = nni_min(panel, n - j);
        NNI_FN(pack_b)(dst + j * k, b + j * b_col, b_row, b_col, k, cols, nni_round_up(cols, VF_LANES));
    }
}

#endif /* NNI_ISA */
