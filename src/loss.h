/* loss.h - how far outputs are from what they should be, and the gradient that says where to go */
#ifndef NN_LOSS_H
#define NN_LOSS_H

#include "loss_list.h"
#include "status.h"

/* How the losses of the rows become one number: their mean, or their sum. Never the mean over columns. */
typedef enum nn_reduction { NN_REDUCE_MEAN, NN_REDUCE_SUM } nn_reduction;

/* What the outputs should be, and how to count. Either targets or labels must be given; 0 elsewhere is the usual value.
 *
 * A label k stands for the targets 1 at column k and 0 elsewhere, in every loss and to the bit. NN_LOSS_HINGE wants a label
 * or takes the first of the largest targets.
 *
 * label_smoothing e in [0, 1) replaces a target y by (1-e) y + e/n, or in NN_LOSS_BCE and NN_LOSS_SIGMOID_BCE, whose
 * columns are questions of their own, by (1-e) y + e/2; NN_LOSS_HINGE allows none.
 *
 * A row of sample weight 0 counts for nothing and has the gradient 0, whatever its outputs are.
 *
 * class_weights multiply the terms of each column, and in NN_LOSS_HINGE the loss of rows of that class. The mean divides by
 * the sum of the weights: of the samples' and, in NN_LOSS_SOFTMAX_CE, _CE, _LOG_CE and _HINGE, each times the weight of the
 * row's class, which is PyTorch's mean; with targets the class's weight is sum(weight * target) before smoothing, so that
 * labels and the targets they stand for agree. (PyTorch divides by the rows there.) */
typedef struct nn_loss_desc {
    nn_loss loss;
    const float *targets;        /* rows x n */
    const uint32_t *labels;      /* rows, each below n */
    float label_smoothing;
    const float *sample_weights; /* rows, or NULL: all 1 */
    const float *class_weights;  /* n, or NULL: all 1 */
    nn_reduction reduction;
    float scale;       /* multiplies value and gradient; 0 stands for 1 */
    float margin;      /* NN_LOSS_HINGE; 0 stands for 1 */
    float delta;       /* NN_LOSS_HUBER; 0 stands for 1 */
    int bits;          /* value and row values of losses with a logarithm in base 2; other losses have no unit */
    int gradient_bits; /* the gradient of those, too, which otherwise is that of the natural logarithm */
} nn_loss_desc;

/* The loss of the outputs x, rows x n, and its gradient, in one call.
 *
 * *value is the reduced loss, row_values[r] the loss of row r with its weights but neither reduced nor scaled, dx (rows x n)
 * the gradient of *value by x. Each may be NULL; dx may be x. No rows or no columns have the value 0.
 *
 * From logits every finite x gives a finite value and gradient (but for NN_LOSS_SOFTMAX_BCE of one column, whose p is 1).
 * From probabilities the logarithm is taken to be at least -100, as PyTorch does, and the derivatives divide by at least
 * 1e-12: -y/max(o, 1e-12) + (1-y)/max(1-o, 1e-12), the true derivative between 1e-12 and 1 - 1e-12. At a kink the derivative
 * is 0. NaN in x is no error: it shows in the value.
 *
 * A row's value and, but for the reduction, its gradient do not depend on the rows around it. Row values are summed in double
 * in the order of their index.
 *
 * NN_ERROR_NULL, _SIZE, _ALIAS; NN_ERROR_ARGUMENT: both targets and labels, smoothing outside [0, 1) or with the hinge, a
 * negative or infinite margin or delta, a scale that is not finite, an unknown loss or reduction; NN_ERROR_LABEL, NN_ERROR_TARGET,
 * NN_ERROR_WEIGHT: see nn_status_message. Nothing is written then. */
NN_API NN_MUST_USE nn_status nn_loss_run(float *value, float *row_values, float *dx, const float *x, size_t rows, size_t n,
                                         const nn_loss_desc *desc);

/* The name of a loss as it is written in code, "NN_LOSS_MSE" say; never NULL. */
NN_API const char *nn_loss_name(nn_loss loss);

#ifdef NN_IMPLEMENTATION

#include "alloc.h"
#include "isa.h"
#include "threads.h"

#include <math.h>

#define NNI_LOSS_SHARE 120000 /* elements worth a thread, as in a softmax */
#define NNI_LOSS_ROUND 4096  /* rows whose values are held at a time */
#define NNI_BITS 1.44269504088896340736 /* of a natural unit of information */

/* ---- what is wrong ---- */

static int nni_loss_overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    return a && b && (uintptr_t)a < (uintptr_t)b + b_bytes && (uintptr_t)b < (uintptr_t)a + a_bytes;
}

static int nni_loss_has_logarithm(nn_loss loss) {
    return loss == NN_LOSS_SOFTMAX_CE || loss == NN_LOSS_SOFTMAX_BCE || loss == NN_LOSS_SIGMOID_BCE || loss == NN_LOSS_CE ||
           loss == NN_LOSS_LOG_CE || loss == NN_LOSS_BCE;
}

/* Whether a row belongs to a class, whose weight then weighs the whole row. */
static int nni_loss_has_class(nn_loss loss) {
    return loss == NN_LOSS_SOFTMAX_CE || loss == NN_LOSS_CE || loss == NN_LOSS_LOG_CE || loss == NN_LOSS_HINGE;
}

static nn_status nni_loss_check_options(const nn_loss_desc *d) {
    const int smooth = d->label_smoothing != 0.0f;
    if ((unsigned)d->loss >= NN_LOSS_COUNT || (unsigned)d->reduction > NN_REDUCE_SUM) return NN_ERROR_ARGUMENT;
    if (!(d->label_smoothing >= 0.0f && d->label_smoothing < 1.0f) || (smooth && d->loss == NN_LOSS_HINGE)) return NN_ERROR_ARGUMENT;
    if (!(d->margin >= 0.0f && d->margin < INFINITY && d->delta >= 0.0f && d->delta < INFINITY)) return NN_ERROR_ARGUMENT;
    return isfinite(d->scale) ? NN_OK : NN_ERROR_ARGUMENT;
}

/* Whether the arrays can exist, are there, and do not lie on each other. */
static nn_status nni_loss_check_arrays(const float *value, const float *row_values, const float *dx, const float *x, size_t rows,
                                       size_t n, const nn_loss_desc *d) {
    size_t floats, bytes;
    if (!nni_mul_size(rows, n, &floats) || !nni_mul_size(floats, sizeof(float), &bytes) || bytes > PTRDIFF_MAX ||
        rows > PTRDIFF_MAX / sizeof(float) || n > UINT32_MAX)
        return NN_ERROR_SIZE;
    if (floats && !x) return NN_ERROR_NULL;
    if (d->targets && d->labels) return NN_ERROR_ARGUMENT;
    if (floats && !d->targets && !d->labels) return NN_ERROR_NULL;
    const size_t per_row = rows * sizeof(float), per_column = n * sizeof(float);
    const void *const out[] = {value, row_values, dx};
    const size_t out_bytes[] = {sizeof(float), per_row, bytes};
    for (int i = 0; i < 3; i++) {
        const size_t size = out_bytes[i];
        if (!(i == 2 && dx == x) && nni_loss_overlap(out[i], size, x, bytes)) return NN_ERROR_ALIAS;
        if (nni_loss_overlap(out[i], size, d->targets, bytes) || nni_loss_overlap(out[i], size, d->labels, per_row) ||
            nni_loss_overlap(out[i], size, d->sample_weights, per_row) || nni_loss_overlap(out[i], size, d->class_weights, per_column) ||
            nni_loss_overlap(out[i], size, out[(i + 1) % 3], out_bytes[(i + 1) % 3]))
            return NN_ERROR_ALIAS;
    }
    return NN_OK;
}

/* The sum of weights, or -1 if one is not a weight. */
static double nni_weight_sum(const float *weights, size_t n) {
    double sum = 0.0;
    int fine = 1;
    for (size_t i = 0; i < n; i++) {
        fine &= weights[i] >= 0.0f && weights[i] < INFINITY;
        sum += (double)weights[i];
    }
    return fine ? sum : -1.0;
}

static nn_status nni_loss_check_values(const nni_tier *tier, size_t rows, size_t n, const nn_loss_desc *d) {
    int fine = 1;
    if (d->labels) {
        for (size_t r = 0; r < rows; r++) fine &= d->labels[r] < n;
        if (!fine) return NN_ERROR_LABEL;
    } else if (n && !tier->all_finite(d->targets, rows * n)) {
        return NN_ERROR_TARGET;
    }
    if (d->sample_weights && rows && !(nni_weight_sum(d->sample_weights, rows) > 0.0)) return NN_ERROR_WEIGHT;
    if (d->class_weights && n && !(nni_weight_sum(d->class_weights, n) > 0.0)) return NN_ERROR_WEIGHT;
    return NN_OK;
}

/* ---- what to divide by ---- */

/* The weight of a row's class: of the right column, or of the columns as the targets say. */
static double nni_class_weight(const nni_tier *tier, size_t r, size_t n, const nn_loss_desc *d) {
    if (d->labels) return (double)d->class_weights[d->labels[r]];
    const float *targets = d->targets + r * n;
    if (d->loss == NN_LOSS_HINGE) return (double)d->class_weights[tier->argmax(targets, n)];
    double sum = 0.0;
    for (size_t i = 0; i < n; i += NNI_BLOCK) {
        float partial;
        tier->dot(&partial, d->class_weights + i, targets + i, nni_min(n - i, NNI_BLOCK));
        sum += (double)partial;
    }
    return sum;
}

static double nni_loss_divisor(const nni_tier *tier, size_t rows, size_t n, const nn_loss_desc *d) {
    if (d->reduction == NN_REDUCE_SUM) return 1.0;
    if (!d->class_weights || !nni_loss_has_class(d->loss))
        return d->sample_weights ? nni_weight_sum(d->sample_weights, rows) : (double)rows;
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++)
        sum += nni_class_weight(tier, r, n, d) * (d->sample_weights ? (double)d->sample_weights[r] : 1.0);
    return sum;
}

/* ---- the run ---- */

static nni_loss nni_loss_of(const nn_loss_desc *d, size_t n, double factor) {
    const int questions = d->loss == NN_LOSS_BCE || d->loss == NN_LOSS_SIGMOID_BCE;
    nni_loss l;
    memset(&l, 0, sizeof l);
    l.loss = d->loss;
    l.n = n;
    l.targets = d->targets;
    l.labels = d->labels;
    l.keep = 1.0f - d->label_smoothing;
    l.add = d->label_smoothing / (questions ? 2.0f : (float)n);
    l.sample_weights = d->sample_weights;
    l.class_weights = d->class_weights;
    l.margin = d->margin > 0.0f ? d->margin : 1.0f;
    l.delta = d->delta > 0.0f ? d->delta : 1.0f;
    l.gradient = (float)(d->gradient_bits && nni_loss_has_logarithm(d->loss) ? factor * NNI_BITS : factor);
    return l;
}

/* A round of rows, cut into parts for the threads. */
typedef struct nni_loss_job {
    const nni_tier *tier;
    nni_loss loss;
    const float *x;
    float *dx, *row;
    size_t rows, part;
} nni_loss_job;

/* Rows of weight 0 may hold anything, of which 0 times infinity would remain. */
static void nni_loss_drop(float *row, float *dx, size_t rows, const nni_loss *l) {
    for (size_t r = 0; r < rows; r++)
        if (l->sample_weights[r] == 0.0f) {
            row[r] = 0.0f;
            if (dx) memset(dx + r * l->n, 0, l->n * sizeof *dx);
        }
}

static void nni_loss_task(void *context, size_t i) {
    const nni_loss_job *job = (const nni_loss_job *)context;
    const size_t r = i * job->part, at = r * job->loss.n, rows = nni_min(job->part, job->rows - r);
    float *row = job->row + r, *dx = job->dx ? job->dx + at : NULL;
    nni_loss l = job->loss;
    if (l.targets) l.targets += at;
    if (l.labels) l.labels += r;
    if (l.sample_weights) l.sample_weights += r;
    job->tier->loss(row, dx, job->x + at, rows, &l);
    if (l.sample_weights) nni_loss_drop(row, dx, rows, &l);
}

/* Moves a job past its round. */
static void nni_loss_next(nni_loss_job *job) {
    const size_t floats = job->rows * job->loss.n;
    job->x += floats;
    if (job->dx) job->dx += floats;
    if (job->loss.targets) job->loss.targets += floats;
    if (job->loss.labels) job->loss.labels += job->rows;
    if (job->loss.sample_weights) job->loss.sample_weights += job->rows;
}

static double nni_loss_sum(nni_loss_job *job, float *row_values, size_t rows) {
    float held[NNI_LOSS_ROUND];
    double total = 0.0;
    for (size_t done = 0; done < rows; done += job->rows) {
        job->rows = nni_min(rows - done, NNI_LOSS_ROUND);
        job->row = row_values ? row_values + done : held;
        job->part = nni_ceil_div(job->rows, nni_threads_for(job->rows * job->loss.n, NNI_LOSS_SHARE));
        nni_parallel(nni_loss_task, job, nni_ceil_div(job->rows, job->part));
        for (size_t r = 0; r < job->rows; r++) total += (double)job->row[r];
        nni_loss_next(job);
    }
    return total;
}

static double nni_loss_all(float *row_values, float *dx, const float *x, size_t rows, size_t n, const nn_loss_desc *d,
                           const nni_tier *tier, double factor) {
    const double unit = d->bits && nni_loss_has_logarithm(d->loss) ? NNI_BITS : 1.0;
    nni_loss_job job;
    memset(&job, 0, sizeof job);
    job.tier = tier;
    job.loss = nni_loss_of(d, n, factor);
    job.x = x;
    job.dx = dx;
    const double total = nni_loss_sum(&job, row_values, rows);
    if (row_values && unit != 1.0) tier->scale(row_values, row_values, rows, (float)unit);
    return total * factor * unit;
}

NN_API nn_status nn_loss_run(float *value, float *row_values, float *dx, const float *x, size_t rows, size_t n,
                             const nn_loss_desc *desc) {
    const nni_tier *tier = nni_get_tier();
    nn_status status = nn_isa_status();
    if (status == NN_OK) status = desc ? nni_loss_check_options(desc) : NN_ERROR_NULL;
    if (status == NN_OK) status = nni_loss_check_arrays(value, row_values, dx, x, rows, n, desc);
    if (status == NN_OK) status = nni_loss_check_values(tier, rows, n, desc);
    if (status != NN_OK) return status;
    double total = 0.0;
    if (rows && n) {
        const double divisor = nni_loss_divisor(tier, rows, n, desc);
        if (!(divisor > 0.0)) return NN_ERROR_WEIGHT;
        total = nni_loss_all(row_values, dx, x, rows, n, desc, tier, (desc->scale != 0.0f ? (double)desc->scale : 1.0) / divisor);
    } else if (row_values) {
        memset(row_values, 0, rows * sizeof *row_values);
    }
    if (value) *value = (float)total;
    return NN_OK;
}

NN_API const char *nn_loss_name(nn_loss loss) {
    static const char *const names[] = {
#define NN_LOSS_NAME(name, function) #name,
        NN_LOSS_LIST(NN_LOSS_NAME)
#undef NN_LOSS_NAME
    };
    return (unsigned)loss < NN_LOSS_COUNT ? names[loss] : "NN_LOSS_UNKNOWN";
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_LOSS_H */
