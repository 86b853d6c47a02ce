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

/* Sizes in floats, measured on a Sapphire Rapids (L1 48 KiB, L2 2 MiB, 30 GB/s from L3), those for a small L2 on a Zen 1. */
#define NNI_KC 340                   /* of k between loading and storing C: passes over C are k/KC */
#define NNI_NEAR ((size_t)1 << 18)   /* of B that stay in L2 while A and C pass */
#define NNI_MC 168                   /* rows of a packed A: MC x KC stays in L2 */
#define NNI_MANY_ROWS (6 * VF_LANES) /* rows from which a B that is not near is copied: its elements are used often enough */
#define NNI_VAST ((size_t)1 << 21)   /* of B, of whose pages the second TLB holds a part at a time: it is copied from */
#define NNI_VAST_ROWS (8 * VF_LANES) /* so many rows on */
#define NNI_LONG 512                 /* columns from which a row of B is a stream, */
#define NNI_B_STREAMS (nni_cpu_has_large_l2() ? 48 : 96) /* and how many of them side by side read fastest */
#define NNI_STREAMS_NEAR (nni_cpu_has_large_l2() ? NNI_NEAR : NNI_NEAR / 2) /* of such streams that stay in L2; wider ones */
#define NNI_WIDE_ROWS (12 * VF_LANES)                                       /* are copied from so many rows on */
#define NNI_SHALLOW 32               /* k up to which a copy of B is not worth while, */
#define NNI_FLEETING 16              /* and writing C in long runs is most of the work */
#define NNI_BRIEF 8                  /* k up to which a tile is done before the next one's C has come from memory */
#define NNI_LINE 16                  /* of a line of the cache */
#define NNI_PAGE 1024                /* of a page of memory, */
#define NNI_PAGES 48                 /* and how many of them a tile may walk through: the first TLB has 96, the rest is for C */
#define NNI_WAYS 8                   /* rows a page apart that L1 is sure to keep: they share the places of one set */
#define NNI_ACROSS 400               /* columns from which an A that lies in more pages is copied: it is used often enough */
#define NNI_MORE_PAGES 128           /* which a tile does not find in the first TLB again, */
#define NNI_FEWER 144                /* and columns from which an A in so many is copied for tall tiles */
#define NNI_SMALL_B 1024             /* of a small B that is copied to the stack */
#define NNI_PACKED_TOGETHER 8        /* panels that are written side by side: of pages written to, the first TLB has 16 */

/* A run of tiles. Convolutions read A in `tap_rows` x `stretches` stretches of k; a product is a single one. */
typedef struct NNI_FN(tiles) {
    size_t k, count;
    size_t a_stride, ldb, ldc;
    size_t a_next, b_next, c_next;
    size_t ragged;
    size_t shorts;  /* last steps of a stretch at which a whole last vector of B would be read from beyond its end */
    size_t ahead;   /* where to prefetch B, in floats from where it is read */
    int prefetch_c; /* ask for the next tile of C before computing this one */
    float beta;
    size_t tap_rows, stretches;
    ptrdiff_t a_step, a_row_step; /* from where a stretch begins in A to the next one; from the last one of a row to the next row */
    size_t b_step, b_row_step;    /* the same of B */
    const float *bias;        /* NULL, or added to the rows of C: of the first tile's columns, */
    size_t bias_next;         /* and from a tile's to the next one's */
    float *copy;              /* NULL, or where a packed B is made of what is read, one tile's panel behind the other */
    int relu;                 /* done last */
} NNI_FN(tiles);

/* A run from a, b and c on. */
typedef void (*NNI_FN(tile_fn))(const NNI_FN(tiles) *run, const float *a, const float *b, float *c);

/* A run of one tile of one stretch; the strides are left to say where it lies. */
NNI_INLINE NNI_FN(tiles) NNI_FN(tiles_plain)(size_t k, float beta) {
    const NNI_FN(tiles) run = {k, 1, 0, 0, 0, 0, 0, 0, VF_LANES, 0, 0, 0, beta, 1, 1, 0, 0, 0, 0, NULL, 0, NULL, 0};
    return run;
}

/* b's last vector by mask costs a slot of the fma units on Intel: only where it must be. What lies ahead is asked for by the
 * end of each vector: where rows do not begin with a line of the cache, their first line has come with the panel before. */
NNI_INLINE void NNI_FN(tile_load_b)(const int vectors, const int masked, vf *bv, const float *b, size_t ahead, vm mask) {
    if (ahead) NNI_UNROLL for (int j = 1; j <= vectors; j++) __builtin_prefetch(b + ahead + j * VF_LANES - 1);
    NNI_UNROLL for (int j = 0; j < vectors; j++)
        bv[j] = masked && j == vectors - 1 ? vf_load_m(b + j * VF_LANES, mask) : vf_load(b + j * VF_LANES);
}

/* A row's products of one step of k. If it is `fed` the number of A is loaded with each multiplication, one instruction less;
 * in a `long_loop` GCC would lose its way among the sums. */
NNI_INLINE void NNI_FN(tile_row)(const int vectors, const int fed, const int long_loop, vf *sum, const float *from,
                                 const vf *bv) {
    const vf av = vf_set1(*from);
    NNI_UNROLL for (int j = 0; j < vectors; j++)
        sum[j] = fed ? vf_fma_at(from, bv[j], sum[j]) : long_loop ? vf_fma_onto(av, bv[j], sum[j]) : vf_fma(av, bv[j], sum[j]);
}

/* A step of k where A is read by columns, as in a packed or transposed A. */
NNI_INLINE void NNI_FN(tile_step_by_k)(const int rows, const int vectors, const int masked, vf *sum, const float *a,
                                       const float *b, vm mask) {
    const int fed = NNI_FED(rows, vectors), by_four = fed ? 0 : rows / 4 * 4;
    vf bv[4];
    NNI_FN(tile_load_b)(vectors, masked, bv, b, 0, mask);
    NNI_UNROLL for (int i = 0; i < by_four; i += 4) {
        const vq av = vq_load(a + i);
        NNI_UNROLL for (int r = 0; r < 4; r++)
            NNI_UNROLL for (int j = 0; j < vectors; j++)
                sum[(i + r) * vectors + j] = vf_fma_q(av, r, bv[j], sum[(i + r) * vectors + j]);
    }
    NNI_UNROLL for (int i = by_four; i < rows; i++) NNI_FN(tile_row)(vectors, fed, 0, sum + i * vectors, a + i, bv);
}

/* Adds the products of all stretches: a(i,p) = a[p*a_stride + i]. Between stretches, and between tiles, the run is hidden:
 * else all that leads to the next one is read, and spilled, in advance. */
NNI_INLINE void NNI_FN(tile_sum_by_k)(const int rows, const int vectors, const NNI_FN(tiles) *run, vf *sum, const float *a,
                                      const float *b, vm mask) {
    const size_t a_stride = run->a_stride, ldb = run->ldb;
    for (size_t tap_rows = run->tap_rows; tap_rows > 0;) {
        const float *from = a, *with = b;
        const size_t shorts = VF_FREE_MASK ? run->shorts : 0;
        for (size_t p = run->k - shorts; p > 0; p--, from += a_stride, with += ldb)
            NNI_FN(tile_step_by_k)(rows, vectors, 0, sum, from, with, mask);
        for (size_t p = shorts; p > 0; p--, from += a_stride, with += ldb)
            NNI_FN(tile_step_by_k)(rows, vectors, 1, sum, from, with, mask);
        if (--tap_rows == 0) break;
        NNI_HIDE(run);
        a += run->a_row_step;
        b += run->b_row_step;
    }
}

/* A pointer for each row of A; or, since 14 pointers would spill, one for two or three rows and their distances. */
NNI_INLINE void NNI_FN(tile_find_rows)(const int rows, const int each, const float **row, const float *a, size_t a_stride) {
    NNI_UNROLL for (int i = 0; i < rows; i += each) {
        row[i / each] = a + (size_t)i * a_stride;
        NNI_HIDE(row[i / each]);
    }
}

/* A step of k where A is read by rows: row i is row[i / each] + at[i % each]; in a long loop at[0] is a constant. What is read
 * of B goes into `copy` if the tile `copies`: it is loaded anyway, and multiplying is what takes the time. */
NNI_INLINE void NNI_FN(tile_step_by_row)(const int rows, const int vectors, const int masked, const int each,
                                         const int long_loop, const int copies, vf *sum, const float *const *row,
                                         const size_t *at, const float *b, size_t ahead, float *copy, vm mask) {
    const int fed = long_loop && NNI_FED(rows, vectors);
    vf bv[4];
    NNI_FN(tile_load_b)(vectors, masked, bv, b, ahead, mask);
    if (copies) NNI_UNROLL for (int j = 0; j < vectors; j++) vf_store(copy + j * VF_LANES, bv[j]);
    NNI_UNROLL for (int i = 0; i < rows; i++)
        NNI_FN(tile_row)(vectors, fed && i % each == 0, long_loop, sum + i * vectors, row[i / each] + at[i % each], bv);
}

/* A stretch of k where A is read by rows; returns how far the pointers to the rows have moved. Tall tiles take some steps
 * together: pointers move on once, what is between is in the addresses, and a quarter fewer instructions leave more of a core
 * that another thread may share to multiplications. What would not fit is hidden: GCC keeps it in vector registers, and to
 * fetch it takes the place of an fma. Where B is asked for ahead the loads are enough as they are; not of one vector, which
 * has more loads than multiplications anyway. Steps that must read B by mask are the last; a lone vector's are all that the
 * long loop leaves, which saves small products another one. Where B is copied its vectors are whole. */
NNI_INLINE size_t NNI_FN(tile_stretch_by_row)(const int rows, const int vectors, const int each, const int copies,
                                              const NNI_FN(tiles) *run, vf *sum, const float **row, const float *b,
                                              float *copy, vm mask) {
    const size_t a_stride = run->a_stride, ldb = run->ldb, together = NNI_STEPS(rows, vectors);
    const int masked = VF_FREE_MASK && !copies, lone = together > 1 && vectors == 1;
    const size_t ahead = lone ? 0 : run->ahead, shorts = masked ? run->shorts : 0;
    size_t at[3] = {0, a_stride, 2 * a_stride}, p = run->k, gone = 0;
    for (; together > 1 && !ahead && p >= together + shorts; p -= together, gone += together) {
        NNI_UNROLL for (int i = 1; i < each; i++) NNI_HIDE(at[i]);
        NNI_UNROLL for (size_t q = 0; q < together; q++, b += ldb) {
            const size_t there[3] = {q, at[1] + q, at[2] + q};
            NNI_HIDE(b);
            NNI_FN(tile_step_by_row)(rows, vectors, 0, each, vectors > 1, copies, sum, row, there, b, 0, copy, mask);
            if (copies) copy += vectors * VF_LANES;
        }
        NNI_UNROLL for (int i = 0; i < rows; i += each) row[i / each] += together;
    }
    for (; masked && !lone && p > shorts; p--, b += ldb) {
        NNI_FN(tile_step_by_row)(rows, vectors, 0, each, 0, 0, sum, row, at, b, ahead, NULL, mask);
        NNI_UNROLL for (int i = 0; i < each; i++) at[i]++;
    }
    for (; p > 0; p--, b += ldb) {
        NNI_FN(tile_step_by_row)(rows, vectors, masked, each, 0, copies, sum, row, at, b, ahead, copy, mask);
        if (copies) copy += vectors * VF_LANES;
        NNI_UNROLL for (int i = 0; i < each; i++) at[i]++;
    }
    return gone;
}

/* A by rows: a(i,p) = a[i*a_stride + p]. Where B is copied there is a single stretch. */
NNI_INLINE void NNI_FN(tile_sum_by_row)(const int rows, const int vectors, const int copies, const NNI_FN(tiles) *run,
                                        vf *sum, const float *a, const float *b, float *copy, vm mask) {
    const int each = rows <= 6 ? 1 : vectors > 1 && NNI_STEPS(rows, vectors) > 1 ? 2 : 3;
    const float *row[7];
    NNI_FN(tile_find_rows)(rows, each, row, a, run->a_stride);
    for (size_t tap_rows = run->tap_rows; tap_rows > 0;) {
        size_t gone;
        for (size_t stretches = run->stretches;;) {
            gone = NNI_FN(tile_stretch_by_row)(rows, vectors, each, copies, run, sum, row, b, copy, mask);
            if (copies || --stretches == 0) break;
            NNI_HIDE(run);
            NNI_UNROLL for (int i = 0; i < rows; i += each) row[i / each] += run->a_step - (ptrdiff_t)gone;
            b += run->b_step;
        }
        if (copies || --tap_rows == 0) break;
        NNI_HIDE(run);
        NNI_UNROLL for (int i = 0; i < rows; i += each) row[i / each] += run->a_row_step - (ptrdiff_t)gone;
        b += run->b_row_step;
    }
}

/* What is done to the sums before they are stored. */
NNI_INLINE void NNI_FN(tile_finish)(const int rows, const int vectors, const NNI_FN(tiles) *run, const float *bias, vf *sum,
                                    vm mask) {
    if (bias)
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            const vf add = j == vectors - 1 ? vf_load_m(bias + j * VF_LANES, mask) : vf_load(bias + j * VF_LANES);
            NNI_UNROLL for (int i = 0; i < rows; i++) sum[i * vectors + j] = vf_add(sum[i * vectors + j], add);
        }
    if (run->relu)
        NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = NNI_FN(v_relu)(sum[s], sum[s]);
}

/* `copy` is where a tile that `copies` does so. The rows of C are reached one from the other: GCC would keep the
 * addresses of all vectors, on the stack. */
NNI_INLINE void NNI_FN(tile)(const int rows, const int vectors, const int by_k, const int copies, const NNI_FN(tiles) *run,
                             const float *a, const float *b, float *c, const float *bias, float *copy) {
    vf sum[28];
    const size_t ldc = run->ldc, ragged = run->ragged;
    const vm mask = vm_first(ragged);
    NNI_UNROLL for (int s = 0; s < rows * vectors; s++) sum[s] = vf_set1(0.0f);
    if (run->beta != 0.0f) {
        const vf scale = vf_set1(run->beta);
        const float *from = c;
        NNI_UNROLL for (int i = 0; i < rows; i++) {
            NNI_UNROLL for (int j = 0; j < vectors; j++) {
                const float *at = from + j * VF_LANES;
                sum[i * vectors + j] = vf_mul(scale, j == vectors - 1 ? vf_load_m(at, mask) : vf_load(at));
            }
            from += ldc;
            NNI_HIDE(from);
        }
    }
    if (by_k) NNI_FN(tile_sum_by_k)(rows, vectors, run, sum, a, b, mask);
    else NNI_FN(tile_sum_by_row)(rows, vectors, copies, run, sum, a, b, copy, mask);
    NNI_FN(tile_finish)(rows, vectors, run, bias, sum, mask);
    NNI_UNROLL for (int i = 0; i < rows; i++) {
        NNI_UNROLL for (int j = 0; j < vectors; j++) {
            float *at = c + j * VF_LANES;
            if (j < vectors - 1 || (!VF_FREE_MASK && ragged == VF_LANES)) vf_store(at, sum[i * vectors + j]);
            else vf_store_m(at, sum[i * vectors + j], mask);
        }
        c += ldc;
        NNI_HIDE(c);
    }
}

NNI_INLINE void NNI_FN(tile_run)(const int rows, const int vectors, const int by_k, const NNI_FN(tiles) *run, const float *a,
                                 const float *b, float *c) {
    const float *bias = run->bias;
    for (size_t left = run->count;;) {
        if (run->prefetch_c && left > 1) {
            const float *next = c + run->c_next;
            for (int i = 0; i < rows; i++, next += run->ldc)
                NNI_UNROLL for (int j = 0; j < vectors; j++) __builtin_prefetch(next + j * VF_LANES, 1);
        }
        NNI_FN(tile)(rows, vectors, by_k, 0, run, a, b, c, bias, NULL);
        if (--left == 0) return;
        NNI_HIDE(run);
        a += run->a_next;
        b += run->b_next;
        c += run->c_next;
        if (bias) bias += run->bias_next;
    }
}

/* A run along the rows of C that copies B. */
NNI_INLINE void NNI_FN(tile_run_copying)(const int rows, const int vectors, const NNI_FN(tiles) *run, const float *a,
                                         const float *b, float *c) {
    const float *bias = run->bias;
    float *copy = run->copy;
    for (size_t left = run->count; left > 0; left--) {
        NNI_FN(tile)(rows, vectors, 0, 1, run, a, b, c, bias, copy);
        NNI_HIDE(run);
        b += run->b_next;
        c += run->c_next;
        copy += run->k * vectors * VF_LANES;
        if (bias) bias += run->bias_next;
    }
}

static const int NNI_FN(tile_rows)[4] = {NNI_TILE_ROWS};

/* Whether there is such a tile that copies B: where A has many rows the first ones are the tallest, or have a row less. */
NNI_INLINE int NNI_FN(tile_copies)(size_t rows, size_t vectors) {
    return vectors > 1 && rows + 1 >= (size_t)NNI_FN(tile_rows)[vectors - 1];
}

/* Every tile that fits, in both readings of A; and where it copies B, which is a function of its own, so that short products do
 * not ask whether it does. */
#define NNI_TILE_DEFINE(rows, vectors)                                                                                        \
    static void NNI_FN(tile_by_row_##rows##x##vectors)(const NNI_FN(tiles) *run, const float *a, const float *b, float *c) {  \
        NNI_FN(tile_run)(rows, vectors, 0, run, a, b, c);                                                                     \
    }                                                                                                                         \
    static void NNI_FN(tile_by_k_##rows##x##vectors)(const NNI_FN(tiles) *run, const float *a, const float *b, float *c) {    \
        NNI_FN(tile_run)(rows, vectors, 1, run, a, b, c);                                                                     \
    }                                                                                                                         \
    static void NNI_FN(tile_copying_##rows##x##vectors)(const NNI_FN(tiles) *run, const float *a, const float *b, float *c) { \
        if (NNI_FN(tile_copies)(rows, vectors)) NNI_FN(tile_run_copying)(rows, vectors, run, a, b, c);                        \
    }
NNI_TILES(NNI_TILE_DEFINE)
#undef NNI_TILE_DEFINE

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

/* A run of it goes along the rows of C. */
static NNI_FN(tile_fn) NNI_FN(tile_find_copying)(size_t rows, size_t vectors) {
#define NNI_TILE_COPYING(rows, vectors) NNI_FN(tile_copying_##rows##x##vectors),
    static const NNI_FN(tile_fn) table[] = {NNI_TILES(NNI_TILE_COPYING)};
#undef NNI_TILE_COPYING
    return table[NNI_FN(tile_index)(rows, vectors)];
}

#endif /* NNI_ISA */
