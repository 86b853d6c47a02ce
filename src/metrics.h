/* metrics.h - how good the outputs are, in numbers for people */
#ifndef NN_METRICS_H
#define NN_METRICS_H

#include "status.h"

/* ---- classes: x has `rows` rows of n scores, the predicted class is the column of the largest, the first of equals ----
 *
 * A row with NaN is wrong, and so is one whose label is not below n. Counts of batches add up: what a share is of, the caller
 * knows. */

NN_API void nn_argmax_rows(uint32_t *y, const float *x, size_t rows, size_t n); /* the classes; of a row with NaN, its first */

/* How many rows have the label's score as their largest, or among their k largest; of equal scores the lower column wins. */
NN_API size_t nn_count_correct(const float *x, const uint32_t *labels, size_t rows, size_t n);
NN_API size_t nn_count_top_k(const float *x, const uint32_t *labels, size_t rows, size_t n, size_t k);

/* The same as shares of the rows; of no rows, 0. */
NN_API float nn_accuracy(const float *x, const uint32_t *labels, size_t rows, size_t n);
NN_API float nn_top_k_accuracy(const float *x, const uint32_t *labels, size_t rows, size_t n, size_t k);

/* n answers of yes or no: how many of x >= threshold agree with y >= 1/2, and their share. NaN is wrong. */
NN_API size_t nn_count_binary(const float *x, const float *y, size_t n, float threshold);
NN_API float nn_binary_accuracy(const float *x, const float *y, size_t n, float threshold);

/* ---- the confusion matrix: matrix[label*n + predicted] counts rows ---- */

/* Adds a batch; start with zeros. A row with NaN counts as class 0, or 1 if 0 is right: wrong where there are two classes.
 * NN_ERROR_LABEL leaves the matrix as it was. */
NN_API NN_MUST_USE nn_status nn_confusion_add(size_t *matrix, const float *x, const uint32_t *labels, size_t rows, size_t n);

/* Precision: the share of the rows predicted to be of a class that are. Recall: the share of the rows of a class that are
 * predicted so. F1: 2 precision recall/(precision + recall). 0/0 is 0. */
typedef struct nn_score {
    float precision, recall, f1;
} nn_score;

NN_API nn_score nn_score_of_class(const size_t *matrix, size_t n, size_t which);
NN_API nn_score nn_score_macro(const size_t *matrix, size_t n); /* the mean of the classes, each counting the same */
NN_API nn_score nn_score_micro(const size_t *matrix, size_t n); /* of all rows together: each of the three is the accuracy */

/* ---- numbers: n outputs x and what they should be, y; in double, in the order of their index; of none, 0 ---- */

NN_API float nn_mean_squared_error(const float *x, const float *y, size_t n);
NN_API float nn_mean_absolute_error(const float *x, const float *y, size_t n);

/* 1 - sum((y - x)^2)/sum((y - mean(y))^2); where all y are equal 1 if x is y, else 0. */
NN_API float nn_r_squared(const float *x, const float *y, size_t n);

/* ---- dead units: columns of a ReLU's output that are 0 in every row ---- */

/* alive[j] becomes 1 where a row of y, rows x n, is not 0; start with zeros and add batches. */
NN_API void nn_mark_alive(unsigned char *alive, const float *y, size_t rows, size_t n);
NN_API float nn_dead_share(const unsigned char *alive, size_t n); /* of no units, 0 */

#ifdef NN_IMPLEMENTATION

#include "isa.h"

#include <math.h>

static float nni_share(size_t count, size_t of) { return of ? (float)((double)count / (double)of) : 0.0f; }

/* The predicted class, or n for a row with NaN, whose argmax is one. */
static size_t nni_predicted(const nni_tier *tier, const float *x, size_t n) {
    const size_t top = tier->argmax(x, n);
    return x[top] == x[top] ? top : n;
}

NN_API void nn_argmax_rows(uint32_t *y, const float *x, size_t rows, size_t n) {
    const nni_tier *tier = nni_get_tier();
    for (size_t r = 0; r < rows; r++) y[r] = n ? (uint32_t)tier->argmax(x + r * n, n) : 0;
}

NN_API size_t nn_count_correct(const float *x, const uint32_t *labels, size_t rows, size_t n) {
    const nni_tier *tier = nni_get_tier();
    size_t count = 0;
    for (size_t r = 0; n && r < rows; r++) count += labels[r] < n && nni_predicted(tier, x + r * n, n) == labels[r];
    return count;
}

/* Whether fewer than k columns come before column `label`; a NaN anywhere says no. */
static int nni_in_top(const float *x, size_t label, size_t n, size_t k) {
    const float score = x[label];
    size_t before = 0;
    int nan = 0;
    for (size_t j = 0; j < n; j++) {
        before += x[j] > score || (j < label && x[j] == score);
        nan |= x[j] != x[j];
    }
    return before < k && !nan;
}

NN_API size_t nn_count_top_k(const float *x, const uint32_t *labels, size_t rows, size_t n, size_t k) {
    size_t count = 0;
    for (size_t r = 0; r < rows; r++) count += labels[r] < n && nni_in_top(x + r * n, labels[r], n, k);
    return count;
}

NN_API float nn_accuracy(const float *x, const uint32_t *labels, size_t rows, size_t n) {
    return nni_share(nn_count_correct(x, labels, rows, n), rows);
}
NN_API float nn_top_k_accuracy(const float *x, const uint32_t *labels, size_t rows, size_t n, size_t k) {
    return nni_share(nn_count_top_k(x, labels, rows, n, k), rows);
}

NN_API size_t nn_count_binary(const float *x, const float *y, size_t n, float threshold) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += x[i] == x[i] && y[i] == y[i] && (x[i] >= threshold) == (y[i] >= 0.5f);
    return count;
}
NN_API float nn_binary_accuracy(const float *x, const float *y, size_t n, float threshold) {
    return nni_share(nn_count_binary(x, y, n, threshold), n);
}

NN_API nn_status nn_confusion_add(size_t *matrix, const float *x, const uint32_t *labels, size_t rows, size_t n) {
    const nni_tier *tier = nni_get_tier();
    const nn_status isa = nn_isa_status();
    if (isa != NN_OK) return isa;
    if (rows && (!labels || (n && (!matrix || !x)))) return NN_ERROR_NULL;
    for (size_t r = 0; r < rows; r++)
        if (labels[r] >= n) return NN_ERROR_LABEL;
    for (size_t r = 0; r < rows; r++) {
        size_t predicted = nni_predicted(tier, x + r * n, n);
        if (predicted == n) predicted = labels[r] == 0 && n > 1;
        matrix[labels[r] * n + predicted]++;
    }
    return NN_OK;
}

static double nni_ratio(double a, double b) { return b > 0.0 ? a / b : 0.0; }

/* Of which = n, all classes together. */
static void nni_score_counts(const size_t *matrix, size_t n, size_t which, double *right, double *predicted, double *labelled) {
    *right = *predicted = *labelled = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double count = (double)matrix[i * n + j];
            if (i == j && (which == n || which == i)) *right += count;
            if (which == n || which == j) *predicted += count;
            if (which == n || which == i) *labelled += count;
        }
}

static void nni_score(double score[3], const size_t *matrix, size_t n, size_t which) {
    double right, predicted, labelled;
    nni_score_counts(matrix, n, which, &right, &predicted, &labelled);
    score[0] = nni_ratio(right, predicted);
    score[1] = nni_ratio(right, labelled);
    score[2] = nni_ratio(2.0 * score[0] * score[1], score[0] + score[1]);
}

static nn_score nni_score_float(const double score[3]) {
    nn_score s;
    s.precision = (float)score[0];
    s.recall = (float)score[1];
    s.f1 = (float)score[2];
    return s;
}

NN_API nn_score nn_score_of_class(const size_t *matrix, size_t n, size_t which) {
    double score[3] = {0.0, 0.0, 0.0};
    if (which < n) nni_score(score, matrix, n, which);
    return nni_score_float(score);
}
NN_API nn_score nn_score_micro(const size_t *matrix, size_t n) {
    double score[3];
    nni_score(score, matrix, n, n);
    return nni_score_float(score);
}
NN_API nn_score nn_score_macro(const size_t *matrix, size_t n) {
    double sum[3] = {0.0, 0.0, 0.0}, score[3];
    for (size_t which = 0; which < n; which++) {
        nni_score(score, matrix, n, which);
        for (int i = 0; i < 3; i++) sum[i] += score[i];
    }
    for (int i = 0; i < 3; i++) sum[i] = nni_ratio(sum[i], (double)n);
    return nni_score_float(sum);
}

static double nni_squared_distance(const float *x, const float *y, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sum;
}

NN_API float nn_mean_squared_error(const float *x, const float *y, size_t n) {
    return n ? (float)(nni_squared_distance(x, y, n) / (double)n) : 0.0f;
}
NN_API float nn_mean_absolute_error(const float *x, const float *y, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += fabs((double)x[i] - (double)y[i]);
    return n ? (float)(sum / (double)n) : 0.0f;
}

NN_API float nn_r_squared(const float *x, const float *y, size_t n) {
    double mean = 0.0, spread = 0.0;
    if (n == 0) return 0.0f;
    for (size_t i = 0; i < n; i++) mean += (double)y[i];
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) spread += ((double)y[i] - mean) * ((double)y[i] - mean);
    const double rest = nni_squared_distance(x, y, n);
    if (spread == 0.0) return rest == 0.0 ? 1.0f : rest == rest ? 0.0f : (float)rest;
    return (float)(1.0 - rest / spread);
}

NN_API void nn_mark_alive(unsigned char *alive, const float *y, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) alive[j] |= y[r * n + j] != 0.0f;
}
NN_API float nn_dead_share(const unsigned char *alive, size_t n) {
    size_t dead = 0;
    for (size_t j = 0; j < n; j++) dead += !alive[j];
    return nni_share(dead, n);
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_METRICS_H */
