/* scaler.h - features brought to one scale: learned from the training data, applied to all others, and undone */
#ifndef NN_SCALER_H
#define NN_SCALER_H

#include "dataset.h"

typedef enum nn_scaling {
    NN_SCALE_Z_SCORE,  /* mean 0 and deviation 1: (x - mean) / deviation, the deviation over all samples, not all but one */
    NN_SCALE_MIN_MAX,  /* from 0 to 1: (x - min) / (max - min) */
    NN_SCALE_SYMMETRIC /* from -1 to 1: (x - middle) / half the range */
} nn_scaling;

typedef struct nn_scaler_desc {
    nn_scaling kind;
    int per_channel; /* one scale for each channel of an image, over all its places; else one for each value of a sample */
    int refuse_nan; /* NaN among the samples is an error; else it is passed over in learning, and stays NaN when it is scaled */
    const nn_allocator *allocator; /* NULL: malloc; it must outlive the scaler */
} nn_scaler_desc;

/* y = (x - mean)*scale, both operations rounded to floats; back, x = y*spread + mean, rounded once. A feature that has the same
 * value in all samples has scale and spread 0: it becomes 0, whatever it is in other samples, and its value again on the way
 * back. So does a feature that is NaN in all, with mean 0. Means and deviations are summed in double, in the order of the
 * samples, in two passes. */
typedef struct nn_scaler {
    size_t size; /* values of a sample, or channels */
    int per_channel;
    float *mean, *scale, *spread; /* size each, in one block */
    const nn_allocator *allocator;
} nn_scaler;

/* Learns from all samples of d: its floats, or its bytes as b/255. Targets can be scaled too: make a dataset of them first. An
 * infinite value, a range wider than floats, or NaN where that is refused are NN_ERROR_ARGUMENT, with a sentence. desc NULL:
 * z-scores of every value. */
NN_API NN_MUST_USE nn_status nn_scaler_fit(nn_scaler *s, const nn_dataset *d, const nn_scaler_desc *desc, nn_report *report);

/* From known numbers, such as those of a data set's authors: `size` means and spreads. */
NN_API NN_MUST_USE nn_status nn_scaler_of(nn_scaler *s, const float *mean, const float *spread, size_t size, int per_channel,
                                          const nn_allocator *allocator);

NN_API void nn_scaler_free(nn_scaler *s); /* NULL and {0} are fine */

/* rows x s->size floats, forth and back; for a scaler of channels, rows are samples times height times width. y may be x. */
NN_API void nn_scaler_apply(float *y, const float *x, const nn_scaler *s, size_t rows);
NN_API void nn_scaler_invert(float *x, const float *y, const nn_scaler *s, size_t rows);

/* A scaled copy of all samples, as floats in their order; labels, targets, weights and names go with them. to may be d. */
NN_API NN_MUST_USE nn_status nn_scaler_apply_dataset(nn_dataset *to, const nn_dataset *d, const nn_scaler *s);

#ifdef NN_IMPLEMENTATION

#include "../columns.h"
#include "view.h"

#include <float.h>
#include <math.h>

/* ---- applying ---- */

/* Factors by column that repeat every `period` columns; NULL: 0 for mean and shift. */
typedef struct nni_scaling {
    const float *mean, *scale, *shift;
    size_t period;
} nni_scaling;

static void nni_scaling_repeat(float *factor, const float *from, size_t period, size_t column, size_t width) {
    for (size_t j = 0; j < width; j++) factor[j] = from ? from[(column + j) % period] : 0.0f;
}
static void nni_scaling_prepare(const nni_columns *c, float *factor, size_t column, size_t width) {
    const nni_scaling *s = (const nni_scaling *)c->more;
    nni_scaling_repeat(factor, s->mean, s->period, column, width);
    nni_scaling_repeat(factor + NNI_PANEL, s->scale, s->period, column, width);
    nni_scaling_repeat(factor + 2 * NNI_PANEL, s->shift, s->period, column, width);
}

/* y = (x - mean)*scale + shift. Short rows are joined to longer ones, which fill the vectors. */
static void nni_scaling_run(float *y, const float *x, size_t rows, size_t n, const float *mean, const float *scale,
                            const float *shift) {
    const nni_scaling s = {mean, scale, shift, n};
    if (!rows || !n) return;
    while (n < 64 && rows % 2 == 0) {
        rows /= 2;
        n *= 2;
    }
    nni_columns c = nni_columns_of(x, rows, n);
    c.prepare = nni_scaling_prepare;
    c.apply = nni_affine_apply;
    c.more = &s;
    c.y = y;
    nni_columns_run(&c);
}

NN_API void nn_scaler_apply(float *y, const float *x, const nn_scaler *s, size_t rows) {
    nni_scaling_run(y, x, rows, s->size, s->mean, s->scale, NULL);
}
NN_API void nn_scaler_invert(float *x, const float *y, const nn_scaler *s, size_t rows) {
    nni_scaling_run(x, y, rows, s->size, NULL, s->spread, s->mean);
}

static int nni_scaler_fits(const nn_scaler *s, nn_shape shape) {
    return s->size == (s->per_channel ? shape.channels : nn_shape_size(shape));
}

NN_API nn_status nn_scaler_apply_dataset(nn_dataset *to, const nn_dataset *d, const nn_scaler *s) {
    if (!to || !d || !s || (!d->floats && !d->bytes)) return NN_ERROR_NULL;
    if (!nni_scaler_fits(s, d->shape)) return NN_ERROR_SHAPE;
    const size_t size = nn_shape_size(d->shape);
    nn_dataset made = *d, rest = *d;
    nni_join j;
    size_t n;
    rest.floats = NULL; /* what is copied without the samples */
    rest.bytes = NULL;
    if (!nni_mul_size(d->count, size, &n)) return NN_ERROR_SIZE;
    nni_shared *memory = nni_shared_new(d->allocator, NULL);
    float *x = memory ? (float *)nni_shared_take(memory, n, sizeof *x) : NULL;
    if (!x || !nni_join_take(&j, memory, &rest, d->count, d->weights != NULL) || !nni_join_names(&made, memory, d)) {
        nni_shared_drop(memory);
        return NN_ERROR_MEMORY;
    }
    made.floats = x;
    made.bytes = NULL;
    made.labels = j.labels;
    made.targets = j.targets;
    made.weights = j.weights;
    made.rows = NULL;
    made.memory = memory;
    nni_join_copy(&j, d);
    const nn_status status = nn_dataset_gather(x, NULL, NULL, NULL, d, NULL, d->count);
    if (status == NN_OK) nn_scaler_apply(x, x, s, d->count * (size / s->size));
    nni_view_give(to, d, &made);
    return status;
}

/* ---- learning ---- */

static void nni_scaler_take(nn_scaler *s, size_t size, int per_channel, const nn_allocator *allocator) {
    s->size = size;
    s->per_channel = per_channel != 0;
    s->allocator = allocator;
    s->mean = (float *)nni_alloc(allocator, size, 3 * sizeof(float));
    if (s->mean) {
        s->scale = s->mean + size;
        s->spread = s->scale + size;
    }
}

NN_API void nn_scaler_free(nn_scaler *s) {
    if (!s) return;
    nni_free(s->allocator, s->mean);
    memset(s, 0, sizeof *s);
}

/* 0 for a spread that has no finite inverse. */
static void nni_scaler_set(nn_scaler *s, size_t j, float mean, float spread) {
    const float scale = spread > 0.0f ? 1.0f / spread : 0.0f;
    const int usable = scale <= FLT_MAX;
    s->mean[j] = mean;
    s->scale[j] = usable ? scale : 0.0f;
    s->spread[j] = usable ? spread : 0.0f;
}

NN_API nn_status nn_scaler_of(nn_scaler *s, const float *mean, const float *spread, size_t size, int per_channel,
                              const nn_allocator *allocator) {
    if (!s || !mean || !spread) return NN_ERROR_NULL;
    memset(s, 0, sizeof *s);
    if (!size) return NN_ERROR_ARGUMENT;
    for (size_t j = 0; j < size; j++)
        if (!nni_finite(mean[j]) || !nni_finite(spread[j]) || spread[j] < 0.0f) return NN_ERROR_ARGUMENT;
    nni_scaler_take(s, size, per_channel, allocator);
    if (!s->mean) return NN_ERROR_MEMORY;
    for (size_t j = 0; j < size; j++) nni_scaler_set(s, j, mean[j], spread[j]);
    return NN_OK;
}

/* What is known of a feature after the first pass, and after the second. */
typedef struct nni_feature {
    double count, sum, low, high, apart, squares; /* apart, squares: sums of x - mean and of its square */
} nni_feature;

static float nni_sample_value(const nn_dataset *d, size_t at) {
    return d->floats ? d->floats[at] : (float)d->bytes[at] / 255.0f;
}

static nn_status nni_scaler_first(nni_feature *f, const nn_dataset *d, size_t period, int refuse_nan, nn_report *report) {
    const size_t size = nn_shape_size(d->shape);
    for (size_t i = 0; i < d->count; i++)
        for (size_t j = 0, k = 0; j < size; j++, k = k + 1 == period ? 0 : k + 1) {
            const float x = nni_sample_value(d, nn_dataset_row(d, i) * size + j);
            if (!nni_finite(x)) {
                if (x != x && !refuse_nan) continue;
                return nni_say(report, NN_ERROR_ARGUMENT, "value %zu of sample %zu is %s", j, i, x != x ? "NaN" : "infinite");
            }
            if (f[k].count == 0.0) f[k].low = f[k].high = (double)x;
            if ((double)x < f[k].low) f[k].low = (double)x;
            if ((double)x > f[k].high) f[k].high = (double)x;
            f[k].sum += (double)x;
            f[k].count += 1;
        }
    return NN_OK;
}

/* The mean is a little off by rounding: `apart` says how much, and its square is taken off the variance. */
static void nni_scaler_second(nni_feature *f, const nn_dataset *d, size_t period) {
    const size_t size = nn_shape_size(d->shape);
    for (size_t i = 0; i < d->count; i++)
        for (size_t j = 0, k = 0; j < size; j++, k = k + 1 == period ? 0 : k + 1) {
            const float x = nni_sample_value(d, nn_dataset_row(d, i) * size + j);
            if (x != x) continue;
            const double apart = (double)x - f[k].sum / f[k].count;
            f[k].apart += apart;
            f[k].squares += apart * apart;
        }
}

static void nni_scaler_learn(nn_scaler *s, const nni_feature *f, nn_scaling kind) {
    for (size_t k = 0; k < s->size; k++) {
        const double n = f[k].count, range = f[k].high - f[k].low;
        if (n == 0.0 || range == 0.0) nni_scaler_set(s, k, n == 0.0 ? 0.0f : (float)f[k].low, 0.0f);
        else if (kind == NN_SCALE_MIN_MAX) nni_scaler_set(s, k, (float)f[k].low, (float)range);
        else if (kind == NN_SCALE_SYMMETRIC) nni_scaler_set(s, k, (float)(f[k].low + range / 2), (float)(range / 2));
        else {
            const double shift = f[k].apart / n, variance = f[k].squares / n - shift * shift;
            nni_scaler_set(s, k, (float)(f[k].sum / n + shift), (float)sqrt(variance > 0.0 ? variance : 0.0));
        }
    }
}

NN_API nn_status nn_scaler_fit(nn_scaler *s, const nn_dataset *d, const nn_scaler_desc *desc, nn_report *report) {
    static const nn_scaler_desc usual = {NN_SCALE_Z_SCORE, 0, 0, NULL};
    nni_say_nothing(report);
    if (!s || !d || (!d->floats && !d->bytes))
        return nni_say(report, NN_ERROR_NULL, "there is no scaler, or nothing to learn from");
    if (!desc) desc = &usual;
    memset(s, 0, sizeof *s);
    const size_t size = desc->per_channel ? d->shape.channels : nn_shape_size(d->shape);
    if (!size || !d->count || (unsigned)desc->kind > NN_SCALE_SYMMETRIC)
        return nni_say(report, NN_ERROR_ARGUMENT,
                       "%zu samples of %zu values: nothing to learn from, or an unknown kind of scaling", d->count, size);
    nni_scaler_take(s, size, desc->per_channel, desc->allocator);
    nni_feature *f = (nni_feature *)nni_alloc(desc->allocator, size, sizeof *f);
    nn_status status = NN_ERROR_MEMORY;
    if (s->mean && f) {
        memset(f, 0, size * sizeof *f);
        status = nni_scaler_first(f, d, size, desc->refuse_nan, report);
    } else nni_say(report, status, "no memory for a scaler of %zu values", size);
    for (size_t k = 0; status == NN_OK && k < size; k++)
        if (f[k].high - f[k].low > (double)FLT_MAX)
            status = nni_say(report, NN_ERROR_ARGUMENT, "value %zu ranges from %g to %g, which no float spans", k, f[k].low,
                             f[k].high);
    if (status == NN_OK) {
        if (desc->kind == NN_SCALE_Z_SCORE) nni_scaler_second(f, d, size);
        nni_scaler_learn(s, f, desc->kind);
    }
    nni_free(desc->allocator, f);
    if (status != NN_OK) nn_scaler_free(s);
    return status;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_SCALER_H */
