/* test_synthetic.c - made data: where the points are, that each follows from seed and number alone, and digits that can be told
 * apart */
#include "data.h"

static double radius(const nn_dataset *d, size_t i) { return hypot((double)d->floats[2 * i], (double)d->floats[2 * i + 1]); }

static void shapes(void) {
    enum { MANY = 600 };
    nn_dataset d;
    test_case("moons");
    CHECK(nn_make_moons(&d, MANY, 0, 1, NULL) == NN_OK && d.count == MANY && d.classes == 2 &&
          nn_dataset_check(&d, NULL) == NN_OK);
    for (size_t i = 0; i < MANY; i++) {
        const double x = (double)d.floats[2 * i] - (i % 2 ? 1 : 0), y = (double)d.floats[2 * i + 1] - (i % 2 ? 0.5 : 0);
        CHECK(fabs(hypot(x, y) - 1) < 1e-6 && (i % 2 ? y <= 1e-6 : y >= -1e-6) && d.labels[i] == i % 2);
    }
    nn_dataset_free(&d);
    test_case("circles");
    CHECK(nn_make_circles(&d, 3, MANY, 0, 1, NULL) == NN_OK && d.classes == 3);
    for (size_t i = 0; i < MANY; i++) CHECK(fabs(radius(&d, i) - (double)(d.labels[i] + 1) / 3) < 1e-6);
    nn_dataset_free(&d);
    test_case("spirals");
    CHECK(nn_make_spirals(&d, 5, 1.5, MANY, 0, 1, NULL) == NN_OK && d.classes == 5);
    for (size_t i = 0; i < MANY; i++) {
        const double turn = 6.283185307179586 * ((double)d.labels[i] / 5 + 1.5 * radius(&d, i)), r = radius(&d, i);
        CHECK(r <= 1 && hypot(r * cos(turn) - (double)d.floats[2 * i], r * sin(turn) - (double)d.floats[2 * i + 1]) < 1e-5);
    }
    nn_dataset_free(&d);
    test_case("blobs");
    CHECK(nn_make_blobs(&d, 3, 37, MANY, 0.1, 1, NULL) == NN_OK && d.shape.channels == 37);
    for (size_t j = 0; j < 37; j++)
        for (size_t c = 0; c < 3; c++) {
            double mean = 0, square = 0;
            for (size_t i = c; i < MANY; i += 3) mean += (double)d.floats[37 * i + j] / (MANY / 3);
            for (size_t i = c; i < MANY; i += 3) square += pow((double)d.floats[37 * i + j] - mean, 2) / (MANY / 3);
            CHECK(fabs(mean) < 1.1 && fabs(sqrt(square) - 0.1) < TOL_DEVIATIONS * 0.1 / sqrt(2.0 * MANY / 3));
        }
    nn_dataset_free(&d);
    test_case("curves");
    const double c[] = {1, -2, 0.5};
    CHECK(nn_make_sine(&d, 3, MANY, 0, 1, NULL) == NN_OK && d.target_size == 1 && !d.labels);
    for (size_t i = 0; i < MANY; i++)
        CHECK(fabs((double)d.floats[i]) <= 1 &&
              fabs((double)d.targets[i] - sin(9.42477796076938 * (double)d.floats[i])) < 2e-6);
    nn_dataset_free(&d);
    CHECK(nn_make_polynomial(&d, c, 3, MANY, 0, 1, NULL) == NN_OK);
    for (size_t i = 0; i < MANY; i++)
        CHECK(fabs((double)d.targets[i] - (1 + (double)d.floats[i] * (-2 + 0.5 * (double)d.floats[i]))) < 2e-6);
    nn_dataset_free(&d);
    double noise = 0;
    CHECK(nn_make_polynomial(&d, NULL, 0, MANY, 0.3, 1, NULL) == NN_OK);
    for (size_t i = 0; i < MANY; i++) noise += pow((double)d.targets[i], 2) / MANY;
    CHECK(fabs(sqrt(noise) - 0.3) < TOL_DEVIATIONS * 0.3 / sqrt(2.0 * MANY)), nn_dataset_free(&d);
}

/* A longer dataset begins like a shorter one, and another seed gives another. */
static int alike(const nn_dataset *a, const nn_dataset *b, size_t n) {
    const size_t size = nn_shape_size(a->shape);
    return a->bytes ? memcmp(a->bytes, b->bytes, n * size) == 0 : memcmp(a->floats, b->floats, n * size * sizeof(float)) == 0;
}

static nn_status make(int which, nn_dataset *d, size_t n, uint64_t seed, const nn_allocator *a) {
    static const double c[] = {1, 1};
    switch (which) {
    case 0: return nn_make_moons(d, n, 0.1, seed, a);
    case 1: return nn_make_circles(d, 2, n, 0.1, seed, a);
    case 2: return nn_make_spirals(d, 3, 2, n, 0.1, seed, a);
    case 3: return nn_make_blobs(d, 4, 20, n, 0.1, seed, a);
    case 4: return nn_make_sine(d, 1, n, 0.1, seed, a);
    case 5: return nn_make_polynomial(d, c, 2, n, 0.1, seed, a);
    default: return nn_make_digits(d, 0, n, seed, a);
    }
}

static void every(void) {
    for (int which = 0; which < 7; which++) {
        nn_dataset a, b, c;
        data_ledger l;
        test_case("kind %d", which);
        CHECK(make(which, &a, 30, 5, NULL) == NN_OK && make(which, &b, 17, 5, NULL) == NN_OK &&
              make(which, &c, 17, 6, NULL) == NN_OK);
        const float first = data_value(&a, 0, 0), later = data_value(&a, 12, 0); /* of one class: chance alone tells them apart */
        CHECK(which == 6 || first != later);
        CHECK(alike(&a, &b, 17) && !alike(&a, &c, 17) && nn_dataset_check(&a, NULL) == NN_OK);
        nn_dataset_free(&a), nn_dataset_free(&b), nn_dataset_free(&c);
        CHECK(make(which, &a, 0, 5, NULL) == NN_OK && a.count == 0), nn_dataset_free(&a);
        CHECK(make(which, NULL, 3, 5, NULL) == NN_ERROR_NULL && make(which, &a, SIZE_MAX / 2, 5, NULL) == NN_ERROR_SIZE);
        DATA_FAIL(l, make(which, &a, 3, 5, &l.hook), nn_dataset_free(&a));
    }
    nn_dataset d;
    const double bad[] = {NAN};
    test_case("arguments");
    CHECK(nn_make_moons(&d, 1, -1, 0, NULL) == NN_ERROR_ARGUMENT && nn_make_moons(&d, 1, NAN, 0, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_make_circles(&d, 0, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT &&
          nn_make_spirals(&d, 0, 1, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_make_spirals(&d, 1, INFINITY, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT &&
          nn_make_sine(&d, NAN, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_make_blobs(&d, 0, 1, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT &&
          nn_make_blobs(&d, 1, 0, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_make_polynomial(&d, bad, 1, 1, 0, 0, NULL) == NN_ERROR_ARGUMENT &&
          nn_make_polynomial(&d, NULL, 1, 1, 0, 0, NULL) == NN_ERROR_NULL);
}

/* ---- digits ---- */

static void digits(void) {
    enum { MANY = 400 };
    nn_dataset d, part;
    size_t counts[10];
    uint8_t one[NN_DIGIT_SIZE * NN_DIGIT_SIZE];
    uint32_t label;
    test_case("digits");
    CHECK(nn_make_digits(&d, 0, MANY, 3, NULL) == NN_OK && nn_shape_equal(d.shape, nn_shape_image(28, 28, 1)) &&
          d.classes == 10);
    CHECK(nn_dataset_class_counts(counts, &d) == NN_OK && strcmp(d.class_names[7], "7") == 0);
    for (size_t c = 0; c < 10; c++) CHECK(counts[c] > MANY / 25 && counts[c] < MANY / 5);
    CHECK(nn_make_digits(&part, 100, 10, 3, NULL) == NN_OK && memcmp(part.bytes, d.bytes + 100 * 784, 10 * 784) == 0 &&
          part.labels[9] == d.labels[109]);
    nn_dataset_free(&part);
    nn_digit_draw(one, &label, 3, 123);
    CHECK(memcmp(one, d.bytes + 123 * 784, 784) == 0 && label == d.labels[123]);
    for (size_t i = 0; i < MANY; i++) { /* ink in the middle, not on the edge, as much as a pen leaves */
        size_t ink = 0, edge = 0;
        for (size_t p = 0; p < 784; p++) {
            ink += d.bytes[i * 784 + p] > 127;
            edge += (p < 28 || p >= 756 || p % 28 == 0 || p % 28 == 27) && d.bytes[i * 784 + p] > 200;
        }
        CHECK(ink > 12 && ink < 330 && edge < 6);
    }
    nn_dataset_free(&d);
}

/* The nearest of the digits seen is of the same class for most others: they are neither noise nor all alike. */
static void neighbours(void) {
    const size_t seen = test_quick() ? 300 : 1500, others = test_quick() ? 60 : 200;
    nn_dataset d;
    size_t right = 0;
    CHECK(nn_make_digits(&d, 0, seen + others, 8, NULL) == NN_OK);
    for (size_t i = seen; i < seen + others; i++) {
        long best = 1L << 60;
        uint32_t guess = 10;
        for (size_t k = 0; k < seen; k++) {
            long distance = 0;
            for (size_t p = 0; p < 784; p++) {
                const long apart = (long)d.bytes[i * 784 + p] - (long)d.bytes[k * 784 + p];
                distance += apart * apart;
            }
            if (distance < best) best = distance, guess = d.labels[k];
        }
        right += guess == d.labels[i];
    }
    test_case("%zu of %zu digits are like their nearest neighbour", right, others);
    CHECK((double)right > (test_quick() ? 0.6 : 0.8) * (double)others && right < others);
    nn_dataset_free(&d);
}

int main(void) {
    shapes();
    every();
    digits();
    neighbours();
    return test_end("synthetic");
}
