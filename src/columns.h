/* columns.h - operations by columns of a matrix: sums over its rows, and factors for each column */
#ifndef NN_COLUMNS_H
#define NN_COLUMNS_H

#include "config.h"

/* y[j] = x[0][j] + x[1][j] + ...: n sums of `rows` floats each; of a layer's dy, the gradient of its bias. accumulate = 1
 * adds to what y holds, 0 overwrites it without reading. Of no rows, 0. Blocks of 256 rows are summed as floats, eight rows
 * chained at a time, and added in double in the order of their index. */
NN_API void nn_sum_columns(float *y, const float *x, size_t rows, size_t n, int accumulate);

/* y = scale*x + shift with a scale and a shift for each column, the sum rounded once; either may be NULL; y may be x. */
NN_API void nn_affine(float *y, const float *x, const float *scale, const float *shift, size_t rows, size_t n);

#ifdef NN_IMPLEMENTATION

#include "isa.h"
#include "threads.h"

#define NNI_COLUMNS_SHARE 150000 /* elements worth a thread: some 50 us, twice what waking one costs (see nn_threads) */
#define NNI_ROW_BLOCK 256       /* rows that are summed as floats; the blocks' results are added in double */
#define NNI_PANEL 256           /* columns whose sums and factors are held on the stack */
#define NNI_COLUMN_SUMS 2       /* the most sums that an operation has for each column */
#define NNI_COLUMN_FACTORS 5    /* and the most factors */
#define NNI_COLUMNS_HELD 4096   /* sums of blocks that are held while threads share the blocks */

/* An operation by columns, in steps each of which may be missing: `prepare` sets factors for some columns, `sum` sums over one
 * block of rows, `finish` turns the totals into results and factors, and `apply` runs over rows with these factors. It needs
 * no memory but a panel's on the stack. Threads share the columns, or where those are few, the rows of `sum` and `apply`:
 * the blocks and the order in which they are added follow from the shape alone. Sum i of column j of a panel lies at
 * sum[i*width + j], factor i at factor[i*NNI_PANEL + j]. */
typedef struct nni_columns {
    void (*prepare)(const struct nni_columns *c, float *factor, size_t column, size_t width);
    void (*sum)(const struct nni_columns *c, float *sum, const float *factor, size_t block, size_t column, size_t width);
    void (*finish)(const struct nni_columns *c, float *factor, double *total, size_t column, size_t width);
    void (*apply)(const struct nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width);
    const nni_tier *tier;
    size_t rows, n, blocks, sums; /* sums for each column */
    size_t part;                  /* columns, blocks or rows of one thread's part */
    const float *x, *dy;                           /* rows x n */
    const float *mean, *variance, *scale, *shift; /* one for each column */
    float *y, *first, *second;                    /* results: rows x n, and two for each column */
    float epsilon;
    int accumulate;
    const void *more; /* what only one operation has */
} nni_columns;

static nni_columns nni_columns_of(const float *x, size_t rows, size_t n) {
    nni_columns c;
    memset(&c, 0, sizeof c);
    c.tier = nni_get_tier();
    c.x = x;
    c.rows = rows;
    c.n = n;
    c.blocks = nni_ceil_div(rows, NNI_ROW_BLOCK);
    return c;
}

static void nni_columns_add(double *total, const float *sum, size_t count) {
    for (size_t i = 0; i < count; i++) total[i] += (double)sum[i];
}

/* The totals of one panel, by one thread. */
static void nni_columns_total(const nni_columns *c, double *total, const float *factor, size_t column, size_t width) {
    float sum[NNI_COLUMN_SUMS * NNI_PANEL];
    memset(total, 0, c->sums * width * sizeof *total);
    for (size_t block = 0; block < c->blocks; block++) {
        c->sum(c, sum, factor, block, column, width);
        nni_columns_add(total, sum, c->sums * width);
    }
}

/* All steps for the columns of one panel, by one thread. */
static void nni_columns_panel(const nni_columns *c, size_t column, size_t width) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float factor[NNI_COLUMN_FACTORS * NNI_PANEL];
    if (c->prepare) c->prepare(c, factor, column, width);
    if (c->sum) {
        nni_columns_total(c, total, factor, column, width);
        c->finish(c, factor, total, column, width);
    }
    if (c->apply && c->rows) c->apply(c, factor, 0, c->rows, column, width);
}

static void nni_columns_part(void *context, size_t i) {
    const nni_columns *c = (const nni_columns *)context;
    const size_t begin = i * c->part, end = nni_min(c->n, begin + c->part);
    for (size_t column = begin; column < end; column += NNI_PANEL)
        nni_columns_panel(c, column, nni_min(end - column, NNI_PANEL));
}

/* One panel whose rows are shared. */
typedef struct nni_columns_shared {
    nni_columns c;
    size_t column, width, first, count; /* blocks first .. first + count - 1 are summed */
    float *sum;
    const float *factor;
} nni_columns_shared;

static void nni_columns_sum_part(void *context, size_t i) {
    const nni_columns_shared *s = (const nni_columns_shared *)context;
    const size_t begin = i * s->c.part, end = nni_min(s->count, begin + s->c.part);
    for (size_t block = begin; block < end; block++)
        s->c.sum(&s->c, s->sum + block * s->c.sums * s->width, s->factor, s->first + block, s->column, s->width);
}

static void nni_columns_apply_part(void *context, size_t i) {
    const nni_columns_shared *s = (const nni_columns_shared *)context;
    const size_t row = i * s->c.part;
    s->c.apply(&s->c, s->factor, row, nni_min(s->c.part, s->c.rows - row), s->column, s->width);
}

/* The totals of a panel, whose blocks threads share; as many blocks at a time as there is room for their sums. */
static void nni_columns_share_sums(nni_columns_shared *s, double *total, size_t threads) {
    float sum[NNI_COLUMNS_HELD];
    const size_t sums = s->c.sums * s->width;
    s->sum = sum;
    memset(total, 0, sums * sizeof *total);
    for (s->first = 0; s->first < s->c.blocks; s->first += s->count) {
        s->count = nni_min(s->c.blocks - s->first, NNI_COLUMNS_HELD / sums);
        s->c.part = nni_ceil_div(s->count, threads);
        nni_parallel(nni_columns_sum_part, s, nni_ceil_div(s->count, s->c.part));
        for (size_t block = 0; block < s->count; block++) nni_columns_add(total, sum + block * sums, sums);
    }
}

static void nni_columns_share_rows(const nni_columns *c, size_t column, size_t width, size_t threads) {
    double total[NNI_COLUMN_SUMS * NNI_PANEL];
    float factor[NNI_COLUMN_FACTORS * NNI_PANEL];
    nni_columns_shared s;
    s.c = *c;
    s.column = column;
    s.width = width;
    s.factor = factor;
    if (c->prepare) c->prepare(c, factor, column, width);
    if (c->sum) {
        nni_columns_share_sums(&s, total, threads);
        c->finish(c, factor, total, column, width);
    }
    if (!c->apply) return;
    s.c.part = nni_ceil_div(c->rows, threads);
    nni_parallel(nni_columns_apply_part, &s, nni_ceil_div(c->rows, s.c.part));
}

/* Columns are shared in multiples of a cache line, and the rows only where there are too few columns for that. */
static void nni_columns_run(nni_columns *c) {
    const size_t threads = nni_threads_for(c->rows * c->n, NNI_COLUMNS_SHARE), least = 64;
    if (threads > 1 && c->blocks > 1 && c->n < threads * least) {
        for (size_t column = 0; column < c->n; column += NNI_PANEL)
            nni_columns_share_rows(c, column, nni_min(c->n - column, NNI_PANEL), threads);
    } else if (c->n) {
        c->part = nni_round_up(nni_ceil_div(c->n, threads), least);
        nni_parallel(nni_columns_part, c, nni_ceil_div(c->n, c->part));
    }
}

/* Some rows at the columns of a panel. */
static nni_strip nni_columns_strip(const nni_columns *c, size_t row, size_t rows, size_t column, size_t width) {
    const size_t at = row * c->n + column;
    const nni_strip strip = {c->x + at, c->dy ? c->dy + at : NULL, c->n, rows, width, NULL, NULL};
    return strip;
}

static nni_strip nni_columns_block(const nni_columns *c, size_t block, size_t column, size_t width) {
    const size_t row = block * NNI_ROW_BLOCK;
    return nni_columns_strip(c, row, nni_min(c->rows - row, NNI_ROW_BLOCK), column, width);
}

/* The totals of a panel as a gradient, unless it is not wanted. */
static void nni_columns_gradient(float *y, const double *total, size_t column, size_t width, int accumulate) {
    if (!y) return;
    y += column;
    for (size_t j = 0; j < width; j++) y[j] = accumulate ? y[j] + (float)total[j] : (float)total[j];
}

/* A row of factors: a copy of values by column, or `otherwise` where there are none. */
static void nni_columns_copy(float *factor, const float *from, float otherwise, size_t column, size_t width) {
    if (from) memcpy(factor, from + column, width * sizeof *factor);
    else for (size_t j = 0; j < width; j++) factor[j] = otherwise;
}

static void nni_sum_columns_sum(const nni_columns *c, float *sum, const float *factor, size_t block, size_t column,
                                size_t width) {
    const nni_strip strip = nni_columns_block(c, block, column, width);
    (void)factor;
    c->tier->columns_sum(sum, &strip);
}

static void nni_sum_columns_finish(const nni_columns *c, float *factor, double *total, size_t column, size_t width) {
    (void)factor;
    nni_columns_gradient(c->first, total, column, width, c->accumulate);
}

/* The sums of one block need no double: they are the results. */
static void nni_sum_columns_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column,
                                  size_t width) {
    const nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    float sum[NNI_PANEL], *y = c->y + column;
    (void)factor;
    c->tier->columns_sum(c->accumulate ? sum : y, &strip);
    if (c->accumulate) c->tier->add(y, y, sum, width);
}

NN_API void nn_sum_columns(float *y, const float *x, size_t rows, size_t n, int accumulate) {
    nni_columns c = nni_columns_of(x, rows, n);
    if (c.blocks == 1) {
        c.apply = nni_sum_columns_apply;
    } else {
        c.sums = 1;
        c.sum = nni_sum_columns_sum;
        c.finish = nni_sum_columns_finish;
    }
    c.first = c.y = y;
    c.accumulate = accumulate;
    nni_columns_run(&c);
}

/* factors 0 to 2: mean, scale and shift, as also batch normalisation has them */
static void nni_affine_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    nni_columns_copy(factor, NULL, 0.0f, column, width);
    nni_columns_copy(factor + NNI_PANEL, c->scale, 1.0f, column, width);
    nni_columns_copy(factor + 2 * NNI_PANEL, c->shift, 0.0f, column, width);
}

static void nni_affine_apply(const nni_columns *c, const float *factor, size_t row, size_t rows, size_t column, size_t width) {
    nni_strip strip = nni_columns_strip(c, row, rows, column, width);
    strip.mean = factor;
    c->tier->normalize(c->y + row * c->n + column, &strip, factor + NNI_PANEL, factor + 2 * NNI_PANEL);
}

NN_API void nn_affine(float *y, const float *x, const float *scale, const float *shift, size_t rows, size_t n) {
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_affine_prepare;
    c.apply = nni_affine_apply;
    c.scale = scale;
    c.shift = shift;
    c.y = y;
    nni_columns_run(&c);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_COLUMNS_H */
