/* gemm.h - C = alpha*A*B + beta*C: which path a shape takes, and the loops of the blocked one
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* How the blocked path treats one product: decided by shape, felt in speed only, never in bits. */
typedef struct NNI_FN(gemm_plan) {
    size_t kc, mc, nc;
    size_t vectors; /* width of a tile */
    int turned;     /* as C' = B'*A' */
    int pack_a, pack_b;
    int copies;       /* whole panels of B are copied by the first tiles that read them: A is one block then */
    size_t shorts;    /* last rows of B, behind which no whole vector can be read: they are copied. All, where k is short */
    int await_c;      /* prefetch the next tile of C */
    size_t ahead;     /* how far to prefetch along the rows of B, or 0 */
    int along;        /* tiles follow each other along the rows of C instead of down its columns */
} NNI_FN(gemm_plan);

/* Eighths of a cycle that one step of k takes in a tile: two fmas or two loads a cycle, and eight sums hide the latency. Where
 * A is read by rows, which fill L1, half a cycle for the loop and a quarter for every line of B that comes from L2. */
static size_t NNI_FN(tile_cost)(size_t rows, size_t vectors, int by_k) {
    return 4 * nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8) + (by_k ? 0 : 4 + vectors * VF_LANES / 8);
}

/* The width of tile, from `narrowest` on, that takes least time. Where k is short the tile is soon done, and storing C in long
 * runs counts. */
static size_t NNI_FN(plan_vectors)(size_t m, size_t n, size_t k, int by_k, size_t narrowest) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_FLEETING) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = narrowest, least = SIZE_MAX;
    NNI_UNROLL for (size_t v = 1; v <= 4; v++) { /* unrolled, most divisions are by constants: small products feel them */
        if (v < narrowest) continue;
        const size_t tiles = nni_ceil_div(m, (size_t)NNI_FN(tile_rows)[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t whole = across / v * NNI_FN(tile_cost)(rows, v, by_k), rest = across % v;
        const size_t cost = tiles * (whole + (rest ? NNI_FN(tile_cost)(rows, rest, by_k) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

/* The widest tile of some height, for a B that passes once: the longer the pieces of its rows, the better they are followed. */
static size_t NNI_FN(plan_wide)(void) {
    size_t v = 4;
    while (v > 1 && NNI_FN(tile_rows)[v - 1] < 8) v--;
    return v;
}

/* Pages of memory that a tile meets on its way down `steps` rows of a matrix. */
static size_t NNI_FN(plan_pages)(size_t steps, size_t ld) { return steps * nni_min(ld, NNI_PAGE) / NNI_PAGE; }

/* Many rows walk along the rows of C: a block of B that stays in L2 meets tile after tile of A, and C is written in long
 * runs; and so do few where k is short. A larger B is copied block by block, unless k is short, and so are a B and a transposed
 * A that are spread over many pages. Few rows, which are not worth a copy, read a large B once: if its rows are long, or
 * panels, some of them side by side as streams that the processor follows, past a C that stays in cache; or else down its
 * columns. Streams so wide that they would leave L2 before the next tile of A reads them again are gone down panel by panel,
 * each of which stays in L1 for all of A, and more rows than elsewhere are few. Either way one panel ahead is asked for. */
static NNI_FN(gemm_plan) NNI_FN(plan)(const nni_gemm *g) {
    NNI_FN(gemm_plan) plan;
    const size_t floats_b = g->k * g->n;
    const int far = floats_b >= NNI_NEAR;
    const int wide = far && g->b_col == 1 && !g->packed_b && g->n * NNI_B_STREAMS > NNI_STREAMS_NEAR;
    const int many = g->m >= (wide ? NNI_WIDE_ROWS : floats_b > NNI_VAST ? NNI_VAST_ROWS : NNI_MANY_ROWS);
    const size_t steps = nni_min(g->k, NNI_KC), pages_a = g->a_row == 1 ? NNI_FN(plan_pages)(steps, g->a_col) : 0;
    const int spread = g->n >= 4 * VF_LANES && pages_a + NNI_FN(plan_pages)(steps, g->b_row) >= NNI_PAGES;
    plan.turned = NNI_FN(gemm_is_turned)(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || (many && (far || spread) && g->k > NNI_SHALLOW));
    const int streams = far && !many && !plan.pack_b && (g->packed_b || g->n >= NNI_LONG);
    plan.shorts = plan.pack_b || g->packed_b || VF_FREE_MASK ? 0 : NNI_FN(pack_shorts)(g->n, g->b_row);
    if (plan.shorts && g->k <= NNI_SHALLOW) plan.shorts = g->k;
    plan.pack_a = g->alpha != 1.0f || (many && g->n >= NNI_ACROSS && pages_a >= NNI_PAGES);
    plan.await_c = g->k <= NNI_BRIEF && g->m * g->n > NNI_NEAR;
    if (g->packed_b) plan.vectors = NNI_LARGE_VECTORS;
    else if (plan.turned) plan.vectors = NNI_FN(plan_vectors)(g->n, g->m, g->k, g->b_col == 1, 1);
    else plan.vectors = NNI_FN(plan_vectors)(g->m, g->n, g->k, g->a_row == 1, streams ? NNI_FN(plan_wide)() : 1);
    const size_t panel = plan.vectors * VF_LANES, tile = (size_t)NNI_FN(tile_rows)[plan.vectors - 1];
    plan.along = many || g->k <= NNI_SHALLOW || (streams && (!wide || g->m <= tile));
    plan.copies = NNI_COPIES && plan.pack_b && g->b_col == 1 && plan.along && !plan.pack_a && g->a_row != 1 &&
                  plan.vectors > 1;
    plan.kc = nni_even_part(g->k, streams ? NNI_B_STREAMS : NNI_KC);
    plan.mc = plan.pack_a ? NNI_MC : g->m;
    plan.nc = g->n;
    if ((many || plan.pack_b) && g->n * plan.kc > NNI_NEAR)
        plan.nc = nni_round_up(nni_even_part(g->n, nni_max(NNI_NEAR / plan.kc, panel)), panel);
    plan.ahead = far && !many && !plan.pack_b ? panel * (g->packed_b ? g->k : 1) : 0;
    return plan;
}

/* The rows of a block as they are dealt out to tiles: evenly, so that no tile is left with one row. The first `taller`
 * tiles have rows + 1. */
typedef struct NNI_FN(gemm_deal) {
    size_t tiles, rows, taller;
} NNI_FN(gemm_deal);

static NNI_FN(gemm_deal) NNI_FN(deal)(size_t height, size_t vectors) {
    NNI_FN(gemm_deal) d;
    d.tiles = nni_ceil_div(height, (size_t)NNI_FN(tile_rows)[vectors - 1]);
    d.rows = height / d.tiles;
    d.taller = height % d.tiles;
    return d;
}

/* Tiles down all of a block; a_row floats are between two rows of A. */
static void NNI_FN(tiles_down)(NNI_FN(tiles) *run, int by_k, NNI_FN(gemm_deal) d, size_t vectors, const float *a, size_t a_row,
                               const float *b, float *c) {
    for (size_t t = 0, i = 0, rows; t < d.tiles; t += run->count, i += run->count * rows) {
        rows = d.rows + (t < d.taller);
        run->count = t < d.taller ? d.taller : d.tiles - t;
        run->a_next = rows * a_row;
        run->c_next = rows * run->ldc;
        NNI_FN(tile_find)(by_k, rows, vectors)(run, a + i * a_row, b, c + i * run->ldc);
    }
}

/* Some panels of A transposed, step by step: few enough for the pages that stores go to. */
static void NNI_FN(pack_a_steps)(float *dst, const float *a, size_t a_col, NNI_FN(gemm_deal) d, size_t t, size_t k,
                                 float alpha) {
    const size_t end = nni_min(t + NNI_PACKED_TOGETHER, d.tiles), first = t * d.rows + nni_min(t, d.taller);
    const vf scale = vf_set1(alpha);
    for (size_t p = 0; p < k; p++)
        for (size_t u = t, i = first, rows; u < end; u++, i += rows) {
            rows = d.rows + (u < d.taller);
            NNI_FN(pack_a_step)(dst + i * k + p * rows, a + p * a_col + i, rows, (k - p) * rows, scale);
        }
}

/* Packs a block of A in panels as high as the tiles that will read them. */
static void NNI_FN(pack_a_panels)(float *dst, const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const float *a, size_t height,
                                  size_t k) {
    const NNI_FN(gemm_deal) d = NNI_FN(deal)(height, plan->vectors);
    for (size_t t = 0, i = 0, rows; g->a_row != 1 && t < d.tiles; t++, i += rows) {
        rows = d.rows + (t < d.taller);
        NNI_FN(pack_a)(dst + i * k, a + i * g->a_row, g->a_row, rows, k, g->alpha);
    }
    for (size_t t = 0; g->a_row == 1 && t < d.tiles; t += NNI_PACKED_TOGETHER)
        NNI_FN(pack_a_steps)(dst, a, g->a_col, d, t, k, g->alpha);
}

/* Where a block of A or B is: packed, or part of the matrix. */
typedef struct NNI_FN(gemm_where) {
    const float *a, *b; /* b at step `first` */
    size_t k;            /* of the block, */
    size_t first, steps; /* and of these what is to be done */
    size_t ldb;          /* 0: rows are as wide as their panel */
    size_t panel;        /* from one panel of B to the next */
    size_t column;       /* of C, at which B's block begins */
    const float *source; /* NULL, or what b is to become a copy of: */
    float *copy;         /* it is made here, on the way of the first tiles */
    int last;            /* of the blocks of k: the epilogue follows */
} NNI_FN(gemm_where);

/* Whether the tiles can add the bias: that of a matrix times a vector, which was turned, is one number for a row. */
static int NNI_FN(gemm_fuses)(const nni_gemm *g) { return !g->bias || g->bias_step; }

/* What a run from column j on does of the epilogue while it holds C: bias and ReLU. */
static void NNI_FN(gemm_fuse)(NNI_FN(tiles) *run, const nni_gemm *g, size_t j) {
    if (!NNI_FN(gemm_fuses)(g)) return;
    if (g->bias) run->bias = g->bias + j;
    run->relu = g->activation == NN_RELU;
}

/* Columns of a block of C from panel s on: `panels` whole ones, or the last one with `width` columns. Tiles of one height
 * are one run down a panel, and one tile after the other starts a run along the rows. */
static void NNI_FN(gemm_panels)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const NNI_FN(gemm_where) *where, float *c,
                                NNI_FN(gemm_deal) d, size_t s, size_t panels, size_t width, float beta) {
    const size_t vectors = nni_ceil_div(width, VF_LANES), panel = plan->vectors * VF_LANES;
    const size_t a_step = plan->pack_a ? where->k : g->a_row;
    const int by_k = plan->pack_a || g->a_row == 1, along = panels > 1;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(where->steps, beta);
    run.ldc = g->ldc;
    run.ragged = width - (vectors - 1) * VF_LANES;
    run.prefetch_c = plan->await_c;
    run.bias_next = along ? panel : 0;
    if (where->last) NNI_FN(gemm_fuse)(&run, g, where->column + s * panel);
    for (size_t t = 0; t < d.tiles;) {
        const size_t rows = d.rows + (t < d.taller), i = t * d.rows + nni_min(t, d.taller);
        const size_t alike = along ? 1 : t < d.taller ? d.taller : d.tiles - t;
        const int copying = along && t == 0 && where->source;
        const float *b = copying ? where->source + s * panel : where->b + s * where->panel;
        run.count = along ? panels : alike;
        run.copy = copying ? where->copy + s * where->panel : NULL;
        run.ahead = copying ? panel : plan->ahead;
        run.ldb = copying ? g->b_row : where->ldb ? where->ldb : vectors * VF_LANES;
        run.b_next = copying ? panel : along ? where->panel : 0;
        run.a_stride = plan->pack_a ? rows : by_k ? g->a_col : g->a_row;
        run.a_next = along ? 0 : rows * a_step;
        run.c_next = along ? panel : rows * g->ldc;
        (copying ? NNI_FN(tile_find_copying)(rows, vectors) : NNI_FN(tile_find)(by_k, rows, vectors))
        (&run, where->a + i * a_step + where->first * (by_k ? run.a_stride : 1), b, c + i * g->ldc + s * panel);
        t += alike;
    }
}

/* The last panel, `width` columns: the readable rows of B as they lie, and then a copy of the others. */
static void NNI_FN(gemm_last_panel)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const NNI_FN(gemm_where) *where, float *c,
                                    NNI_FN(gemm_deal) d, size_t s, size_t width, size_t readable, float beta) {
    NNI_ALIGNED(64) float copy[NNI_SHALLOW * 4 * VF_LANES];
    const size_t shorts = VF_FREE_MASK ? 0 : where->k - readable;
    NNI_FN(gemm_where) part = *where;
    part.steps = readable;
    part.last = where->last && !shorts;
    if (readable) NNI_FN(gemm_panels)(g, plan, &part, c, d, s, 1, width, beta);
    if (!shorts) return;
    NNI_FN(pack_b)(copy, where->b + readable * where->ldb + s * where->panel, where->ldb, 1, shorts, width,
                   nni_round_up(width, VF_LANES));
    const NNI_FN(gemm_where) rest = {where->a, copy, where->k, readable, shorts, 0, 0, where->column,
                                     NULL, NULL, where->last};
    NNI_FN(gemm_panels)(g, plan, &rest, c, d, s, 1, width, readable ? 1.0f : beta);
}

/* A block of C, height x width. Of its rows of B, the first `readable` can be read beyond the last column. */
static void NNI_FN(gemm_block)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, const NNI_FN(gemm_where) *where, float *c,
                               size_t height, size_t width, size_t readable, float beta) {
    const NNI_FN(gemm_deal) d = NNI_FN(deal)(height, plan->vectors);
    const size_t panel = plan->vectors * VF_LANES, whole = width / panel, step = plan->along ? nni_max(whole, 1) : 1;
    for (size_t s = 0; s < whole; s += step) NNI_FN(gemm_panels)(g, plan, where, c, d, s, step, panel, beta);
    if (width % panel) NNI_FN(gemm_last_panel)(g, plan, where, c, d, whole, width % panel, readable, beta);
}

/* Floats that the packed part of B takes. */
static size_t NNI_FN(plan_floats_b)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : 0;
    return nni_min(plan->kc, g->k) * columns;
}

static void NNI_FN(gemm_blocked)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, float *work) {
    const size_t panel = plan->vectors * VF_LANES;
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + NNI_FN(plan_floats_b)(g, plan) : NULL;
    const size_t above_shorts = g->k - plan->shorts;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const float beta = pc == 0 ? g->beta : 1.0f;
            const int copies = plan->copies && nc >= 2 * panel;
            if (plan->pack_b)
                for (size_t jr = copies ? nc / panel * panel : 0; jr < nc; jr += panel) {
                    const size_t cols = nni_min(panel, nc - jr);
                    NNI_FN(pack_b)(packed_b + jr * kc, g->b + pc * g->b_row + (jc + jr) * g->b_col, g->b_row, g->b_col, kc, cols,
                                   nni_round_up(cols, VF_LANES));
                }
            NNI_FN(gemm_where) where = {NULL, g->b + pc * g->b_row + jc, kc, 0, kc, g->b_row, panel, jc,
                                        NULL, NULL, pc + kc == g->k};
            const size_t readable = pc < above_shorts ? nni_min(kc, above_shorts - pc) : 0;
            if (plan->pack_b) {
                where.source = copies ? where.b : NULL;
                where.copy = packed_b;
                where.b = packed_b;
                where.ldb = 0;
                where.panel = panel * kc;
            } else if (g->packed_b) {
                where.b = g->packed_b + jc * g->k + pc * panel;
                where.ldb = panel;
                where.panel = panel * g->k;
            }
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    NNI_FN(pack_a_panels)(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                NNI_FN(gemm_block)(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, readable, beta);
            }
        }
    }
}

/* Floats of workspace that the plan needs. */
static size_t NNI_FN(plan_workspace)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return NNI_FN(plan_floats_b)(g, plan) + a;
}

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

/* A column of few tiles. */
NNI_INLINE void NNI_FN(gemm_column)(const nni_gemm *g, const float *b, size_t ldb) {
    const size_t vectors = (g->n - 1) / VF_LANES + 1;
    const int by_k = g->a_row == 1;
    NNI_FN(tiles) run = NNI_FN(tiles_plain)(g->k, g->beta);
    run.a_stride = by_k ? g->a_col : g->a_row;
    run.ldb = ldb;
    run.ldc = g->ldc;
    run.ragged = g->n - (vectors - 1) * VF_LANES;
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
