/* equal_image.c - the bits of images: moves, resampling, values, noise, and the pipeline of augmentation */
#include "equal.h"

#define MOST 60000

static float x[MOST], y[MOST], field[2 * MOST], work[8 * MOST];
static uint8_t bytes[MOST], result[MOST];

static const nn_shape shapes[] = {{1, 1, 1}, {1, 7, 2}, {28, 28, 1}, {32, 32, 3}, {13, 37, 4}, {5, 100, 1}, {60, 70, 3}};

static void set(nn_shape s, uint64_t seed) {
    fill_narrow(x, nn_shape_size(s), seed);
    for (size_t i = 0; i < nn_shape_size(s); i++) x[i] = x[i] * 0.5f + 0.5f, bytes[i] = (uint8_t)test_random(&seed);
}
static void hash_bytes(size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t word = result[i];
        hash_words(&word, 1);
    }
}

static void all_moves(void) {
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        const size_t n = nn_shape_size(shapes[s]);
        set(shapes[s], s);
        for (int flips = 0; flips < 4; flips++) {
            must(nn_image_flip(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), flips & 1, flips & 2));
            must(nn_image_flip(nn_image_bytes(result, shapes[s]), nn_image_bytes(bytes, shapes[s]), flips & 1, flips & 2));
            hash_floats(y, n), hash_bytes(n);
        }
        for (int b = 0; b < 5; b++) {
            must(nn_image_window(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), 3, -5, (nn_border)b, 0.5f));
            hash_floats(y, n);
        }
    }
    end("moves");
    begin();
    nn_floats_from_bytes(y, bytes, 12601);
    hash_floats(y, 12601);
    fill_wide(y, 12601, 5);
    nn_bytes_from_floats(result, y, 12601);
    hash_bytes(12601);
    end("bytes");
}

static void all_maps(void) {
    nn_transform t = nn_transform_rotate(nn_transform_scale(nn_transform_identity(), 1.17, 0.86), -22.5);
    t = nn_transform_translate(nn_transform_shear(t, 0.21, -0.13), 1.7, -0.3);
    for (int k = 0; k < 3; k++) {
        begin();
        for (size_t s = 0; s < COUNT(shapes); s++)
            for (int b = 0; b < 5; b++) {
                const size_t n = nn_shape_size(shapes[s]), pixels = shapes[s].height * shapes[s].width;
                const nn_image_desc d = {.sampling = (nn_sampling)k, .border = (nn_border)b, .value = 0.25f};
                nn_random random = {1, s, 2};
                set(shapes[s], s);
                must(nn_image_affine(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), t, &d));
                hash_floats(y, n);
                must(nn_image_affine(nn_image_bytes(result, shapes[s]), nn_image_bytes(bytes, shapes[s]), t, &d));
                hash_bytes(n);
                must(nn_elastic_field(field, field + pixels, shapes[s].height, shapes[s].width, 20, 2.5f, &random, NULL));
                hash_floats(field, 2 * pixels);
                must(nn_image_remap(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), t, field, field + pixels,
                                    &d));
                hash_floats(y, n);
            }
        end(k == 0 ? "bilinear" : k == 1 ? "nearest" : "bicubic");
    }
}

static void all_uprights(void) {
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        set(shapes[s], s);
        must(nn_image_upright(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), NULL));
        must(nn_image_upright(nn_image_bytes(result, shapes[s]), nn_image_bytes(bytes, shapes[s]), NULL));
        hash_floats(y, nn_shape_size(shapes[s])), hash_bytes(nn_shape_size(shapes[s]));
    }
    end("upright");
}

static void all_sizes(void) {
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t to = 1; to < 70; to = 2 * to + 3)
            for (int k = 0; k < 6; k++) {
                const nn_shape out = {to, 2 * to + 1, shapes[s].channels};
                const nn_resize_desc d = {.sampling = (nn_sampling)(k / 2), .plain = k % 2};
                set(shapes[s], s);
                must(nn_image_resize(nn_image_floats(y, out), nn_image_floats(x, shapes[s]), &d));
                must(nn_image_resize(nn_image_bytes(result, out), nn_image_bytes(bytes, shapes[s]), &d));
                hash_floats(y, nn_shape_size(out)), hash_bytes(nn_shape_size(out));
            }
    end("resize");
}

static void all_values(void) {
    static const nn_adjust adjustments[] = {{.brightness = 0.1f, .contrast = 0.3f},
                                            {.saturation = 0.4f, .hue = 33},
                                            {.gamma = 0.6f, .high = 1},
                                            {.contrast = -0.5f, .gamma = 1.7f}};
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t a = 0; a < COUNT(adjustments); a++) {
            set(shapes[s], s);
            must(nn_image_adjust(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), &adjustments[a]));
            must(nn_image_adjust(nn_image_bytes(result, shapes[s]), nn_image_bytes(bytes, shapes[s]), &adjustments[a]));
            hash_floats(y, nn_shape_size(shapes[s])), hash_bytes(nn_shape_size(shapes[s]));
        }
    end("adjust");
    begin();
    for (size_t s = 0; s < COUNT(shapes); s++) {
        nn_random random = {7, s, 11};
        set(shapes[s], s);
        must(nn_image_noise(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), 0.3f, &random));
        hash_floats(y, nn_shape_size(shapes[s]));
        must(nn_image_salt_pepper(nn_image_floats(y, shapes[s]), nn_image_floats(x, shapes[s]), 0.3f, 0, 1, &random));
        hash_floats(y, nn_shape_size(shapes[s]));
        for (int i = 0; i < 100; i++) hash_float(nn_mixup_weight(0.1f + 0.1f * (float)i, &random));
    }
    end("noise");
}

static void pipeline(const char *name, const nn_augment *a, nn_shape in) {
    begin();
    must(nn_augment_check(a, in));
    if (nn_augment_work(a, in) > COUNT(work)) exit(1);
    for (uint64_t sample = 0; sample < 20; sample++) {
        size_t partner;
        set(in, sample);
        nn_augment_bytes(y, bytes, in, a, 1, 2, sample, work);
        hash_floats(y, nn_shape_size(nn_augment_shape(a, in)));
        hash_float(nn_augment_mix(&partner, a, 1, 2, sample, 1000));
        hash_float((float)partner);
    }
    end(name);
}

static void all(void) {
    nn_augment a = nn_augment_digits();
    all_moves();
    all_maps();
    all_uprights();
    all_sizes();
    all_values();
    pipeline("digits", &a, shapes[2]);
    a = nn_augment_cifar();
    pipeline("cifar", &a, shapes[3]);
    a = nn_augment_resnet();
    a.crop_height = 100, a.crop_width = 90, a.side_from = 100, a.side_to = 130;
    pipeline("resnet", &a, shapes[6]);
    a.crop = NN_CROP_RESIZED;
    a.rotate = 20, a.shear_x = 0.2f, a.translate_x = 3, a.elastic_alpha = 20, a.elastic_sigma = 3;
    a.brightness = a.contrast = a.saturation = 0.3f, a.hue = 30, a.gamma_from = 0.6f, a.gamma_to = 1.5f;
    a.noise = 0.1f, a.salt_pepper = 0.05f, a.high = 1, a.cutout = 0.5f, a.cutout_height = a.cutout_width = 20, a.mixup = 0.3f;
    pipeline("everything", &a, shapes[6]);
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
