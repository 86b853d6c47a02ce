/* equal_data.c - the bits of data: made by formula, shuffled and shared out, read from text, scaled */
#include "equal.h"

#include <unistd.h>

static void hash_size(size_t value) {
    const uint32_t word = (uint32_t)value;
    hash_words(&word, 1);
}

static void hash_dataset(nn_dataset *d) {
    const size_t size = nn_shape_size(d->shape);
    hash_size(d->count);
    for (size_t i = 0; i < d->count; i++) {
        const size_t row = nn_dataset_row(d, i);
        for (size_t j = 0; j < size && d->bytes; j++) hash_size(d->bytes[row * size + j]);
        if (d->floats) hash_floats(d->floats + row * size, size);
        if (d->labels) hash_size(d->labels[row]);
        if (d->targets) hash_floats(d->targets + row * d->target_size, d->target_size);
    }
    nn_dataset_free(d);
}

static void made(void) {
    static const double c[] = {0.1, -2, 3, 0.7};
    nn_dataset d;
    begin(), must(nn_make_digits(&d, 0, 300, 1, NULL)), hash_dataset(&d), end("digits");
    begin(), must(nn_make_moons(&d, 500, 0.1, 1, NULL)), hash_dataset(&d), end("moons");
    begin(), must(nn_make_circles(&d, 3, 500, 0.1, 1, NULL)), hash_dataset(&d), end("circles");
    begin(), must(nn_make_spirals(&d, 4, 1.7, 500, 0.05, 1, NULL)), hash_dataset(&d), end("spirals");
    begin(), must(nn_make_blobs(&d, 5, 21, 500, 0.3, 1, NULL)), hash_dataset(&d), end("blobs");
    begin(), must(nn_make_sine(&d, 3, 500, 0.1, 1, NULL)), hash_dataset(&d), end("sine");
    begin(), must(nn_make_polynomial(&d, c, 4, 500, 0.1, 1, NULL)), hash_dataset(&d), end("polynomial");
}

static void shared_out(void) {
    nn_dataset d, parts[3];
    const double shares[] = {5, 3, 2};
    const nn_split_desc plain = {3, 0, 0}, stratified = {3, 1, 0};
    must(nn_make_blobs(&d, 3, 1, 400, 1, 2, NULL));
    begin(), must(nn_dataset_shuffle(parts, &d, 9)), hash_dataset(parts), end("shuffle");
    begin(), must(nn_dataset_split(parts, &d, shares, 3, &plain)), hash_dataset(parts), hash_dataset(parts + 1),
        hash_dataset(parts + 2), end("split");
    begin(), must(nn_dataset_split(parts, &d, shares, 3, &stratified)), hash_dataset(parts), hash_dataset(parts + 1),
        hash_dataset(parts + 2);
    end("split_stratified");
    begin(), must(nn_dataset_fold(parts, parts + 1, &d, 2, 7, NULL)), hash_dataset(parts), hash_dataset(parts + 1), end("fold");
    begin(), must(nn_dataset_balance(parts, &d, NN_BALANCE_OVER, 4)), hash_dataset(parts), end("balance");
    nn_batches b;
    begin(), must(nn_batches_begin(&b, &d, 33, 6));
    for (int epoch = 0; epoch < 3; epoch++)
        while (nn_batches_next(&b)) hash_floats(b.x, b.n), hash_size(b.n);
    nn_batches_end(&b);
    end("batches");
    nn_dataset_free(&d);
}

static void scaled(void) {
    static const nn_scaling kinds[] = {NN_SCALE_Z_SCORE, NN_SCALE_MIN_MAX, NN_SCALE_SYMMETRIC};
    static const nn_shape shapes[] = {{1, 1, 21}, {7, 1, 3}, {3, 7, 1}};
    nn_dataset d, s;
    begin();
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < 2 * COUNT(shapes); i++) {
            const nn_scaler_desc desc = {kinds[k], (int)(i % 2), 0, NULL};
            nn_scaler scaler;
            must(nn_make_blobs(&d, 5, 21, 3000, 0.3, i, NULL));
            d.shape = shapes[i / 2];
            must(nn_scaler_fit(&scaler, &d, &desc, NULL));
            must(nn_scaler_apply_dataset(&s, &d, &scaler));
            hash_floats(scaler.mean, 3 * scaler.size);
            nn_scaler_invert((float *)(uintptr_t)d.floats, s.floats, &scaler, d.count * 21 / scaler.size);
            hash_dataset(&s), hash_dataset(&d);
            nn_scaler_free(&scaler);
        }
    end("scaler");
}

static void text(void) {
    char path[] = "/tmp/nn-equal-XXXXXX";
    const int file = mkstemp(path);
    nn_csv_desc desc = {0};
    nn_dataset d;
    FILE *out = file < 0 ? NULL : fdopen(file, "w");
    uint64_t state = 7;
    if (!out) exit(1);
    for (int i = 0; i < 500; i++) {
        unsigned long long r[5];
        for (size_t k = 0; k < COUNT(r); k++) r[k] = (unsigned long long)test_random(&state);
        fprintf(out, "%llu.%llue%d;%c;%d\n", r[0] >> 50, r[1], (int)(r[2] % 60) - 30, "EWSN"[r[3] % 4], (int)(r[4] % 12));
    }
    fclose(out);
    desc.label = "last";
    begin(), must(nn_load_csv(&d, path, &desc, NULL)), hash_dataset(&d), end("csv");
    remove(path);
}

static void all(void) {
    made();
    shared_out();
    scaled();
    text();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
