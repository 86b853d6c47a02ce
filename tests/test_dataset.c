/* test_dataset.c - datasets: batches, views, joining, splitting, folds, balancing, and who frees what */
#include <pthread.h>

#include "data.h"

enum { SAMPLES = 103, SIZE = 6, CLASSES = 4 };

static float x[SAMPLES * SIZE], targets[SAMPLES * 2], weights[SAMPLES];
static uint8_t bytes[SAMPLES * SIZE];
static uint32_t labels[SAMPLES];

static const nn_shape shape = {1, 2, 3};

/* Sample i is i in all its values; its class is skewed: half are of class 0. */
static void set(void) {
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t j = 0; j < SIZE; j++) x[i * SIZE + j] = (float)(100 * i + j), bytes[i * SIZE + j] = (uint8_t)(i + j);
        labels[i] = (uint32_t)(i % 2 ? 0 : i % CLASSES + (i % 3 == 0 ? 1 : 0)) % CLASSES;
        targets[2 * i] = (float)i, targets[2 * i + 1] = (float)i + 0.5f;
        weights[i] = (float)i / 7;
    }
}
static nn_dataset whole(void) {
    nn_dataset d = nn_dataset_of(x, SAMPLES, shape, labels, CLASSES);
    d.targets = targets;
    d.target_size = 2;
    d.weights = weights;
    return d;
}
static size_t number(const nn_dataset *d, size_t i) { return (size_t)data_value(d, i, 0) / 100; }

/* ---- batches of a dataset ---- */

static void gather(void) {
    float y[SAMPLES * SIZE], t[SAMPLES * 2], w[SAMPLES];
    uint32_t l[SAMPLES];
    nn_dataset d = whole(), b = nn_dataset_of_bytes(bytes, SAMPLES, shape, NULL, 7);
    const size_t which[] = {5, 0, 102, 5};
    test_case("gather");
    CHECK(nn_dataset_gather(y, l, t, w, &d, which, 4) == NN_OK);
    for (size_t i = 0; i < 4; i++) {
        CHECK(memcmp(y + i * SIZE, x + which[i] * SIZE, SIZE * sizeof *y) == 0 && l[i] == labels[which[i]]);
        CHECK(t[2 * i + 1] == targets[2 * which[i] + 1] && w[i] == weights[which[i]]);
    }
    CHECK(nn_dataset_gather(y, l, t, w, &d, NULL, SAMPLES) == NN_OK && memcmp(y, x, sizeof x) == 0 &&
          memcmp(l, labels, sizeof l) == 0);
    fill_untouched(y, SAMPLES * SIZE);
    const size_t outside[] = {1, SAMPLES};
    CHECK(nn_dataset_gather(y, NULL, NULL, NULL, &d, outside, 2) == NN_ERROR_ARGUMENT && is_untouched(y, SAMPLES * SIZE));
    CHECK(nn_dataset_gather(y, NULL, NULL, NULL, &d, NULL, SAMPLES + 1) == NN_ERROR_ARGUMENT &&
          is_untouched(y, SAMPLES * SIZE));
    CHECK(nn_dataset_gather(NULL, l, NULL, NULL, &d, which, 4) == NN_OK && nn_dataset_gather(y, l, t, w, &d, NULL, 0) == NN_OK);
    CHECK(nn_dataset_gather(y, l, t, w, NULL, NULL, 0) == NN_ERROR_NULL);
    l[0] = 77, t[0] = 78;
    CHECK(nn_dataset_gather(y, l, t, w, &b, which, 4) == NN_OK && l[0] == 77 && t[0] == 78 && w[3] == 1); /* what it lacks is
                                                                                                             left alone */
    CHECK(b.classes == 0);
    for (unsigned i = 0; i < 256; i++) { /* each rounded once */
        const uint8_t byte = (uint8_t)i;
        nn_dataset one = nn_dataset_of_bytes(&byte, 1, nn_shape_vector(1), NULL, 0);
        CHECK(nn_dataset_gather(y, NULL, NULL, NULL, &one, NULL, 1) == NN_OK && y[0] == (float)i / 255.0f);
    }
    nn_dataset none;
    memset(&none, 0, sizeof none);
    CHECK(nn_dataset_gather(y, l, t, w, &none, NULL, 0) == NN_OK && nn_dataset_gather(y, l, t, w, &none, NULL, 1) != NN_OK);
    nn_dataset_free(&none);
    nn_dataset_free(NULL);
}

static void check(void) {
    nn_report r;
    nn_dataset d = whole();
    test_case("check");
    CHECK(nn_dataset_check(&d, &r) == NN_OK && !*r.sentence && nn_dataset_check(&d, NULL) == NN_OK);
    labels[9] = CLASSES;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_LABEL && data_says(&r, "sample 9 is of class 4, of 4 classes"));
    set();
    targets[9] = NAN;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_TARGET && data_says(&r, "target 1 of sample 4"));
    set();
    weights[3] = -1;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_WEIGHT && data_says(&r, "sample 3 is -1"));
    set();
    d.bytes = bytes;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_NULL);
    d.bytes = NULL;
    d.floats = NULL;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_NULL && nn_dataset_check(NULL, &r) == NN_ERROR_NULL);
    d = whole();
    d.shape.height = SIZE_MAX / 2;
    CHECK(nn_dataset_check(&d, &r) == NN_ERROR_SIZE);
}

/* ---- views ---- */

static int is_odd(const nn_dataset *d, size_t i, void *user) { return ++*(size_t *)user, number(d, i) % 2; }

static void views(void) {
    nn_dataset d = whole(), v, w;
    const size_t which[] = {7, 7, 0, 102, 50}, again[] = {4, 1}, bad[] = {0, 5};
    test_case("views");
    CHECK(nn_dataset_select(&v, &d, which, 5) == NN_OK && v.count == 5);
    for (size_t i = 0; i < 5; i++) CHECK(number(&v, i) == which[i] && data_label(&v, i) == labels[which[i]]);
    CHECK(nn_dataset_select(&w, &v, bad, 2) == NN_ERROR_ARGUMENT && nn_dataset_select(&w, NULL, bad, 2) == NN_ERROR_NULL);
    CHECK(nn_dataset_select(&w, &v, again, 2) == NN_OK); /* a view of a view, which may be freed first */
    nn_dataset_free(&v);
    CHECK(number(&w, 0) == 50 && number(&w, 1) == 7 && w.targets[2 * w.rows[0]] == 50);
    CHECK(nn_dataset_select(&w, &w, again + 1, 1) == NN_OK && w.count == 1 && number(&w, 0) == 7); /* in place of itself */
    nn_dataset_free(&w);
    CHECK(w.memory == NULL && w.count == 0);
    v = nn_dataset_range(&d, 100, 50);
    CHECK(v.count == 3 && number(&v, 0) == 100 && data_label(&v, 2) == labels[102] && v.weights[1] == weights[101] &&
          v.targets[0] == 100);
    w = nn_dataset_range(&v, 1, 1);
    CHECK(w.count == 1 && number(&w, 0) == 101);
    v = nn_dataset_range(&d, SAMPLES + 5, 2);
    CHECK(v.count == 0);
    CHECK(nn_dataset_shuffle(&v, &d, 3) == NN_OK && nn_dataset_shuffle(&w, &d, 4) == NN_OK);
    int seen[SAMPLES] = {0}, moved = 0, other = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        seen[number(&v, i)]++, moved += number(&v, i) != i, other += number(&v, i) != number(&w, i);
    for (size_t i = 0; i < SAMPLES; i++) CHECK(seen[i] == 1);
    CHECK(moved > SAMPLES / 2 && other > SAMPLES / 2);
    nn_dataset_free(&w);
    w = nn_dataset_range(&v, 10, 20); /* of a list of rows */
    CHECK(number(&w, 3) == number(&v, 13));
    nn_dataset_free(&w);
    size_t asked = 0;
    CHECK(nn_dataset_filter(&w, &v, is_odd, &asked) == NN_OK && w.count == SAMPLES / 2 && asked == SAMPLES);
    for (size_t i = 0; i < w.count; i++) CHECK(number(&w, i) % 2 == 1);
    nn_dataset_free(&w);
    CHECK(nn_dataset_of_class(&w, &v, 2) == NN_OK && w.count > 0);
    for (size_t i = 0; i < w.count; i++) CHECK(data_label(&w, i) == 2);
    nn_dataset_free(&w);
    CHECK(nn_dataset_of_class(&w, &v, CLASSES) == NN_ERROR_LABEL);
    nn_dataset_free(&v);
}

static void join(void) {
    nn_dataset d = whole(), v, w, j;
    const size_t which[] = {9, 3};
    static const char *const classes[] = {"a", "bb", "", "dddd"};
    d.class_names = classes;
    const size_t first[] = {40, 41};
    CHECK(nn_dataset_select(&v, &d, which, 2) == NN_OK && nn_dataset_select(&w, &d, first, 2) == NN_OK);
    w.weights = NULL;
    const nn_dataset *parts[] = {&v, &w, &v};
    test_case("join");
    CHECK(nn_dataset_join(&j, parts, 3) == NN_OK && j.count == 6 && !j.rows);
    const size_t want[] = {9, 3, 40, 41, 9, 3};
    for (size_t i = 0; i < 6; i++) {
        CHECK(number(&j, i) == want[i] && j.labels[i] == labels[want[i]] && j.targets[2 * i] == (float)want[i]);
        CHECK(j.weights[i] == (i == 2 || i == 3 ? 1 : weights[want[i]]));
    }
    CHECK(strcmp(j.class_names[3], "dddd") == 0 && j.class_names[3] != classes[3]);
    const nn_dataset *itself[] = {&j, &v};
    CHECK(nn_dataset_join(&j, itself, 2) == NN_OK && j.count == 8 && number(&j, 7) == 3);
    nn_dataset_free(&j);
    nn_dataset other = nn_dataset_of_bytes(bytes, SAMPLES, shape, labels, CLASSES);
    const nn_dataset *odd[] = {&v, &other};
    CHECK(nn_dataset_join(&j, odd, 2) == NN_ERROR_SHAPE && nn_dataset_join(&j, odd, 0) == NN_ERROR_ARGUMENT);
    CHECK(nn_dataset_join(&j, odd + 1, 1) == NN_OK && memcmp(j.bytes, bytes, sizeof bytes) == 0);
    nn_dataset_free(&j);
    nn_dataset_free(&v);
    nn_dataset_free(&w);
}

/* ---- splitting ---- */

/* Every sample of d is in one of the parts, and of each class a part has its share to within `slack`. */
static void one_split(size_t count, const size_t *sizes, size_t n, const nn_split_desc *desc, double slack) {
    nn_dataset d = whole(), parts[5];
    int seen[SAMPLES] = {0};
    size_t all[CLASSES] = {0}, total = 0;
    d.count = count;
    CHECK(nn_dataset_split_counts(parts, &d, sizes, n, desc) == NN_OK);
    for (size_t i = 0; i < count; i++) all[labels[i]]++;
    for (size_t k = 0; k < n; k++) {
        size_t of[CLASSES] = {0};
        CHECK(parts[k].count == sizes[k]);
        for (size_t i = 0; i < parts[k].count; i++) {
            seen[number(&parts[k], i)]++;
            of[data_label(&parts[k], i)]++;
            if (desc && desc->in_order && i) CHECK(number(&parts[k], i) > number(&parts[k], i - 1));
        }
        for (size_t c = 0; desc && desc->stratified && count && c < CLASSES; c++)
            CHECK(fabs((double)of[c] - (double)all[c] * (double)sizes[k] / (double)count) <= slack);
        total += sizes[k];
        nn_dataset_free(&parts[k]);
    }
    size_t once = 0;
    for (size_t i = 0; i < SAMPLES; i++) once += seen[i] == 1, seen[i] > 1 ? CHECK(0) : 1;
    CHECK(once == total);
}

static void splits(void) {
    for (int how = 0; how < 4; how++) {
        const nn_split_desc desc = {(uint64_t)how, how & 1, how >> 1};
        for (size_t count = 0; count <= SAMPLES; count += 1 + count / 5) {
            const size_t halves[] = {count / 2, count - count / 2}, left[] = {count / 3, 0, count / 4},
                         many[] = {count / 5, count / 7, 0, count / 2, 0};
            test_case("split of %zu, way %d", count, how);
            one_split(count, halves, 2, &desc, 2);
            one_split(count, left, 3, &desc, 2);
            one_split(count, many, 5, &desc, 2);
            one_split(count, many, 0, &desc, 2);
        }
    }
    nn_dataset d = whole(), parts[3], again[3];
    const double shares[] = {80, 10, 10}, bad[] = {1, -1, 0}, none[] = {0, 0, 0}, nan[] = {1, NAN, 1},
                 endless[] = {1, INFINITY, 1};
    test_case("shares");
    CHECK(nn_dataset_split(parts, &d, shares, 3, NULL) == NN_OK && parts[0].count == 82 && parts[1].count == 11 &&
          parts[2].count == 10);
    CHECK(nn_dataset_split(again, &d, shares, 3, NULL) == NN_OK);
    int same = 1, in_order = 1;
    for (size_t i = 0; i < 82; i++) same &= number(&parts[0], i) == number(&again[0], i), in_order &= number(&parts[0], i) == i;
    CHECK(same && !in_order);
    for (size_t k = 0; k < 3; k++) nn_dataset_free(&parts[k]), nn_dataset_free(&again[k]);
    CHECK(nn_dataset_split(parts, &d, bad, 3, NULL) == NN_ERROR_ARGUMENT &&
          nn_dataset_split(parts, &d, none, 3, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_dataset_split(parts, &d, nan, 3, NULL) == NN_ERROR_ARGUMENT &&
          nn_dataset_split(parts, &d, endless, 3, NULL) == NN_ERROR_ARGUMENT);
    const size_t more[] = {SAMPLES, 1}, wraps[] = {SIZE_MAX, SIZE_MAX};
    CHECK(nn_dataset_split_counts(parts, &d, more, 2, NULL) == NN_ERROR_ARGUMENT &&
          nn_dataset_split_counts(parts, &d, wraps, 2, NULL) == NN_ERROR_ARGUMENT);
    const nn_split_desc stratified = {0, 1, 0};
    d.labels = NULL;
    CHECK(nn_dataset_split(parts, &d, shares, 3, &stratified) == NN_ERROR_NULL);
    d = whole();
    d.classes = 2;
    CHECK(nn_dataset_split(parts, &d, shares, 3, &stratified) == NN_ERROR_LABEL);
}

static void folds(void) {
    nn_dataset d = whole(), train, test_part;
    for (int stratified = 0; stratified < 2; stratified++)
        for (size_t k = 2; k <= SAMPLES; k += k) {
            const nn_split_desc desc = {5, stratified, 0};
            int seen[SAMPLES] = {0};
            test_case("%zu folds, stratified %d", k, stratified);
            for (size_t f = 0; f < k; f++) {
                int in[SAMPLES] = {0};
                CHECK(nn_dataset_fold(&train, &test_part, &d, f, k, &desc) == NN_OK &&
                      train.count + test_part.count == SAMPLES);
                CHECK(test_part.count == SAMPLES / k || test_part.count == SAMPLES / k + 1);
                for (size_t i = 0; i < test_part.count; i++) seen[number(&test_part, i)]++, in[number(&test_part, i)]++;
                for (size_t i = 0; i < train.count; i++) in[number(&train, i)]++;
                for (size_t i = 0; i < SAMPLES; i++) CHECK(in[i] == 1);
                nn_dataset_free(&train);
                nn_dataset_free(&test_part);
            }
            for (size_t i = 0; i < SAMPLES; i++) CHECK(seen[i] == 1);
        }
    CHECK(nn_dataset_fold(&train, &test_part, &d, 0, 1, NULL) == NN_ERROR_ARGUMENT &&
          nn_dataset_fold(&train, &test_part, &d, 3, 3, NULL) == NN_ERROR_ARGUMENT);
    CHECK(nn_dataset_fold(&train, &test_part, &d, 0, SAMPLES + 1, NULL) == NN_ERROR_ARGUMENT);
}

/* ---- balancing ---- */

static void balance(void) {
    nn_dataset d = whole(), v;
    size_t counts[CLASSES + 1], had[CLASSES], most = 0, least = SAMPLES;
    float w[CLASSES + 1];
    d.classes = CLASSES + 1; /* one without samples */
    test_case("balance");
    CHECK(nn_dataset_class_counts(counts, &d) == NN_OK && counts[CLASSES] == 0);
    double weighted = 0;
    CHECK(nn_dataset_class_weights(w, &d) == NN_OK && w[CLASSES] == 0);
    for (size_t c = 0; c < CLASSES; c++) {
        had[c] = counts[c];
        most = counts[c] > most ? counts[c] : most, least = counts[c] < least ? counts[c] : least;
        weighted += (double)w[c] * (double)counts[c];
        CHECK(fabs((double)w[c] * (double)counts[c] - SAMPLES / 4.0) < 1e-4);
    }
    CHECK(fabs(weighted - SAMPLES) < 1e-3 && most > least);
    for (int how = 0; how < 2; how++) {
        size_t times[SAMPLES] = {0};
        CHECK(nn_dataset_balance(&v, &d, how ? NN_BALANCE_UNDER : NN_BALANCE_OVER, 1) == NN_OK);
        CHECK(nn_dataset_class_counts(counts, &v) == NN_OK);
        for (size_t c = 0; c < CLASSES; c++) CHECK(counts[c] == (how ? least : most));
        for (size_t i = 0; i < v.count; i++) times[number(&v, i)]++;
        for (size_t i = 0; i < SAMPLES; i++) { /* none more than once oftener than another of its class */
            const size_t each = counts[labels[i]] / had[labels[i]];
            CHECK(times[i] == each || times[i] == each + 1);
        }
        CHECK(data_label(&v, 0) != data_label(&v, 1) || data_label(&v, 1) != data_label(&v, 2) ||
              data_label(&v, 2) != data_label(&v, 3));
        nn_dataset_free(&v);
    }
    const size_t want[] = {1, 0, 50, 2, 0}, empty[] = {0, 0, 0, 0, 1}, wraps[] = {SIZE_MAX, SIZE_MAX, 0, 0, 0};
    CHECK(nn_dataset_resample(&v, &d, want, 9) == NN_OK && v.count == 53 && nn_dataset_class_counts(counts, &v) == NN_OK &&
          counts[2] == 50);
    CHECK(nn_dataset_resample(&v, &v, want, 9) == NN_OK && v.count == 53); /* in place of itself */
    nn_dataset_free(&v);
    CHECK(nn_dataset_resample(&v, &d, empty, 9) == NN_ERROR_ARGUMENT && nn_dataset_resample(&v, &d, wraps, 9) == NN_ERROR_SIZE);
    d.classes = 1;
    CHECK(nn_dataset_class_counts(counts, &d) == NN_ERROR_LABEL);
}

/* ---- batches ---- */

static void batches(size_t count, size_t batch, int in_order, int drop_last) {
    nn_dataset d = whole();
    nn_batches b;
    size_t before[SAMPLES] = {0};
    d.count = count;
    test_case("batches of %zu of %zu, in order %d, drop %d", batch, count, in_order, drop_last);
    if (!CHECK(nn_batches_begin(&b, &d, batch, 3) == NN_OK)) return;
    b.in_order = in_order;
    b.drop_last = drop_last;
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        int seen[SAMPLES] = {0};
        size_t total = 0, order[SAMPLES + 1], moved = 0;
        while (nn_batches_next(&b)) {
            CHECK(b.epoch == epoch && b.n > 0 && b.n <= batch);
            for (size_t i = 0; i < b.n; i++) {
                const size_t k = (size_t)b.x[i * SIZE] / 100;
                CHECK(k == b.which[i] && b.labels[i] == labels[k] && b.targets[2 * i] == (float)k &&
                      b.weights[i] == weights[k]);
                seen[k]++;
                order[total++] = k;
            }
        }
        CHECK(total == (drop_last ? count / batch * batch : count));
        for (size_t i = 0; i < total; i++) CHECK(seen[order[i]] == 1 && (!in_order || order[i] == i));
        for (size_t i = 0; i < total; i++) moved += order[i] != before[i], before[i] = order[i];
        if (epoch && !in_order && total > 50) CHECK(moved > total / 2);
    }
    nn_batches_end(&b);
}

static void all_batches(void) {
    for (int how = 0; how < 4; how++)
        for (size_t batch = 1; batch <= 2 * SAMPLES; batch = batch * 2 + 1)
            batches(SAMPLES, batch, how & 1, how >> 1), batches(batch % 3, 2, how & 1, 0);
    nn_dataset d = whole();
    nn_batches a, b;
    size_t order[SAMPLES];
    test_case("an epoch is drawn again");
    CHECK(nn_batches_begin(&a, &d, SAMPLES, 3) == NN_OK && nn_batches_begin(&b, &d, SAMPLES, 3) == NN_OK);
    for (int k = 0; k < 2; k++)
        while (nn_batches_next(&a)) {
        }
    CHECK(nn_batches_next(&a) && a.epoch == 2);
    memcpy(order, a.which, sizeof order);
    b.epoch = 2;
    CHECK(nn_batches_next(&b) && memcmp(order, b.which, sizeof order) == 0);
    nn_batches_end(&a);
    nn_batches_end(&b);
    nn_batches_end(&b);
    CHECK(nn_batches_begin(&b, &d, 0, 3) == NN_ERROR_ARGUMENT && nn_batches_begin(&b, NULL, 1, 3) == NN_ERROR_NULL);
}

/* ---- memory ---- */

static nn_dataset with(const data_ledger *l) {
    nn_dataset d = whole();
    d.allocator = &l->hook;
    return d;
}
static void free_all(nn_dataset *d, size_t n) {
    while (n) nn_dataset_free(&d[--n]);
}

static void failures(void) {
    data_ledger l;
    nn_dataset d, v[3];
    nn_batches b;
    const size_t which[] = {1, 2}, sizes[] = {50, 3, 7};
    const double shares[] = {1, 2, 3};
    const nn_split_desc stratified = {0, 1, 0};
    test_case("allocations that fail");
    DATA_FAIL(l, (d = with(&l), nn_dataset_select(v, &d, which, 2)), free_all(v, 1));
    DATA_FAIL(l, (d = with(&l), nn_dataset_shuffle(v, &d, 2)), free_all(v, 1));
    DATA_FAIL(l, (d = with(&l), nn_dataset_of_class(v, &d, 2)), free_all(v, 1));
    DATA_FAIL(l, (d = with(&l), nn_dataset_split(v, &d, shares, 3, &stratified)), free_all(v, 3));
    DATA_FAIL(l, (d = with(&l), nn_dataset_split_counts(v, &d, sizes, 3, NULL)), free_all(v, 3));
    DATA_FAIL(l, (d = with(&l), nn_dataset_fold(v, v + 1, &d, 1, 5, &stratified)), free_all(v, 2));
    DATA_FAIL(l, (d = with(&l), nn_dataset_balance(v, &d, NN_BALANCE_OVER, 5)), free_all(v, 1));
    DATA_FAIL(l, (d = with(&l), nn_dataset_class_weights(weights, &d)), set());
    DATA_FAIL(l, (d = with(&l), nn_batches_begin(&b, &d, 9, 5)), nn_batches_end(&b));
    const nn_dataset *parts[] = {&d, &d};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    DATA_FAIL(l, (d = with(&l), d.class_names = d.feature_names = d.target_names = names, nn_dataset_join(v, parts, 2)),
              free_all(v, 1));
}

static void *hold_and_free(void *from) {
    for (int i = 0; i < 2000; i++) {
        nn_dataset a = nn_dataset_share((const nn_dataset *)from), b = nn_dataset_range(&a, 1, 1);
        nn_dataset_free(&a);
        nn_dataset_free(&b);
    }
    return NULL;
}

static void threads(void) {
    data_ledger l;
    data_ledger_begin(&l, 0);
    nn_dataset d = with(&l);
    pthread_t ids[4];
    test_case("holders in four threads");
    CHECK(nn_dataset_shuffle(&d, &d, 1) == NN_OK);
    for (size_t i = 0; i < 4; i++)
        if (pthread_create(&ids[i], NULL, hold_and_free, &d) != 0) abort();
    for (size_t i = 0; i < 4; i++) pthread_join(ids[i], NULL);
    CHECK(l.live == 2 && d.rows[0] < SAMPLES); /* the list of rows, and what counts its holders */
    nn_dataset_free(&d);
    CHECK(l.live == 0);
}

int main(void) {
    set();
    gather();
    check();
    views();
    join();
    splits();
    folds();
    balance();
    all_batches();
    failures();
    threads();
    return test_end("dataset");
}
