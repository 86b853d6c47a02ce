/* layers_exact.h - layers and networks in double, by the loops of their definitions: what is right */
#ifndef BENCH_LAYERS_EXACT_H
#define BENCH_LAYERS_EXACT_H

#include "layers.h"

#define EXACT_ARRAYS 64

/* ---- memory ---- */

static double *exact_arrays[EXACT_ARRAYS];
static size_t exact_arrays_used;

static double *exact_new(size_t n) {
    double *x = exact_arrays_used < EXACT_ARRAYS ? (double *)calloc(n, sizeof *x) : NULL;
    if (!x) bench_fail("out of memory");
    exact_arrays[exact_arrays_used++] = x;
    return x;
}

static void exact_release(void) {
    while (exact_arrays_used) free(exact_arrays[--exact_arrays_used]);
}

static double *exact_of(const float *x, size_t n) {
    double *y = exact_new(n);
    for (size_t i = 0; i < n; i++) y[i] = (double)x[i];
    return y;
}

/* ---- results ---- */

typedef struct exact_sketch {
    double *sum, *bound, tolerance; /* beside the norm of an array */
    size_t part;
} exact_sketch;

/* Adds one array. The sums have random signs, so the norm of an error is what they show of it. */
static void exact_add(exact_sketch *s, const double *y, size_t n) {
    double squares[LAYERS_SUMS] = {0.0};
    double *sum = s->sum + s->part * LAYERS_SUMS, *bound = s->bound + s->part * LAYERS_SUMS;
    for (size_t i = 0; i < n; i++) {
        sum[i % LAYERS_SUMS] += bench_row_weight(i) * y[i];
        squares[i % LAYERS_SUMS] += y[i] * y[i];
    }
    for (size_t i = 0; i < LAYERS_SUMS; i++) bound[i] = s->tolerance * sqrt(squares[i]);
    s->part++;
}

/* ---- dense ---- */

static void exact_dense(double *y, const double *x, const double *w, const double *b, size_t rows, size_t in, size_t out) {
    for (size_t r = 0; r < rows; r++, x += in, y += out) {
        for (size_t j = 0; j < out; j++) y[j] = b ? b[j] : 0.0;
        for (size_t i = 0; i < in; i++)
            for (size_t j = 0; j < out; j++) y[j] += x[i] * w[i * out + j];
    }
}

/* All gradients start as zeros. */
static void exact_dense_back(double *dx, double *dw, double *db, const double *dy, const double *x, const double *w,
                             size_t rows, size_t in, size_t out) {
    for (size_t r = 0; r < rows; r++, x += in, dy += out) {
        for (size_t i = 0; i < in; i++)
            for (size_t j = 0; j < out; j++) dw[i * out + j] += x[i] * dy[j];
        for (size_t j = 0; db && j < out; j++) db[j] += dy[j];
        for (size_t i = 0; dx && i < in; i++)
            for (size_t j = 0; j < out; j++) dx[r * in + i] += dy[j] * w[i * out + j];
    }
}

/* ---- norms ---- */

/* One normalised group of n numbers, `stride` apart; gamma and beta move by `step`. */
static double exact_normalize(double *y, double *z, const double *x, size_t n, size_t stride, const double *gamma,
                              const double *beta, size_t step) {
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < n; i++) mean += x[i * stride] / (double)n;
    for (size_t i = 0; i < n; i++) variance += (x[i * stride] - mean) * (x[i * stride] - mean) / (double)n;
    const double inverse = 1.0 / sqrt(variance + (double)LAYERS_EPSILON);
    for (size_t i = 0; i < n; i++) {
        z[i * stride] = (x[i * stride] - mean) * inverse;
        y[i * stride] = gamma[i * step] * z[i * stride] + beta[i * step];
    }
    return inverse;
}

static void exact_normalize_back(double *dx, double *dgamma, double *dbeta, const double *dy, const double *z, double inverse,
                                 size_t n, size_t stride, const double *gamma, size_t step) {
    double sum = 0.0, products = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double g = gamma[i * step] * dy[i * stride];
        sum += g / (double)n;
        products += g * z[i * stride] / (double)n;
        dgamma[i * step] += dy[i * stride] * z[i * stride];
        dbeta[i * step] += dy[i * stride];
    }
    for (size_t i = 0; i < n; i++)
        dx[i * stride] = inverse * (gamma[i * step] * dy[i * stride] - sum - z[i * stride] * products);
}

typedef struct exact_norm {
    double *z, *inverse, *gamma, *beta, *dgamma, *dbeta;
    size_t rows, n;
    int by_row;
} exact_norm;

static exact_norm exact_norm_of(const float *gamma, const float *beta, size_t rows, size_t n, int by_row) {
    const exact_norm norm = {exact_new(rows * n), exact_new(by_row ? rows : n), exact_of(gamma, n), exact_of(beta, n),
                             exact_new(n), exact_new(n), rows, n, by_row};
    return norm;
}

static void exact_norm_run(exact_norm *s, double *y, const double *x) {
    if (s->by_row)
        for (size_t r = 0; r < s->rows; r++)
            s->inverse[r] = exact_normalize(y + r * s->n, s->z + r * s->n, x + r * s->n, s->n, 1, s->gamma, s->beta, 1);
    else
        for (size_t j = 0; j < s->n; j++)
            s->inverse[j] = exact_normalize(y + j, s->z + j, x + j, s->rows, s->n, s->gamma + j, s->beta + j, 0);
}

static void exact_norm_back(exact_norm *s, double *dx, const double *dy) {
    const size_t n = s->n;
    if (s->by_row)
        for (size_t r = 0; r < s->rows; r++)
            exact_normalize_back(dx + r * n, s->dgamma, s->dbeta, dy + r * n, s->z + r * n, s->inverse[r], n, 1, s->gamma, 1);
    else
        for (size_t j = 0; j < n; j++)
            exact_normalize_back(dx + j, s->dgamma + j, s->dbeta + j, dy + j, s->z + j, s->inverse[j], s->rows, n, s->gamma + j,
                                 0);
}

/* ---- what a row says ---- */

static void exact_softmax(double *p, const double *x, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n, p += n) {
        double sum = 0.0; /* no shift by the maximum: the logits here are small */
        for (size_t j = 0; j < n; j++) sum += exp(x[j]);
        for (size_t j = 0; j < n; j++) p[j] = exp(x[j]) / sum;
    }
}

/* Mean cross-entropy of softmax from the labels of layers.h, and its gradient. */
static double exact_cross_entropy(double *dx, const double *x, size_t rows, size_t n) {
    double loss = 0.0;
    exact_softmax(dx, x, rows, n);
    for (size_t r = 0; r < rows; r++) {
        double *right = dx + r * n + layers_label(r, n);
        loss -= log(*right) / (double)rows;
        *right -= 1.0;
    }
    for (size_t i = 0; i < rows * n; i++) dx[i] /= (double)rows;
    return loss;
}

static void exact_relu(double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (y[i] < 0.0) y[i] = 0.0;
}
static void exact_relu_back(double *dy, const double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(y[i] > 0.0)) dy[i] = 0.0;
}

/* ---- images ---- */

typedef struct exact_conv {
    size_t images, size, channels, filters; /* kernels of 3 x 3 with a border of zeros */
} exact_conv;

/* Where tap t of the pixel reads, or -1 outside the image. */
static ptrdiff_t exact_tap(const exact_conv *c, size_t pixel, size_t t) {
    const size_t row = pixel / c->size % c->size + t / 3, column = pixel % c->size + t % 3;
    if (row < 1 || column < 1 || row > c->size || column > c->size) return -1;
    return (ptrdiff_t)((pixel / c->size / c->size * c->size + row - 1) * c->size + column - 1);
}

static void exact_conv_run(const exact_conv *c, double *y, const double *x, const double *w, const double *b) {
    for (size_t p = 0; p < c->images * c->size * c->size; p++, y += c->filters) {
        memcpy(y, b, c->filters * sizeof *y);
        for (size_t t = 0; t < 9; t++) {
            const ptrdiff_t from = exact_tap(c, p, t);
            for (size_t i = 0; from >= 0 && i < c->channels; i++)
                for (size_t f = 0; f < c->filters; f++)
                    y[f] += x[(size_t)from * c->channels + i] * w[(t * c->channels + i) * c->filters + f];
        }
    }
}

static void exact_conv_back(const exact_conv *c, double *dx, double *dw, double *db, const double *dy, const double *x,
                            const double *w) {
    for (size_t p = 0; p < c->images * c->size * c->size; p++, dy += c->filters) {
        for (size_t f = 0; f < c->filters; f++) db[f] += dy[f];
        for (size_t t = 0; t < 9; t++) {
            const ptrdiff_t from = exact_tap(c, p, t);
            for (size_t i = 0; from >= 0 && i < c->channels; i++) {
                const size_t at = (size_t)from * c->channels + i, row = (t * c->channels + i) * c->filters;
                for (size_t f = 0; f < c->filters; f++) dw[row + f] += x[at] * dy[f];
                for (size_t f = 0; dx && f < c->filters; f++) dx[at] += w[row + f] * dy[f];
            }
        }
    }
}

/* Largest of 2 x 2, and where it was. */
static void exact_pool(double *y, double *place, const double *x, size_t images, size_t size, size_t channels) {
    const size_t half = size / 2;
    for (size_t i = 0; i < images * half * half * channels; i++) {
        const size_t channel = i % channels, pixel = i / channels, image = pixel / half / half;
        const size_t row = pixel / half % half * 2, column = pixel % half * 2;
        for (size_t t = 0; t < 4; t++) {
            const size_t at = ((image * size + row + t / 2) * size + column + t % 2) * channels + channel;
            if (t && !(x[at] > y[i])) continue;
            y[i] = x[at];
            place[i] = (double)at;
        }
    }
}
static void exact_pool_back(double *dx, const double *dy, const double *place, size_t n) {
    for (size_t i = 0; i < n; i++) dx[(size_t)place[i]] += dy[i];
}

/* Each of 2 x 2 pixels has a quarter in the mean, and of the gradient. */
static void exact_average_pool(double *y, double *dx, const double *x, const double *dy, size_t images, size_t size,
                               size_t channels) {
    const size_t half = size / 2;
    for (size_t i = 0; i < images * size * size * channels; i++) {
        const size_t channel = i % channels, pixel = i / channels, image = pixel / size / size;
        const size_t row = pixel / size % size / 2, column = pixel % size / 2;
        const size_t to = ((image * half + row) * half + column) * channels + channel;
        y[to] += x[i] / 4.0;
        dx[i] = dy[to] / 4.0;
    }
}

/* ---- single layers ---- */

static void exact_dense_case(exact_sketch *s, const layers_request *r) {
    const size_t rows = r->size[0], in = r->size[1], out = r->size[2];
    const double *x = exact_of(layers_x(rows * in), rows * in), *w = exact_of(layers_weights(0, in, in * out), in * out);
    const double *b = exact_of(layers_bias(0, out), out), *dy = exact_of(layers_dy(rows * out), rows * out);
    double *y = exact_new(rows * out), *dx = exact_new(rows * in), *dw = exact_new(in * out), *db = exact_new(out);
    exact_dense(y, x, w, b, rows, in, out);
    exact_dense_back(dx, dw, db, dy, x, w, rows, in, out);
    exact_add(s, y, rows * out);
    exact_add(s, dx, rows * in);
    exact_add(s, dw, in * out);
    exact_add(s, db, out);
}

static void exact_norm_case(exact_sketch *s, const layers_request *r) {
    const size_t rows = r->size[0], n = r->size[1];
    const double *x = exact_of(layers_x(rows * n), rows * n), *dy = exact_of(layers_dy(rows * n), rows * n);
    double *y = exact_new(rows * n), *dx = exact_new(rows * n);
    exact_norm norm = exact_norm_of(layers_gamma(0, n), layers_bias(0, n), rows, n, layers_is(r, "layer_norm"));
    exact_norm_run(&norm, y, x);
    exact_norm_back(&norm, dx, dy);
    exact_add(s, y, rows * n);
    exact_add(s, dx, rows * n);
    exact_add(s, norm.dgamma, n);
    exact_add(s, norm.dbeta, n);
}

static void exact_cross_entropy_case(exact_sketch *s, const layers_request *r) {
    const size_t rows = r->size[0], n = r->size[1];
    double *dx = exact_new(rows * n);
    const double loss = exact_cross_entropy(dx, exact_of(layers_x(rows * n), rows * n), rows, n);
    exact_add(s, &loss, 1);
    exact_add(s, dx, rows * n);
}

static void exact_sum_columns_case(exact_sketch *s, const layers_request *r) {
    const size_t rows = r->size[0], n = r->size[1];
    const double *x = exact_of(layers_x(rows * n), rows * n);
    double *y = exact_new(n);
    for (size_t i = 0; i < rows * n; i++) y[i % n] += x[i];
    exact_add(s, y, n);
}

static void exact_pool_case(exact_sketch *s, const layers_request *r) {
    const size_t rows = r->size[0], n = r->size[1], side = r->size[2], images = rows / (side * side), outputs = rows / 4 * n;
    const double *x = exact_of(layers_x(rows * n), rows * n), *dy = exact_of(layers_dy(outputs), outputs);
    double *y = exact_new(outputs), *dx = exact_new(rows * n);
    if (layers_is(r, "max_pool")) {
        double *place = exact_new(outputs);
        exact_pool(y, place, x, images, side, n);
        exact_pool_back(dx, dy, place, outputs);
    } else {
        exact_average_pool(y, dx, x, dy, images, side, n);
    }
    exact_add(s, y, outputs);
    exact_add(s, dx, rows * n);
}

/* ---- networks ---- */

/* A dense layer of a network with what follows it, and its gradients. */
typedef struct exact_layer {
    double *w, *b, *dw, *db, *y, *z; /* z: before the norm, y: what the next layer reads */
    exact_norm norm;
    size_t in, out;
} exact_layer;

typedef struct exact_net {
    exact_layer layer[LAYERS_SIZES];
    size_t batch, layers;
    int normed;
} exact_net;

static int exact_has_norm(const exact_net *net, size_t l) { return net->normed && l + 1 < net->layers; }

/* Layers l_first, l_first + 1, ... as layers.h numbers their parameters. */
static exact_net exact_net_of(const size_t *size, size_t layers, size_t batch, size_t l_first, int normed) {
    exact_net net;
    memset(&net, 0, sizeof net);
    net.batch = batch;
    net.layers = layers;
    net.normed = normed;
    for (size_t l = 0; l < layers; l++) {
        exact_layer *a = &net.layer[l];
        a->in = size[l];
        a->out = size[l + 1];
        a->w = exact_of(layers_weights(l_first + l, a->in, a->in * a->out), a->in * a->out);
        a->dw = exact_new(a->in * a->out);
        a->z = exact_new(batch * a->out);
        a->y = exact_new(batch * a->out);
        if (exact_has_norm(&net, l)) {
            a->norm = exact_norm_of(layers_gamma(l_first + l, a->out), layers_bias(l_first + l, a->out), batch, a->out, 0);
        } else {
            a->b = exact_of(layers_bias(l_first + l, a->out), a->out);
            a->db = exact_new(a->out);
        }
    }
    return net;
}

/* The last layer's outputs, without ReLU. */
static double *exact_net_run(exact_net *net, const double *x) {
    for (size_t l = 0; l < net->layers; l++) {
        exact_layer *a = &net->layer[l];
        exact_dense(a->z, x, a->w, a->b, net->batch, a->in, a->out);
        if (exact_has_norm(net, l)) exact_norm_run(&a->norm, a->y, a->z);
        else memcpy(a->y, a->z, net->batch * a->out * sizeof *a->y);
        if (l + 1 < net->layers) exact_relu(a->y, net->batch * a->out);
        x = a->y;
    }
    return net->layer[net->layers - 1].y;
}

/* From dy of the outputs, which it overwrites, to dx of the inputs, unless NULL. */
static void exact_net_back(exact_net *net, double *dx, double *dy, const double *x) {
    for (size_t l = net->layers; l-- > 0;) {
        exact_layer *a = &net->layer[l];
        double *back = l ? exact_new(net->batch * a->in) : dx;
        if (l + 1 < net->layers) exact_relu_back(dy, a->y, net->batch * a->out);
        if (exact_has_norm(net, l)) exact_norm_back(&a->norm, dy, dy);
        exact_dense_back(back, a->dw, a->db, dy, l ? net->layer[l - 1].y : x, a->w, net->batch, a->in, a->out);
        dy = back;
    }
}

static void exact_net_add(exact_sketch *s, const exact_net *net) {
    for (size_t l = 0; l < net->layers; l++) {
        const exact_layer *a = &net->layer[l];
        exact_add(s, a->dw, a->in * a->out);
        if (exact_has_norm(net, l)) exact_add(s, a->norm.dgamma, a->out);
        exact_add(s, exact_has_norm(net, l) ? a->norm.dbeta : a->db, a->out);
    }
}

/* Training: the loss and the gradients, which a step shows as changes of the parameters. Predictions: probabilities. */
static void exact_net_case(exact_sketch *s, const layers_request *r) {
    const size_t batch = r->size[0], layers = r->sizes - 2, classes = r->size[layers + 1];
    const double *x = exact_of(layers_x(batch * r->size[1]), batch * r->size[1]);
    exact_net net = exact_net_of(r->size + 1, layers, batch, 0, layers_normed(r));
    double *y = exact_net_run(&net, x);
    if (layers_is(r, "predict")) {
        double *p = exact_new(batch * classes);
        exact_softmax(p, y, batch, classes);
        exact_add(s, p, batch * classes);
        return;
    }
    double *dy = exact_new(batch * classes);
    const double loss = exact_cross_entropy(dy, y, batch, classes);
    exact_net_back(&net, NULL, dy, x);
    exact_add(s, &loss, 1);
    exact_net_add(s, &net);
}

/* Two convolutions with pools, then dense layers: filters and hidden units are sizes 3 to 5. */
static void exact_cnn_case(exact_sketch *s, const layers_request *r) {
    const size_t batch = r->size[0], size = r->size[1], half = size / 2, quarter = size / 4, one = r->size[2], two = r->size[3];
    const size_t pixels = batch * size * size, dense[] = {quarter * quarter * two, r->size[4], r->size[5]};
    const exact_conv a = {batch, size, 1, one}, b = {batch, half, one, two};
    const double *x = exact_of(layers_x(pixels), pixels), *wa = exact_of(layers_weights(0, 9, 9 * one), 9 * one);
    const double *wb = exact_of(layers_weights(1, 9 * one, 9 * one * two), 9 * one * two);
    double *ya = exact_new(pixels * one), *pa = exact_new(pixels / 4 * one), *at_a = exact_new(pixels / 4 * one);
    double *yb = exact_new(pixels / 4 * two), *pb = exact_new(batch * dense[0]), *at_b = exact_new(batch * dense[0]);
    exact_net net = exact_net_of(dense, 2, batch, 2, 0);
    exact_conv_run(&a, ya, x, wa, exact_of(layers_bias(0, one), one));
    exact_relu(ya, pixels * one);
    exact_pool(pa, at_a, ya, batch, size, one);
    exact_conv_run(&b, yb, pa, wb, exact_of(layers_bias(1, two), two));
    exact_relu(yb, pixels / 4 * two);
    exact_pool(pb, at_b, yb, batch, half, two);
    double *y = exact_net_run(&net, pb), *dy = exact_new(batch * dense[2]), *dpb = exact_new(batch * dense[0]);
    const double loss = exact_cross_entropy(dy, y, batch, dense[2]);
    exact_net_back(&net, dpb, dy, pb);
    double *dyb = exact_new(pixels / 4 * two), *dpa = exact_new(pixels / 4 * one), *dya = exact_new(pixels * one);
    double *dwa = exact_new(9 * one), *dba = exact_new(one), *dwb = exact_new(9 * one * two), *dbb = exact_new(two);
    exact_pool_back(dyb, dpb, at_b, batch * dense[0]);
    exact_relu_back(dyb, yb, pixels / 4 * two);
    exact_conv_back(&b, dpa, dwb, dbb, dyb, pa, wb);
    exact_pool_back(dya, dpa, at_a, pixels / 4 * one);
    exact_relu_back(dya, ya, pixels * one);
    exact_conv_back(&a, NULL, dwa, dba, dya, x, wa);
    exact_add(s, &loss, 1);
    exact_add(s, dwa, 9 * one);
    exact_add(s, dba, one);
    exact_add(s, dwb, 9 * one * two);
    exact_add(s, dbb, two);
    exact_net_add(s, &net);
}

#endif /* BENCH_LAYERS_EXACT_H */
