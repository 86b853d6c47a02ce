/* gemm_plan.h - how a product goes through the caches: decided by its shape, felt in speed alone, never in bits */
#ifndef NNI_ISA
#include "../scalar.h"
#else

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
 * A `fills` L1, read by rows or from a copy, half a cycle for the loop and a quarter for every line of B that comes from L2. */
static size_t NNI_FN(tile_cost)(size_t rows, size_t vectors, int fills) {
    return 4 * nni_max(nni_max(rows * vectors, rows + 2 * vectors), 8) + (fills ? 4 + vectors * VF_LANES / 8 : 0);
}

/* The width of tile that takes least time. Where k is short the tile is soon done, and storing C in long runs counts. */
static size_t NNI_FN(plan_vectors)(size_t m, size_t n, size_t k, int fills) {
    const size_t across = nni_ceil_div(n, VF_LANES);
    if (k <= NNI_FLEETING) return nni_min(across, NNI_LARGE_VECTORS);
    size_t best = 1, least = SIZE_MAX;
    NNI_UNROLL for (size_t v = 1; v <= 4; v++) { /* unrolled, most divisions are by constants: small products feel them */
        const size_t tiles = nni_ceil_div(m, (size_t)NNI_FN(tile_rows)[v - 1]);
        const size_t rows = nni_ceil_div(m, tiles);
        const size_t whole = across / v * NNI_FN(tile_cost)(rows, v, fills), rest = across % v;
        const size_t cost = tiles * (whole + (rest ? NNI_FN(tile_cost)(rows, rest, fills) : 0));
        if (cost < least) {
            least = cost;
            best = v;
        }
    }
    return best;
}

/* Whether tiles no wider than a line of the cache, which have the most rows, are best: k is so short that writing C is most of
 * the work, C does not stay near, and each row is a stream that the processor follows. Rows a page apart are not: they push
 * each other out of L1. */
static int NNI_FN(plan_lined)(const nni_gemm *g) {
    const int brief = g->k <= (g->a_row == 1 ? NNI_SHALLOW : NNI_BRIEF);
    return brief && g->m >= NNI_MANY_ROWS && g->m * g->n > NNI_NEAR && g->ldc % NNI_PAGE;
}

/* The width of tile; whether A `fills` L1 is as above. */
static size_t NNI_FN(plan_width)(const nni_gemm *g, int turned, int fills) {
    const size_t across = nni_ceil_div(g->n, VF_LANES);
    if (g->packed_b) return NNI_LARGE_VECTORS;
    if (turned) return NNI_FN(plan_vectors)(g->n, g->m, g->k, g->b_col != 1);
    if (NNI_FN(plan_lined)(g)) return nni_min(across, nni_min(NNI_LINE / VF_LANES, NNI_LARGE_VECTORS));
    return NNI_FN(plan_vectors)(g->m, g->n, g->k, fills);
}

/* Pages of memory that a tile meets on its way down `steps` rows of a matrix. */
static size_t NNI_FN(plan_pages)(size_t steps, size_t ld) { return steps * nni_min(ld, NNI_PAGE) / NNI_PAGE; }

/* Many rows walk along the rows of C: a block of B that stays in L2 meets tile after tile of A, and C is written in long
 * runs; and so do few where k is short. A larger B is copied block by block, unless k is short, and so are a B and a
 * transposed A that are spread over many pages, and an A whose rows push each other out of L1; where tiles are so tall that
 * their pieces of A's rows lie across lines, also for fewer columns. Few rows, which are not worth a copy, read a large B
 * once: if its rows are long, or panels, some of them side by side as streams that the processor follows, past a C that
 * stays in cache; or else down its columns. Streams so wide that they would leave L2 before the next tile of A reads them
 * again are gone down panel by panel, each of which stays in L1 for all of A, and more rows than elsewhere are few. Either
 * way one panel ahead is asked for. */
static NNI_FN(gemm_plan) NNI_FN(plan)(const nni_gemm *g) {
    NNI_FN(gemm_plan) plan;
    const size_t floats_b = g->k * g->n;
    const int far = floats_b >= NNI_NEAR;
    const int wide = far && g->b_col == 1 && !g->packed_b && g->n * NNI_B_STREAMS > NNI_STREAMS_NEAR;
    const int many = g->m >= (wide ? NNI_WIDE_ROWS : floats_b > NNI_VAST ? NNI_VAST_ROWS : NNI_MANY_ROWS);
    const size_t steps = nni_min(g->k, NNI_KC), pages_a = g->a_row == 1 ? NNI_FN(plan_pages)(steps, g->a_col) : 0;
    const int spread = g->n >= 4 * VF_LANES && pages_a + NNI_FN(plan_pages)(steps, g->b_row) >= NNI_PAGES;
    const int across = g->n >= NNI_ACROSS, tall = NNI_FN(tile_rows)[1] > NNI_WAYS;
    const int paged = many && ((across && pages_a >= NNI_PAGES) || (tall && g->n >= NNI_FEWER && pages_a >= NNI_MORE_PAGES));
    plan.turned = NNI_FN(gemm_is_turned)(g);
    plan.pack_b = !g->packed_b && (g->b_col != 1 || (many && (far || spread) && g->k > NNI_SHALLOW));
    const int streams = far && !many && !plan.pack_b && (g->packed_b || g->n >= NNI_LONG);
    plan.shorts = plan.pack_b || g->packed_b || VF_FREE_MASK ? 0 : NNI_FN(pack_shorts)(g->n, g->b_row);
    if (plan.shorts && g->k <= NNI_SHALLOW) plan.shorts = g->k;
    plan.await_c = g->k <= NNI_BRIEF && g->m * g->n > NNI_NEAR;
    plan.vectors = NNI_FN(plan_width)(g, plan.turned, g->a_row != 1 || paged);
    const size_t panel = plan.vectors * VF_LANES, tile = (size_t)NNI_FN(tile_rows)[plan.vectors - 1];
    const int apart = many && across && tile > NNI_WAYS && g->a_row % NNI_PAGE == 0;
    plan.pack_a = g->alpha != 1.0f || paged || apart;
    plan.along = many || g->k <= NNI_SHALLOW || (streams && (!wide || g->m <= tile));
    plan.copies = plan.pack_b && g->b_col == 1 && plan.along && !plan.pack_a && g->a_row != 1 &&
                  NNI_FN(tile_copies)(nni_ceil_div(g->m, nni_ceil_div(g->m, tile)), plan.vectors);
    plan.kc = nni_even_part(g->k, streams ? NNI_B_STREAMS : NNI_KC);
    plan.mc = plan.pack_a ? NNI_MC : g->m;
    plan.nc = g->n;
    if ((many || plan.pack_b) && g->n * plan.kc > NNI_NEAR)
        plan.nc = nni_round_up(nni_even_part(g->n, nni_max(NNI_NEAR / plan.kc, panel)), panel);
    plan.ahead = far && !many && !plan.pack_b ? panel * (g->packed_b ? g->k : 1) : 0;
    return plan;
}

/* Floats that the packed part of B takes. */
static size_t NNI_FN(plan_floats_b)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan) {
    const size_t columns = plan->pack_b ? nni_round_up(nni_min(plan->nc, g->n), VF_LANES) : 0;
    return nni_min(plan->kc, g->k) * columns;
}

/* Floats of workspace that the plan needs. */
static size_t NNI_FN(plan_workspace)(const nni_gemm *g, const NNI_FN(gemm_plan) *plan) {
    if (plan->turned) return g->a_row == 1 ? 0 : g->k * g->m;
    const size_t a = plan->pack_a ? nni_min(plan->kc, g->k) * nni_min(plan->mc, g->m) + VF_LANES : 0;
    return NNI_FN(plan_floats_b)(g, plan) + a;
}

#endif /* NNI_ISA */
