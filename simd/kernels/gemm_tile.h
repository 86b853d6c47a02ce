/* gemm_tile.h - the micro-kernel: a tile of C held in registers while k runs
 *
 *                          b, vectors x VF_LANES wide           C is loaded first and stored last, so an element is one
 *                 p=0  [ . . . . . . . . . . . . ]              chain of fused multiply-adds in the order of k, however
 *                 p=1  [ . . . . . . . . . . . . ]  ldb         k is blocked: the bits depend on nothing else.
 *                  :                                            beta = 0 does not read C, which may hold NaN.
 *        a: p=0 1 2 ..                                          The last vector of a row holds `ragged` <= VF_LANES
 *    row 0 [ . . . . ]     c: rows x vectors                    columns; nothing beyond them is read or written, but
 *    row 1 [ . . . . ]     [ . . . . . . . . . . . . ]          where VF_FREE_MASK is 0 b must be readable there.
 *     :                                                         No alignment is needed.
 *
 * One call computes a run of `count` such tiles, each a step of a_next, b_next, c_next from the one before: down C, along
 * it, or just one.
 */
#ifndef NNI_ISA
#include "../scalar.h"
#else

/* KC rows of B: a panel of two vectors stays in L1 (48 KiB at 16 lanes). MC rows of A: MC x KC stays in L2. */
#define NNI_KC 384
#define NNI_KC_LARGE 512 /* packed, C is what costs, and passes over it are k/KC */
#define NNI_MC 336
#define NNI_MC_PAGES 64 /* rows of A where each row of B is on a page of its own: both must fit the first TLB */
#define NNI_PAGE 1024
#define NNI_NC 3072
#define NNI_SHALLOW 32 /* k up to which writing C is most of the work */
#define NNI_WIDE_C (1u << 20) /* floats of C from which its rows are written one after another */
#define NNI_FAR (3u << 20) /* floats of B from which it is memory that has to be waited for: prefetch */

typedef struct NNI_FN(tiles) {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t ahead;     /* where to prefetch B, in floats from where it is read */
    int prefetch_c;   /* ask for the next tile of C before computing this one */
    float beta;
} NNI_FN(tiles);

/* A run from a, b and c on. */
typedef void (*NNI_FN(tile_fn))(const NNI_FN(tiles) *run, const float *a, const float *b, float *c);

/* For convolutions: A is read in `rows` x `count` stretches of k, with jumps between the end of one and the next, and B
 * jumps between rows; and bias and ReLU are done before C is stored. By k there is one stretch a row, and no epilogue. */
typedef struct NNI_FN(taps) {
    size_t rows, count;
    ptrdiff_t jump, row_jump; /* of A: after a stretch; after `count` of them, on top */
    size_t b_jump;            /* of B, after a row */
    const float *bias;        /* of the columns of the tile, or NULL */
    int relu;
} NNI_FN(taps);

typedef void (*NNI_FN(taps_fn))(const NNI_FN(tiles) *run, const NNI_FN(taps) *taps, const float *a, const float *b, float *c);

NNI_INLINE vf NNI_FN(tile_load_b)(const float *b, int last, vm mask) {
    return VF_FREE_MASK && last ? vf_load_m(b, mask) : vf_load(b);
}

/* What is done to the sums of a convolution before they are stored. */
NNI_INLINE void NNI_FN(tile_finish)(const int rows, const int vectors, const NNI_FN(taps) *taps, vf *sum, vm mask) {
    if (taps->bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const float *at = taps->bias + j * VF_LANES;
            const vf bias = j == vectors - 1 ? vf_load_m(at, mask) : vf_load(at);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = vf_add(sum[i * vectors + j], bias);
        }
    if (taps->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = NNI_FN(v_relu)(sum[s], sum[s]);
}

/* by_k: a(i,p) = a[p*a_stride + i], as in a packed or transposed A; otherwise a(i,p) = a[i*a_stride + p]. taps is NULL for
 * a plain product, of which nothing then is left of the loops over them. */
NNI_INLINE void NNI_FN(tile)(const int rows, const int vectors, const int by_k, const NNI_FN(tiles) *run,
                             const NNI_FN(taps) *taps, const float *a, const float *b, float *c) {
    vf sum[28], bv[4];
    const vm mask = vm_first(run->ragged);
    const size_t a_stride = run->a_stride, ldb = run->ldb, ldc = run->ldc, k = run->k, ahead = run->ahead;

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = vf_set1(0.0f);
    if (run->beta != 0.0f) {
        const vf scale = vf_set1(run->beta);
        NNI_UNROLL for (int i = 0; i < rows; i++)
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = c + (size_t)i * ldc + j * VF_LANES;
                sum[i * vectors + j] = vf_mul(scale, j == vectors - 1 ? vf_load_m(at, mask) : vf_load(at));
            }
    }

    if (by_k) {
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t p = 0; p < k; p++) {
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    bv[j] = NNI_FN(tile_load_b)(b + j * VF_LANES, j == vectors - 1, mask);
                NNI_UNROLL for (int i = 0; i + 4 <= rows; i += 4) {
                    const vq av = vq_load(a + i);
                    NNI_UNROLL for (int r = 0; r < 4; r++)
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[(i + r) * vectors + j] = vf_fma_q(av, r, bv[j], sum[(i + r) * vectors + j]);
                }
                NNI_UNROLL for (int i = rows / 4 * 4; i < rows; i++) {
                    const vf av = vf_set1(a[i]);
                    NNI_UNROLL for (int j = 0; j < vectors; j++) sum[i * vectors + j] = vf_fma(av, bv[j], sum[i * vectors + j]);
                }
                a += a_stride;
                b += ldb;
            }
            if (taps) a += taps->row_jump;
        }
    } else {
        /* One pointer for three rows: x86 reaches p, p + stride and p + 2*stride from it, and 14 pointers would spill. */
        const float *row[6];
        NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] = a + (size_t)i * a_stride;
        for (size_t tap_rows = taps ? taps->rows : 1; tap_rows > 0; tap_rows--) {
            for (size_t count = taps ? taps->count : 1; count > 0; count--) {
                for (size_t p = 0; p < k; p++) {
                    NNI_UNROLL for (int j = 0; j < vectors; j++) {
                        if (!taps) __builtin_prefetch(b + ahead + j * VF_LANES);
                        bv[j] = NNI_FN(tile_load_b)(b + j * VF_LANES, j == vectors - 1, mask);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i++) {
                        const vf av = vf_set1(row[i / 3][(size_t)(i % 3) * a_stride]);
                        NNI_UNROLL for (int j = 0; j < vectors; j++)
                            sum[i * vectors + j] = vf_fma(av, bv[j], sum[i * vectors + j]);
                    }
                    NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3]++;
                    b += ldb;
                }
                if (taps) NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->jump;
            }
            if (taps) {
                NNI_UNROLL for (int i = 0; i < rows; i += 3) row[i / 3] += taps->row_jump;
                b += taps->b_jump;
            }
        }
    }
    if (taps && !by_k) NNI_FN(tile_finish)(rows, vectors, taps, sum, mask);

    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + (size_t)i * ldc + j * VF_LANES;
            if (j < vectors - 1) vf_store(at, sum[i * vectors + j]);
            else if (VF_FREE_MASK || run->ragged < VF_LANES) vf_store_m(at, sum[i * vectors + j], mask);
            else vf_store(at, sum[i * vectors + j]);
        }
}

NNI_INLINE void NNI_FN(tile_run)(const int rows, const int vectors, const int by_k, const NNI_FN(tiles) *run,
                                 const NNI_FN(taps) *taps, const float *a, const float *b, float *c) {
    for (size_t t = run->count; t > 0; t--) {
        if (run->prefetch_c && t > 1)
            NNI_UNROLL for (int i = 0; i < rows; i++)
                NNI_UNROLL for (int j = 0; j < vectors; j++)
                    __builtin_prefetch(c + run->c_next + (size_t)i * run->ldc + j * VF_LANES, 1);
        NNI_FN(tile)(rows, vectors, by_k, run, taps, a, b, c);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
    }
}

/* Every tile that fits, in both readings of A, for products and for convolutions. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                     \
    static void NNI_FN(tile_by_row_##rows##x##vectors)(const NNI_FN(tiles) *run,                           \
                                                       const float *a, const float *b, float *c) {         \
        NNI_FN(tile_run)(rows, vectors, 0, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void NNI_FN(tile_by_k_##rows##x##vectors)(const NNI_FN(tiles) *run,                             \
                                                       const float *a, const float *b, float *c) {         \
        NNI_FN(tile_run)(rows, vectors, 1, run, NULL, a, b, c);                                            \
    }                                                                                                      \
    static void NNI_FN(taps_by_row_##rows##x##vectors)(const NNI_FN(tiles) *run, const NNI_FN(taps) *taps, \
                                                       const float *a, const float *b, float *c) {         \
        NNI_FN(tile_run)(rows, vectors, 0, run, taps, a, b, c);                                            \
    }                                                                                                      \
    static void NNI_FN(taps_by_k_##rows##x##vectors)(const NNI_FN(tiles) *run, const NNI_FN(taps) *taps,   \
                                                       const float *a, const float *b, float *c) {         \
        NNI_FN(tile_run)(rows, vectors, 1, run, taps, a, b, c);                                            \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

static const int NNI_FN(tile_rows)[4] = {NNI_TILE_ROWS};

/* The place of a tile in the tables, which list all of 1 vector, then all of 2, ... */
static size_t NNI_FN(tile_index)(size_t rows, size_t vectors) {
    size_t at = rows - 1;
    for (size_t v = 1; v < vectors; v++) at += (size_t)NNI_FN(tile_rows)[v - 1];
    return at;
}

static NNI_FN(tile_fn) NNI_FN(tile_find)(int by_k, size_t rows, size_t vectors) {
#define NNI_TILE_BY_ROW(rows, vectors) NNI_FN(tile_by_row_##rows##x##vectors),
#define NNI_TILE_BY_K(rows, vectors) NNI_FN(tile_by_k_##rows##x##vectors),
    static const NNI_FN(tile_fn) by_row_table[] = {NNI_TILES(NNI_TILE_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TILE_BY_K)};
#undef NNI_TILE_BY_ROW
#undef NNI_TILE_BY_K
    return (by_k ? by_k_table : by_row_table)[NNI_FN(tile_index)(rows, vectors)];
}

static NNI_FN(taps_fn) NNI_FN(taps_find)(int by_k, size_t rows, size_t vectors) {
#define NNI_TAPS_BY_ROW(rows, vectors) NNI_FN(taps_by_row_##rows##x##vectors),
#define NNI_TAPS_BY_K(rows, vectors) NNI_FN(taps_by_k_##rows##x##vectors),
    static const NNI_FN(taps_fn) by_row_table[] = {NNI_TILES(NNI_TAPS_BY_ROW)}, by_k_table[] = {NNI_TILES(NNI_TAPS_BY_K)};
#undef NNI_TAPS_BY_ROW
#undef NNI_TAPS_BY_K
    return (by_k ? by_k_table : by_row_table)[NNI_FN(tile_index)(rows, vectors)];
}

#endif /* NNI_ISA */
