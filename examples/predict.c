/* predict.c - which digit, or whatever a network was taught, is in an image file?
 *
 * Loads a network that nn_model_save has written, examples/demo.c's say, and tells what it thinks of each image: PBM, PGM or PPM, of any
 * size. The image is brought into the form that the network learned from: colours become grey, a dark digit on a white page is
 * inverted; and unless it has the size of the network's input, what is drawn is cut out, resized and put into the middle of it, as
 * MNIST's digits are.
 *
 *   cc -O2 -I. examples/predict.c -o predict -lsleef -lm && ./predict digits.safetensors digit.pgm
 */
#define NN_IMPLEMENTATION
#include "nn.h"

#include "common.h"

/* Grey values from 0 to 1; luma as in ITU-R BT.601. */
static float *grey_of(const nn_dataset *file, size_t i) {
    const size_t pixels = file->shape.height * file->shape.width, channels = file->shape.channels;
    float *x = malloc(pixels * channels * sizeof *x);
    if (!x) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_dataset_gather(x, NULL, NULL, NULL, file, &i, 1), NULL);
    for (size_t k = 0; k < pixels && channels == 3; k++) x[k] = 0.299f * x[3 * k] + 0.587f * x[3 * k + 1] + 0.114f * x[3 * k + 2];
    return x;
}

/* White around the edge means ink on paper: makes it light on dark. */
static int invert_if_white(float *x, size_t height, size_t width) {
    float edge = 0;
    for (size_t i = 0; i < height; i++) edge += x[i * width] + x[i * width + width - 1];
    for (size_t k = 0; k < width; k++) edge += x[k] + x[(height - 1) * width + k];
    if (edge < (float)(height + width)) return 0; /* the mean is under 1/2 */
    for (size_t k = 0; k < height * width; k++) x[k] = 1 - x[k];
    return 1;
}

/* The smallest box around all that is lighter than a fifth of the lightest. */
static nn_box find_ink(const float *x, size_t height, size_t width) {
    const float least = 0.2f * nn_max(x, height * width);
    size_t top = height, bottom = 0, left = width, right = 0;
    for (size_t i = 0; i < height; i++) {
        for (size_t k = 0; k < width; k++) {
            if (x[i * width + k] <= least) continue;
            top = i < top ? i : top, bottom = i + 1;
            left = k < left ? k : left, right = k + 1 > right ? k + 1 : right;
        }
    }
    const nn_box all = {0, 0, (double)height, (double)width};
    const nn_box ink = {(double)top, (double)left, (double)bottom - (double)top, (double)right - (double)left};
    return bottom ? ink : all;
}

/* y = what is drawn in x, its longer side 20/28 of the input's, its centre of mass in the middle; x itself if it has y's size. */
static void fit_in(float *y, nn_shape in, const float *x, size_t height, size_t width) {
    if (height == in.height && width == in.width) {
        memcpy(y, x, height * width * sizeof *y);
        return;
    }
    const nn_box ink = find_ink(x, height, width);
    const double longer = ink.height > ink.width ? ink.height : ink.width;
    const double factor = (double)in.height * 20 / 28 / longer;
    const size_t high = (size_t)(ink.height * factor + 0.999), wide = (size_t)(ink.width * factor + 0.999);
    float *small = malloc(high * wide * sizeof *small);
    if (!small) stop_unless(NN_ERROR_MEMORY, NULL);
    stop_unless(nn_image_resized_crop(nn_image_floats(small, nn_shape_image(high, wide, 1)),
                                      nn_image_floats(x, nn_shape_image(height, width, 1)), ink, NULL), NULL);
    double mass = 1e-9, down = 0, across = 0;
    for (size_t k = 0; k < high * wide; k++) {
        mass += (double)small[k];
        down += (double)small[k] * ((double)(k / wide) + 0.5);
        across += (double)small[k] * ((double)(k % wide) + 0.5);
    }
    const ptrdiff_t top = (ptrdiff_t)((double)in.height / 2 - down / mass + 0.5);
    const ptrdiff_t left = (ptrdiff_t)((double)in.width / 2 - across / mass + 0.5);
    memset(y, 0, in.height * in.width * sizeof *y);
    for (ptrdiff_t k = 0; k < (ptrdiff_t)(high * wide); k++) {
        const ptrdiff_t i = top + k / (ptrdiff_t)wide, j = left + k % (ptrdiff_t)wide;
        if (i >= 0 && i < (ptrdiff_t)in.height && j >= 0 && j < (ptrdiff_t)in.width) y[i * (ptrdiff_t)in.width + j] = small[k];
    }
    free(small);
}

static void show(const float *x, nn_shape in) {
    for (size_t i = 0; i + 1 < in.height; i += 2) {
        printf("  ");
        for (size_t k = 0; k < in.width; k++) {
            const float both = (x[i * in.width + k] + x[(i + 1) * in.width + k]) / 2;
            putchar(" .:-=+*#%@"[both < 0 ? 0 : both > 0.999f ? 9 : (int)(10 * both)]);
        }
        putchar('\n');
    }
}

static void print_best(const float *p, size_t classes) {
    size_t best[3] = {0, 0, 0};
    for (size_t n = 0; n < 3 && n < classes; n++) {
        best[n] = classes;
        for (size_t c = 0; c < classes; c++) {
            const int taken = (n > 0 && c == best[0]) || (n > 1 && c == best[1]);
            if (!taken && (best[n] == classes || p[c] > p[best[n]])) best[n] = c;
        }
        printf("%s%zu: %.1f %%", n ? "   " : "  class ", best[n], 100.0 * (double)p[best[n]]);
    }
    putchar('\n');
}

static void classify(nn_model *m, const char *path) {
    nn_dataset file;
    nn_report report;
    const nn_shape in = nn_node_shape(m, nn_model_input(m));
    const size_t classes = nn_shape_size(nn_node_shape(m, nn_model_output(m)));
    stop_unless(nn_load_pnm(&file, path, NULL, &report), report.sentence);
    float *x = malloc(nn_shape_size(in) * sizeof *x), *p = malloc(classes * sizeof *p);
    if (!x || !p) stop_unless(NN_ERROR_MEMORY, NULL);
    for (size_t i = 0; i < file.count; i++) {
        float *grey = grey_of(&file, i);
        const int inverted = invert_if_white(grey, file.shape.height, file.shape.width);
        printf("%s: %zu x %zu%s%s\n", path, file.shape.width, file.shape.height, file.shape.channels == 3 ? ", made grey" : "",
               inverted ? ", inverted: the background is white" : "");
        fit_in(x, in, grey, file.shape.height, file.shape.width);
        show(x, in);
        stop_unless(nn_predict(m, p, x, 1), nn_error(m));
        print_best(p, classes);
        free(grey);
    }
    free(x), free(p);
    nn_dataset_free(&file);
}

int main(int count, char **arguments) {
    nn_model *m;
    nn_report report;
    if (count < 3) return fprintf(stderr, "predict MODEL IMAGE...: what the network in a file says about images (PBM, PGM, PPM)\n"), 1;
    stop_unless(nn_model_load(&m, arguments[1], NULL, &report), report.sentence);
    const nn_shape in = nn_node_shape(m, nn_model_input(m));
    if (in.height < 2 || in.channels != 1) return fprintf(stderr, "predict: %s is no network for grey images\n", arguments[1]), 1;
    for (int i = 2; i < count; i++) classify(m, arguments[i]);
    nn_model_free(m);
    return 0;
}
