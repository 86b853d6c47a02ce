/* test_metrics.c - accuracies, confusion matrices and scores, errors of numbers, dead units: small cases by hand, others counted anew */
#include "test.h"

/* ---- classes ---- */

static void by_hand(void) {
    static const float x[] = {0.1f, 0.7f, 0.2f, /* 1 */ 0.5f, 0.5f, 0,    /* 0 before its equal */
                              0,    0,    1,    /* 2 */ 3,    NAN,  1,    /* nothing */
                              -1,   -2,   -3,   /* 0 */ 0,    -0.0f, -1}; /* 0: the zeros are equal */
    static const uint32_t labels[] = {1, 1, 2, 0, 2, 0};
    uint32_t y[6];
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
        test_case("six rows");
        nn_argmax_rows(y, x, 6, 3);
        CHECK(y[0] == 1 && y[1] == 0 && y[2] == 2 && y[3] == 1 && y[4] == 0 && y[5] == 0);
        CHECK(nn_count_correct(x, labels, 6, 3) == 3 && nn_accuracy(x, labels, 6, 3) == 0.5f);
        CHECK(nn_count_top_k(x, labels, 6, 3, 0) == 0);
        CHECK(nn_count_top_k(x, labels, 6, 3, 1) == 3);
        CHECK(nn_count_top_k(x, labels, 6, 3, 2) == 4);
        CHECK(nn_count_top_k(x, labels, 6, 3, 3) == 5); /* NaN is wrong even where all columns are taken */
        CHECK(nn_count_top_k(x, labels, 6, 3, 4) == 5);
        CHECK(fabsf(nn_top_k_accuracy(x, labels, 6, 3, 2) - 4.0f / 6) < 1e-7f);
        const uint32_t outside[2] = {3, UINT32_MAX}, wrong = 1;
        CHECK(nn_count_correct(x, outside, 2, 3) == 0 && nn_count_top_k(x, outside, 2, 3, 3) == 0);
        CHECK(nn_count_correct(x + 9, &wrong, 1, 3) == 0); /* the label is where the NaN is */
        CHECK(nn_count_top_k(x + 9, &wrong, 1, 3, 3) == 0);
        CHECK(nn_accuracy(NULL, NULL, 0, 3) == 0 && nn_top_k_accuracy(NULL, NULL, 0, 3, 1) == 0 && nn_count_correct(NULL, labels, 3, 0) == 0);
    }
}

/* The rank found by counting, for all k. */
static void ranks(size_t n) {
    enum { ROWS = 37 };
    uint64_t state = n;
    static float x[ROWS * 1024];
    uint32_t labels[ROWS];
    for (size_t i = 0; i < ROWS * n; i++) x[i] = (float)test_below(&state, n / 2 + 2); /* many equals */
    for (size_t r = 0; r < ROWS; r++) labels[r] = (uint32_t)test_below(&state, n);
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t k = 0; k <= n; k += k < 5 ? 1 : n / 5) {
            size_t count = 0;
            for (size_t r = 0; r < ROWS; r++) { /* takes the first of the largest away, k times */
                float row[1024];
                memcpy(row, x + r * n, n * sizeof *row);
                for (size_t i = 0; i < k; i++) {
                    size_t top = 0;
                    for (size_t j = 0; j < n; j++)
                        if (row[j] > row[top]) top = j;
                    count += top == labels[r];
                    row[top] = -1;
                    if (top == labels[r]) break;
                }
            }
            test_case("top %zu of %zu", k, n);
            CHECK(nn_count_top_k(x, labels, ROWS, n, k) == count);
            if (k == 1) CHECK(nn_count_correct(x, labels, ROWS, n) == count);
        }
}

static void binary(void) {
    static const float x[] = {0.2f, 0.5f, 0.9f, 0.7f, NAN, 0.3f, 0.6f}, y[] = {0, 1, 1, 0, 1, 1, NAN};
    test_case("yes or no");
    CHECK(nn_count_binary(x, y, 7, 0.5f) == 3 && fabsf(nn_binary_accuracy(x, y, 7, 0.5f) - 3.0f / 7) < 1e-7f);
    CHECK(nn_count_binary(x, y, 7, 0.25f) == 4 && nn_count_binary(x, y, 7, 0.8f) == 3);
    CHECK(nn_binary_accuracy(NULL, NULL, 0, 0.5f) == 0);
}

/* ---- the confusion matrix ---- */

static void confusion(void) {
    static const uint32_t labels[] = {0, 0, 0, 1, 1, 2, 2, 2, 2, 0}, predicted[] = {0, 0, 1, 1, 2, 2, 2, 2, 0, 2};
    float x[10 * 4] = {0};
    size_t matrix[16] = {0}, same[16];
    for (size_t r = 0; r < 10; r++) x[4 * r + predicted[r]] = 1;
    test_case("ten rows, four classes");
    CHECK(nn_confusion_add(matrix, x, labels, 4, 4) == NN_OK); /* in two batches */
    CHECK(nn_confusion_add(matrix, x + 16, labels + 4, 6, 4) == NN_OK);
    static const size_t want[16] = {2, 1, 1, 0, 0, 1, 1, 0, 1, 0, 3, 0, 0, 0, 0, 0};
    CHECK(memcmp(matrix, want, sizeof want) == 0);
    const nn_score s0 = nn_score_of_class(matrix, 4, 0), s1 = nn_score_of_class(matrix, 4, 1), s2 = nn_score_of_class(matrix, 4, 2);
    const nn_score s3 = nn_score_of_class(matrix, 4, 3), macro = nn_score_macro(matrix, 4), micro = nn_score_micro(matrix, 4);
    CHECK(fabsf(s0.precision - 2.0f / 3) < 1e-7f && s0.recall == 0.5f && fabsf(s0.f1 - 4.0f / 7) < 1e-7f);
    CHECK(s1.precision == 0.5f && s1.recall == 0.5f && s1.f1 == 0.5f);
    CHECK(fabsf(s2.precision - 0.6f) < 1e-7f && s2.recall == 0.75f && fabsf(s2.f1 - 2.0f / 3) < 1e-7f);
    CHECK(s3.precision == 0 && s3.recall == 0 && s3.f1 == 0); /* 0/0 */
    CHECK(fabsf(macro.precision - (s0.precision + s1.precision + s2.precision) / 4) < 1e-7f);
    CHECK(fabsf(macro.recall - (s0.recall + s1.recall + s2.recall) / 4) < 1e-7f);
    CHECK(fabsf(macro.f1 - (s0.f1 + s1.f1 + s2.f1) / 4) < 1e-7f);
    CHECK(micro.precision == nn_accuracy(x, labels, 10, 4) && micro.recall == micro.precision && fabsf(micro.f1 - 0.6f) < 1e-7f);
    CHECK(nn_score_of_class(matrix, 4, 4).f1 == 0 && nn_score_macro(matrix, 0).f1 == 0 && nn_score_micro(matrix, 0).recall == 0);

    const uint32_t bad[2] = {0, 4};
    memcpy(same, matrix, sizeof same);
    CHECK(nn_confusion_add(matrix, x, bad, 2, 4) == NN_ERROR_LABEL && memcmp(same, matrix, sizeof same) == 0);
    CHECK(nn_confusion_add(NULL, x, labels, 2, 4) == NN_ERROR_NULL && nn_confusion_add(matrix, NULL, labels, 2, 4) == NN_ERROR_NULL);
    CHECK(nn_confusion_add(matrix, x, NULL, 2, 4) == NN_ERROR_NULL && nn_confusion_add(NULL, NULL, NULL, 0, 4) == NN_OK);
    CHECK(nn_confusion_add(matrix, x, labels, 2, 0) == NN_ERROR_LABEL);
    const float nan[4] = {1, NAN, 0, 0};
    for (uint32_t label = 0; label < 4; label++) {
        memset(matrix, 0, sizeof matrix);
        test_case("NaN, label %u", label);
        CHECK(nn_confusion_add(matrix, nan, &label, 1, 4) == NN_OK && matrix[4 * label + (label == 0)] == 1);
        CHECK(nn_score_micro(matrix, 4).f1 == 0);
    }
}

/* ---- numbers ---- */

static void numbers(void) {
    static const float y[] = {3, -0.5f, 2, 7}, x[] = {2.5f, 0, 2, 8}, level[] = {2, 2, 2, 2};
    test_case("four numbers");
    CHECK(nn_mean_squared_error(x, y, 4) == 0.375f && nn_mean_absolute_error(x, y, 4) == 0.5f);
    CHECK(fabsf(nn_r_squared(x, y, 4) - 0.94860814f) < 1e-7f); /* 1 - 1.5/29.1875 */
    CHECK(nn_r_squared(y, y, 4) == 1 && nn_r_squared(level, level, 4) == 1 && nn_r_squared(x, level, 4) == 0);
    CHECK(nn_mean_squared_error(y, y, 4) == 0 && nn_mean_absolute_error(y, y, 4) == 0);
    CHECK(nn_mean_squared_error(NULL, NULL, 0) == 0 && nn_mean_absolute_error(NULL, NULL, 0) == 0 && nn_r_squared(NULL, NULL, 0) == 0);
    const float nan[] = {1, NAN, 1, 1};
    CHECK(isnan(nn_mean_squared_error(nan, y, 4)) && isnan(nn_mean_absolute_error(nan, y, 4)) && isnan(nn_r_squared(nan, y, 4)));
    CHECK(isnan(nn_r_squared(nan, level, 4)));
    const float large[] = {1e30f, -1e30f};
    CHECK(nn_mean_absolute_error(large, level, 2) == 1e30f); /* in double: nothing overflows on the way */
}

static void dead(void) {
    static const float first[] = {0, 1, 0, -0.0f, 0, 0, 0, 0, NAN, 0}, second[] = {0, 0, 2, 0, 0};
    unsigned char alive[5] = {0};
    test_case("five units");
    nn_mark_alive(alive, first, 2, 5);
    CHECK(!alive[0] && alive[1] && !alive[2] && alive[3] && !alive[4] && fabsf(nn_dead_share(alive, 5) - 0.6f) < 1e-7f);
    nn_mark_alive(alive, second, 1, 5);
    CHECK(alive[1] && alive[2] && alive[3] && fabsf(nn_dead_share(alive, 5) - 0.4f) < 1e-7f);
    nn_mark_alive(alive, NULL, 0, 5);
    CHECK(nn_dead_share(alive, 0) == 0);
}

int main(void) {
    static const size_t widths[] = {1, 2, 3, 7, 10, 16, 17, 33, 100, 1000};
    by_hand();
    for (size_t i = 0; i < COUNT(widths); i++) ranks(widths[i]);
    binary();
    confusion();
    numbers();
    dead();
    return test_end("metrics");
}
