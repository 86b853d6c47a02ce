/* gemm_block.h - the loops of a product in blocks, as its plan says
 *
 * Names as in the literature: m, n, k the sizes; jc pc ic jr ir the loops from the outside in; NC KC MC their blocks.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

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
        run.shorts = where->ldb ? NNI_FN(tile_shorts)(where->steps, width, run.ldb) : 0;
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

/* Packs columns of a block of B, from column `from` on, in panels. */
static void NNI_FN(pack_b_panels)(float *dst, const nni_gemm *g, const float *b, size_t panel, size_t from, size_t width,
                                  size_t k) {
    for (size_t j = from; j < width; j += panel) {
        const size_t columns = nni_min(panel, width - j);
        NNI_FN(pack_b)(dst + j * k, b + j * g->b_col, g->b_row, g->b_col, k, columns, nni_round_up(columns, VF_LANES));
    }
}

/* Where the block of B is that begins at row pc and column jc, kc x nc: packed now or before, or in the matrix. */
static NNI_FN(gemm_where) NNI_FN(gemm_find_b)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, float *packed, size_t pc,
                                              size_t kc, size_t jc, size_t nc) {
    const size_t panel = plan->vectors * VF_LANES;
    NNI_FN(gemm_where) where = {NULL, NULL, kc, 0, kc, g->b_row, panel, jc, NULL, NULL, pc + kc == g->k};
    if (g->packed_b) {
        where.b = g->packed_b + jc * g->k + pc * panel;
        where.ldb = panel;
        where.panel = panel * g->k;
        return where;
    }
    where.b = g->b + pc * g->b_row + jc * g->b_col;
    if (!plan->pack_b) return where;
    const size_t copied = plan->copies && nc >= 2 * panel ? nc / panel * panel : 0;
    NNI_FN(pack_b_panels)(packed, g, where.b, panel, copied, nc, kc);
    where.source = copied ? where.b : NULL;
    where.copy = packed;
    where.b = packed;
    where.ldb = 0;
    where.panel = panel * kc;
    return where;
}

static void NNI_FN(gemm_blocked)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan, float *work) {
    float *const packed_b = work;
    float *const packed_a = plan->pack_a ? work + NNI_FN(plan_floats_b)(g, plan) : NULL;
    const size_t above_shorts = g->k - plan->shorts;

    for (size_t jc = 0; jc < g->n; jc += plan->nc) {
        const size_t nc = nni_min(plan->nc, g->n - jc);
        for (size_t pc = 0; pc < g->k; pc += plan->kc) {
            const size_t kc = nni_min(plan->kc, g->k - pc);
            const size_t readable = pc < above_shorts ? nni_min(kc, above_shorts - pc) : 0;
            NNI_FN(gemm_where) where = NNI_FN(gemm_find_b)(g, plan, packed_b, pc, kc, jc, nc);
            for (size_t ic = 0; ic < g->m; ic += plan->mc) {
                const size_t mc = nni_min(plan->mc, g->m - ic);
                where.a = g->a + ic * g->a_row + pc * g->a_col;
                if (plan->pack_a) {
                    NNI_FN(pack_a_panels)(packed_a, g, plan, where.a, mc, kc);
                    where.a = packed_a;
                }
                NNI_FN(gemm_block)(g, plan, &where, g->c + ic * g->ldc + jc, mc, nc, readable, pc == 0 ? g->beta : 1.0f);
            }
        }
    }
}

#endif /* NNI_ISA */
