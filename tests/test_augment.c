/* test_augment.c - the pipeline: what it draws, that it depends on (seed, epoch, sample) alone, and each of its stages */
#include "hook.h"
#include "internal.h"
#include "test.h"

enum { MOST = 60000 };

static float *x_end, *y_end, *work_end;

/* A sample with guard pages after source, result and workspace, each of exactly the size asked for. */
static const float *augmented(const nn_augment *a, nn_shape in, uint64_t seed, uint64_t epoch, uint64_t sample) {
    const nn_shape out = nn_augment_shape(a, in);
    const size_t work = nn_augment_work(a, in);
    float *y = y_end - nn_shape_size(out);
    if (work > MOST) abort();
    fill_untouched(y - 3, nn_shape_size(out) + 3);
    fill_untouched(work_end - work - 3, work + 3); /* nothing may be expected there */
    nn_augment_sample(y, x_end - nn_shape_size(in), in, a, seed, epoch, sample, work_end - work);
    CHECK(is_untouched(y - 3, 3) && is_untouched(work_end - work - 3, 3));
    return y;
}

static void fill_sample(nn_shape in, uint64_t seed) {
    float *x = x_end - nn_shape_size(in);
    test_fill(x, nn_shape_size(in), &seed);
    for (size_t i = 0; i < nn_shape_size(in); i++) x[i] = 0.5f + 0.5f * x[i];
}

static nn_augment everything(void) {
    nn_augment a = nn_augment_digits();
    a.flip_x = a.flip_y = 0.5f;
    a.shear_x = a.shear_y = 0.1f;
    a.translate_x = a.translate_y = 2;
    a.brightness = a.contrast = a.saturation = 0.2f;
    a.hue = 20;
    a.gamma_from = 0.7f, a.gamma_to = 1.4f;
    a.noise = 0.05f;
    a.salt_pepper = 0.02f;
    a.high = 1;
    a.cutout = 0.5f, a.cutout_height = 5, a.cutout_width = 6, a.cutout_value = 0.5f;
    a.mixup = 0.4f;
    return a;
}

/* ---- the same for every instruction set, order and thread; another for another sample, epoch, seed ---- */

static void reproducible(const nn_augment *a, nn_shape in, const char *name) {
    static float first[3][MOST];
    const size_t n = nn_shape_size(nn_augment_shape(a, in));
    test_case("%s, %zux%zux%zu", name, in.height, in.width, in.channels);
    CHECK(nn_augment_check(a, in) == NN_OK);
    fill_sample(in, 7);
    for (const char *isa = test_isa(NULL), *best = isa; isa; isa = test_isa(isa)) {
        for (size_t k = 0; k < 3; k++) {
            const size_t sample = isa == best ? k : 2 - k;
            const float *y = augmented(a, in, 11, 5, sample);
            if (isa == best) memcpy(first[sample], y, n * sizeof *y);
            CHECK(first_difference(first[sample], y, n) == n);
        }
        CHECK(first_difference(first[0], first[1], n) < n && first_difference(first[1], first[2], n) < n);
    }
    CHECK(first_difference(first[0], augmented(a, in, 11, 6, 0), n) < n &&
          first_difference(first[0], augmented(a, in, 12, 5, 0), n) < n);
    CHECK(first_difference(first[0], augmented(a, in, 11, 5 + ((uint64_t)1 << 32), 0), n) < n);
    CHECK(first_difference(first[0], augmented(a, in, 11, 5, (uint64_t)1 << 32), n) < n);
    for (size_t i = 0; i < n; i++) CHECK(first[0][i] == first[0][i]);
}

static void bytes_equal_floats(const nn_augment *a, nn_shape in) {
    static uint8_t bytes[MOST];
    static float work[MOST], y[MOST];
    const size_t n = nn_shape_size(in), m = nn_shape_size(nn_augment_shape(a, in));
    uint64_t state = 3;
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)test_random(&state);
    nn_floats_from_bytes(x_end - n, bytes, n);
    const float *want = augmented(a, in, 1, 2, 3);
    nn_augment_bytes(y, bytes, in, a, 1, 2, 3, work);
    CHECK(first_difference(y, want, m) == m);
}

typedef struct share {
    const nn_augment *a;
    float *y, work[8000];
    size_t first;
} share;
static const nn_shape digit = {28, 28, 1};

static void *run_share(void *context) {
    share *s = (share *)context;
    for (size_t i = s->first; i < 40; i += 2)
        nn_augment_sample(s->y + i * 784, x_end - 784, digit, s->a, 1, 2, i, s->work);
    return NULL;
}

static void threads(void) {
    static float alone[40 * 784], together[40 * 784];
    static share shares[2];
    const nn_augment a = everything();
    pthread_t thread[2];
    test_case("two threads");
    CHECK(nn_augment_work(&a, digit) <= 8000);
    fill_sample(digit, 1);
    for (size_t i = 0; i < 40; i++) memcpy(alone + i * 784, augmented(&a, digit, 1, 2, i), 784 * sizeof(float));
    for (size_t k = 0; k < 2; k++) {
        shares[k].a = &a, shares[k].y = together, shares[k].first = k;
        if (pthread_create(&thread[k], NULL, run_share, &shares[k]) != 0) abort();
    }
    for (size_t k = 0; k < 2; k++) pthread_join(thread[k], NULL);
    CHECK(first_difference(alone, together, 40 * 784) == 40 * 784);
}

static void *nowhere(size_t size, void *user) { return (void)size, (void)user, NULL; }
static void never(void *memory, void *user) { (void)memory, (void)user; }

static void batches(void) {
    static float x[9 * 300], y[9 * 300], alone[9 * 300], work[20000];
    const nn_allocator none = {nowhere, never, NULL};
    const nn_shape in = {10, 10, 3};
    nn_augment a = everything();
    uint64_t state = 1;
    size_t calls = 0;
    test_fill(x, COUNT(x), &state);
    test_case("batches");
    CHECK(nn_augment_work(&a, in) <= COUNT(work));
    for (size_t i = 0; i < 9; i++) nn_augment_sample(alone + i * 300, x + i * 300, in, &a, 1, 2, 5 + i, work);
    for (size_t threads = 1; threads < 4; threads++) {
        nn_threads(threads);
        nn_threads_hook(threads == 3 ? hook_backwards : hook_pthreads, &calls);
        fill_untouched(y, COUNT(y));
        CHECK(nn_augment_images(y, x, 9, in, &a, 1, 2, 5, NULL) == NN_OK && first_difference(y, alone, COUNT(y)) == COUNT(y));
    }
    CHECK(calls == 2);
    nn_threads_hook(NULL, NULL);
    nn_threads(1);
    fill_untouched(y, COUNT(y));
    CHECK(nn_augment_images(y, x, 9, in, &a, 1, 2, 5, &none) == NN_ERROR_MEMORY &&
          nn_augment_images(y, y, 9, in, &a, 1, 2, 5, NULL) == NN_ERROR_ALIAS);
    CHECK(nn_augment_images(NULL, x, 9, in, &a, 1, 2, 5, NULL) == NN_ERROR_NULL &&
          nn_augment_images(y, NULL, 9, in, &a, 1, 2, 5, NULL) == NN_ERROR_NULL);
    CHECK(nn_augment_images(y, x, SIZE_MAX / 100, in, &a, 1, 2, 5, NULL) == NN_ERROR_SIZE &&
          nn_augment_images(NULL, NULL, 0, in, &a, 1, 2, 5, NULL) == NN_OK);
    a.rotate = -1;
    CHECK(nn_augment_images(y, x, 9, in, &a, 1, 2, 5, NULL) == NN_ERROR_ARGUMENT && is_untouched(y, COUNT(y)));
}

/* ---- stages ---- */

static void nothing(void) {
    nn_augment a;
    memset(&a, 0, sizeof a);
    static const nn_shape shapes[] = {{1, 1, 1}, {28, 28, 1}, {5, 7, 3}, {1, 1, 100}};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa)) {
            const size_t n = nn_shape_size(shapes[s]);
            test_case("nothing, %zu values", n);
            CHECK(nn_augment_check(&a, shapes[s]) == NN_OK && nn_shape_equal(nn_augment_shape(&a, shapes[s]), shapes[s]));
            fill_sample(shapes[s], s);
            CHECK(first_difference(x_end - n, augmented(&a, shapes[s], 1, 2, 3), n) == n);
        }
}

/* Probabilities and whole moves: each result is the sample, mirrored or moved, and all of them occur as often as they should.
 */
static void flips_and_moves(void) {
    const nn_shape in = {4, 5, 3};
    const size_t n = 60, tries = 2000;
    nn_augment a;
    size_t seen[4] = {0}, places[5][7] = {{0}};
    float flipped[60];
    memset(&a, 0, sizeof a);
    a.flip_x = 0.3f, a.flip_y = 0.6f;
    fill_sample(in, 2);
    test_case("flips");
    for (size_t i = 0; i < tries; i++) {
        const float *y = augmented(&a, in, 3, 0, i);
        for (int k = 0; k < 4; k++) {
            CHECK(nn_image_flip(nn_image_floats(flipped, in), nn_image_floats(x_end - n, in), k & 1, k & 2) == NN_OK);
            seen[k] += first_difference(flipped, y, n) == n;
        }
    }
    for (int k = 0; k < 4; k++) {
        const double p = (k & 1 ? 0.3 : 0.7) * (k & 2 ? 0.6 : 0.4);
        CHECK(fabs((double)seen[k] - p * (double)tries) < TOL_DEVIATIONS * sqrt(p * (1 - p) * (double)tries));
    }
    CHECK(seen[0] + seen[1] + seen[2] + seen[3] == tries);
    memset(&a, 0, sizeof a);
    a.translate_x = 3, a.translate_y = 2, a.translate_whole = 1, a.border = NN_BORDER_WRAP;
    test_case("whole moves");
    for (size_t i = 0; i < tries; i++) {
        const float *y = augmented(&a, in, 3, 0, i);
        for (ptrdiff_t r = -2; r <= 2; r++)
            for (ptrdiff_t c = -3; c <= 3; c++) {
                CHECK(nn_image_window(nn_image_floats(flipped, in), nn_image_floats(x_end - n, in), r, c, NN_BORDER_WRAP,
                                      0) == NN_OK);
                places[r + 2][c + 3] += first_difference(flipped, y, n) == n;
            }
    }
    size_t all = 0;
    for (size_t r = 0; r < 5; r++)
        for (size_t c = 0; c < 7; c++) {
            if (c >= 5 || r >= 4) continue; /* 5 columns and 4 rows wrap around: two places are one */
            const double p = (c <= 1 ? 2 : 1) * (r == 0 ? 2 : 1) / 35.0;
            all += places[r][c];
            CHECK(fabs((double)places[r][c] - p * (double)tries) < TOL_DEVIATIONS * sqrt(p * (double)tries));
        }
    CHECK(all == tries);
}

static void crops(void) {
    const nn_shape in = {6, 7, 2};
    nn_augment a;
    float part[3 * 4 * 2];
    size_t seen[8][8] = {{0}}, count = 0;
    memset(&a, 0, sizeof a);
    a.crop = NN_CROP_RANDOM, a.crop_height = 3, a.crop_width = 4, a.pad = 2, a.border_value = 9, a.flip_x = 0.5f;
    fill_sample(in, 4);
    test_case("random crop");
    CHECK(nn_augment_check(&a, in) == NN_OK && nn_shape_equal(nn_augment_shape(&a, in), nn_shape_image(3, 4, 2)));
    for (size_t i = 0; i < 2000; i++) {
        const float *y = augmented(&a, in, 5, 1, i);
        int found = 0;
        for (size_t r = 0; r < 8; r++)
            for (size_t c = 0; c < 8; c++)
                for (int flip = 0; flip < 2; flip++) {
                    float mirrored[24];
                    CHECK(nn_image_window(nn_image_floats(part, nn_shape_image(3, 4, 2)), nn_image_floats(x_end - 84, in),
                                          (ptrdiff_t)r - 2, (ptrdiff_t)c - 2, NN_BORDER_CONSTANT, 9) == NN_OK);
                    CHECK(nn_image_flip(nn_image_floats(mirrored, nn_shape_image(3, 4, 2)),
                                        nn_image_floats(part, nn_shape_image(3, 4, 2)), flip, 0) == NN_OK);
                    if (!found && first_difference(mirrored, y, 24) == 24) seen[r][c]++, found = 1;
                }
        count += (size_t)found;
    }
    CHECK(count == 2000);
    for (size_t r = 0; r < 8; r++)
        for (size_t c = 0; c < 8; c++) CHECK(fabs((double)seen[r][c] - 2000.0 / 64) < TOL_DEVIATIONS * sqrt(2000.0 / 64));
    a.crop = NN_CROP_CENTRE, a.flip_x = 0;
    CHECK(nn_image_crop_at(nn_image_floats(part, nn_shape_image(3, 4, 2)), nn_image_floats(x_end - 84, in), NN_CENTRE) ==
          NN_OK);
    CHECK(first_difference(part, augmented(&a, in, 5, 1, 0), 24) == 24);
}

/* A picture of its own coordinates shows which part of it a crop took. */
static void resizing_crops(void) {
    const nn_shape in = {60, 90, 2}, out = {16, 16, 2};
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.crop = NN_CROP_RESIZED, a.crop_height = a.crop_width = 16;
    float *x = x_end - nn_shape_size(in);
    for (size_t i = 0; i < 60; i++)
        for (size_t j = 0; j < 90; j++) x[(i * 90 + j) * 2] = (float)j + 0.5f, x[(i * 90 + j) * 2 + 1] = (float)i + 0.5f;
    double least = 1, most = 0, mirrored = 0, shortest = 99, longest = 0;
    const size_t tries = test_quick() ? 100 : 400;
    test_case("resized crop");
    CHECK(nn_augment_check(&a, in) == NN_OK && nn_shape_equal(nn_augment_shape(&a, in), out));
    for (size_t i = 0; i < tries; i++) {
        const float *y = augmented(&a, in, 6, 0, i);
        const double width = 16.0 / 7 * (double)(y[(8 * 16 + 11) * 2] - y[(8 * 16 + 4) * 2]),
                     height = 16.0 / 7 * (double)(y[(11 * 16 + 8) * 2 + 1] - y[(4 * 16 + 8) * 2 + 1]);
        const double area = width * height / 5400, aspect = width / height;
        least = fmin(least, area), most = fmax(most, area);
        CHECK(area > 0.075 && area < 1.01 && aspect > 0.72 && aspect < 1.39);
    }
    CHECK(least < 0.15 && most > 0.7);
    a.crop = NN_CROP_SHORT_SIDE, a.side_from = 20, a.side_to = 30, a.flip_x = 0.5f;
    test_case("short side");
    CHECK(nn_augment_check(&a, in) == NN_OK);
    for (size_t i = 0; i < tries; i++) {
        const float *y = augmented(&a, in, 6, 1, i);
        const double width = 16.0 / 7 * (double)(y[(8 * 16 + 11) * 2] - y[(8 * 16 + 4) * 2]),
                     height = 16.0 / 7 * (double)(y[(11 * 16 + 8) * 2 + 1] - y[(4 * 16 + 8) * 2 + 1]);
        const double side = 60 * 16 / height; /* what the short side became */
        mirrored += width < 0;
        CHECK(side > 19.8 && side < 30.2 && fabs(fabs(width) / height - 1) < 0.05);
        shortest = fmin(shortest, side), longest = fmax(longest, side);
    }
    CHECK(shortest < 21.2 && longest > 28.8);
    CHECK(fabs(mirrored - 0.5 * (double)tries) < TOL_DEVIATIONS * sqrt(0.25 * (double)tries));
    a.rotate = 10, a.elastic_alpha = 5, a.elastic_sigma = 3; /* a second resampling follows */
    fill_sample(in, 9);
    reproducible(&a, in, "short side, turned");
    a.crop = NN_CROP_RESIZED;
    reproducible(&a, in, "resized, turned");
    a.aspect_from = 50, a.aspect_to = 100; /* does not fit: the middle in the nearest shape */
    reproducible(&a, in, "resized, too wide");
}

/* Angles, factors and moves, read off three pixels of a picture of its own coordinates. */
static void affine_ranges(void) {
    const nn_shape in = {41, 41, 2};
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.rotate = 20, a.scale_from = 0.8f, a.scale_to = 1.25f, a.translate_x = 3, a.border = NN_BORDER_EDGE;
    float *x = x_end - nn_shape_size(in);
    for (size_t i = 0; i < 41; i++)
        for (size_t j = 0; j < 41; j++) x[(i * 41 + j) * 2] = (float)j - 20, x[(i * 41 + j) * 2 + 1] = (float)i - 20;
    double turned = 0, scaled = 0, most = 0, largest = 0, smallest = 9;
    const size_t tries = test_quick() ? 100 : 300;
    test_case("ranges of the affine part");
    for (size_t i = 0; i < tries; i++) {
        const float *y = augmented(&a, in, 8, 0, i), *middle = y + (20 * 41 + 20) * 2, *right = y + (20 * 41 + 25) * 2;
        const double dx = (double)(right[0] - middle[0]) / 5, dy = (double)(right[1] - middle[1]) / 5;
        const double angle = atan2(dy, dx) * 180 / acos(-1.0), scale = 1 / sqrt(dx * dx + dy * dy);
        turned += angle / (double)tries, scaled += scale / (double)tries, most = fmax(most, fabs(angle));
        largest = fmax(largest, scale), smallest = fmin(smallest, scale);
        CHECK(fabs(angle) < 20.01 && scale > 0.799 && scale < 1.2501);
        CHECK(sqrt((double)middle[0] * (double)middle[0] + (double)middle[1] * (double)middle[1]) < 3 / 0.799);
    }
    CHECK(fabs(turned) < TOL_DEVIATIONS * 20 / sqrt(3.0 * (double)tries) && most > 18);
    CHECK(fabs(scaled - 1.025) < TOL_DEVIATIONS * 0.13 / sqrt((double)tries) && largest > 1.2 && smallest < 0.85);
}

static void values(void) {
    const nn_shape in = {30, 40, 3};
    const size_t n = 3600;
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.noise = 0.5f, a.salt_pepper = 0.1f, a.low = -0.25f, a.high = 1.25f;
    fill_sample(in, 5);
    size_t low = 0, high = 0, cut = 0, whole = 0;
    const float *y = augmented(&a, in, 1, 1, 1);
    test_case("noise, salt and pepper, clipping");
    for (size_t i = 0; i < n; i++) {
        CHECK(y[i] >= -0.25f && y[i] <= 1.25f);
        low += y[i] == -0.25f, high += y[i] == 1.25f;
    }
    CHECK(low > n / 20 && high > n / 20 && low + high < n / 2);
    memset(&a, 0, sizeof a);
    a.cutout = 0.5f, a.cutout_height = 7, a.cutout_width = 9, a.cutout_value = -3;
    test_case("cutout");
    for (size_t k = 0; k < 400; k++) {
        size_t pixels = 0;
        y = augmented(&a, in, 1, 1, k);
        for (size_t i = 0; i < n; i++) pixels += y[i] == -3;
        CHECK(pixels % 3 == 0 && pixels <= 3 * 63);
        cut += pixels > 0, whole += pixels == 3 * 63;
    }
    CHECK(cut > 150 && cut < 250 && whole > cut / 2 && whole < cut);
    test_case("vectors"); /* not images: noise is all they can have */
    memset(&a, 0, sizeof a);
    a.noise = 0.1f, a.mixup = 1;
    reproducible(&a, nn_shape_vector(100), "a vector");
    a.rotate = 1;
    CHECK(nn_augment_check(&a, nn_shape_vector(100)) == NN_ERROR_ARGUMENT);
}

static void mixing(void) {
    nn_augment a = everything();
    size_t partner = 99, partners[7] = {0};
    double mean = 0;
    test_case("mixup");
    for (size_t i = 0; i < 7000; i++) {
        const float w = nn_augment_mix(&partner, &a, 1, 2, i, 7);
        if (!(w >= 0 && w <= 1 && partner < 7)) CHECK(!"weight or partner");
        else partners[partner]++;
        mean += (double)w / 7000;
    }
    for (size_t i = 0; i < 7; i++) CHECK(fabs((double)partners[i] - 1000) < TOL_DEVIATIONS * sqrt(1000.0));
    CHECK(fabs(mean - 0.5) < TOL_DEVIATIONS * 0.5 / sqrt(7000 * 1.8));
    CHECK(nn_augment_mix(&partner, &a, 1, 2, 3, 0) == 1 && partner == 0);
    a.mixup = 0;
    CHECK(nn_augment_mix(&partner, &a, 1, 2, 3, 7) == 1);
}

/* The field of the pipeline is that of nn_elastic_field, drawn under the key of seed and epoch. */
static void elastic(void) {
    static float d[2 * 784], want[784];
    const uint32_t counter[4] = {2, 3, 0x61756761u, 0x656d746eu};
    uint32_t word[4];
    nn_augment a;
    memset(&a, 0, sizeof a);
    a.elastic_alpha = 34, a.elastic_sigma = 4;
    test_nni_philox(word, 5, counter);
    nn_random random = {(uint64_t)word[1] << 32 | word[0], 7, (uint64_t)1 << 32};
    fill_sample(digit, 6);
    test_case("elastic");
    CHECK(nn_elastic_field(d, d + 784, 28, 28, 34, 4, &random, NULL) == NN_OK);
    CHECK(nn_image_remap(nn_image_floats(want, digit), nn_image_floats(x_end - 784, digit), nn_transform_identity(), d, d + 784,
                         NULL) == NN_OK);
    CHECK(first_difference(want, augmented(&a, digit, 5, (uint64_t)3 << 32 | 2, 7), 784) == 784);
}

/* A setting is drawn from a place of its own: switching one on leaves the others as they were. */
static void independent(void) {
    nn_augment a, b;
    float flip[784];
    memset(&a, 0, sizeof a);
    a.flip_x = 0.5f;
    b = a;
    b.brightness = 0.5f;
    fill_sample(digit, 3);
    test_case("independent settings");
    for (size_t i = 0; i < 20; i++) {
        memcpy(flip, augmented(&a, digit, 1, 2, i), sizeof flip);
        const float *y = augmented(&b, digit, 1, 2, i), shift = y[0] - flip[0];
        int same = 1;
        for (size_t k = 0; k < 784; k++) same &= fabsf(y[k] - flip[k] - shift) < 1e-6f;
        CHECK(same && fabsf(shift) <= 0.5f);
    }
}

static void errors(void) {
    static const struct {
        size_t at;
        float value;
    } bad[] = {{offsetof(nn_augment, flip_x), 1.5f},      {offsetof(nn_augment, flip_y), -0.1f},
               {offsetof(nn_augment, rotate), 361},       {offsetof(nn_augment, rotate), NAN},
               {offsetof(nn_augment, scale_from), 1},     {offsetof(nn_augment, scale_to), 1},
               {offsetof(nn_augment, shear_x), INFINITY}, {offsetof(nn_augment, shear_y), -1},
               {offsetof(nn_augment, translate_x), -1},   {offsetof(nn_augment, translate_y), NAN},
               {offsetof(nn_augment, elastic_alpha), -1}, {offsetof(nn_augment, elastic_sigma), 2000},
               {offsetof(nn_augment, border_value), NAN}, {offsetof(nn_augment, area_from), 0.5f},
               {offsetof(nn_augment, aspect_to), 0.5f},   {offsetof(nn_augment, brightness), NAN},
               {offsetof(nn_augment, contrast), -1},      {offsetof(nn_augment, saturation), INFINITY},
               {offsetof(nn_augment, hue), 400},          {offsetof(nn_augment, gamma_from), 2},
               {offsetof(nn_augment, gamma_to), 2},       {offsetof(nn_augment, noise), -1},
               {offsetof(nn_augment, salt_pepper), 2},    {offsetof(nn_augment, low), 1},
               {offsetof(nn_augment, high), -1},          {offsetof(nn_augment, cutout), 2},
               {offsetof(nn_augment, cutout_value), NAN}, {offsetof(nn_augment, mixup), -1}};
    nn_augment a;
    for (size_t i = 0; i < COUNT(bad); i++) {
        memset(&a, 0, sizeof a);
        memcpy((char *)&a + bad[i].at, &bad[i].value, sizeof(float));
        test_case("setting %zu", i);
        CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    }
    test_case("errors");
    memset(&a, 0, sizeof a);
    CHECK(nn_augment_check(NULL, digit) == NN_ERROR_NULL && nn_augment_check(&a, nn_shape_image(0, 1, 1)) == NN_ERROR_ARGUMENT);
    CHECK(nn_augment_check(&a, nn_shape_image((size_t)1 << 40, 1, 1)) == NN_ERROR_SIZE &&
          nn_augment_check(&a, nn_shape_image(100000, 100000, 1)) == NN_ERROR_SIZE);
    a.crop = (nn_crop)9;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a.crop = NN_CROP_RANDOM, a.crop_height = 29;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a.pad = 1;
    CHECK(nn_augment_check(&a, digit) == NN_OK);
    a.pad = SIZE_MAX;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_SIZE);
    a.crop = NN_CROP_CENTRE, a.pad = 1;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a = nn_augment_resnet();
    CHECK(nn_augment_check(&a, digit) == NN_OK && nn_augment_check(&a, nn_shape_image(500, 375, 3)) == NN_OK);
    a.side_from = 223, a.side_to = 300;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a.side_from = 300, a.side_to = 299;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    memset(&a, 0, sizeof a);
    a.sampling = (nn_sampling)3;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a.sampling = NN_BILINEAR, a.border = (nn_border)5;
    CHECK(nn_augment_check(&a, digit) == NN_ERROR_ARGUMENT);
    a.border = NN_BORDER_EDGE, a.flip_x = 1;
    CHECK(nn_augment_check(&a, nn_shape_image(4, 4, 5)) == NN_ERROR_ARGUMENT);
}

int main(void) {
    const nn_augment digits = nn_augment_digits(), cifar = nn_augment_cifar();
    nn_augment all = everything();
    x_end = guard_end(MOST), y_end = guard_end(MOST), work_end = guard_end(MOST + 3);
    nothing();
    reproducible(&digits, digit, "digits");
    reproducible(&cifar, nn_shape_image(32, 32, 3), "cifar");
    for (int s = 0; s < 3; s++)
        for (int b = 0; b < 5; b++) {
            all.sampling = (nn_sampling)s, all.border = (nn_border)b;
            all.crop = (nn_crop)((s + b) % 5), all.side_from = 9, all.side_to = 12, all.crop_height = all.crop ? 9 : 0,
            all.crop_width = 0;
            all.side_from = 24, all.side_to = 40;
            reproducible(&all, nn_shape_image(13, 9, 3), "everything");
            bytes_equal_floats(&all, nn_shape_image(13, 9, 3));
            reproducible(&all, nn_shape_image(9, 8, (size_t)s + 1), "everything");
        }
    threads();
    batches();
    flips_and_moves();
    crops();
    resizing_crops();
    affine_ranges();
    values();
    mixing();
    elastic();
    independent();
    errors();
    return test_end("augment");
}
