/* equal_conv.c - the bits of convolution and pooling, and of their gradients */
#include "equal.h"
#include "images.h"

#define MOST 400000

static float x[MOST], y[MOST], w[MOST], bias[MOST], out[MOST];
static uint32_t at[MOST];

static void fill(uint64_t seed) {
    fill_narrow(x, MOST, seed);
    fill_narrow(y, MOST, seed + 1);
    fill_narrow(w, MOST, seed + 2);
    fill_narrow(bias, MOST, seed + 3);
}

/* Some large enough to be shared among threads, the others with every kind of edge. */
static const nn_conv2d_desc convs[] = {
    {CONV(9, 20, 20, 32, 48, 3, 3), PADS(1, 1, 1, 1)},
    {CONV(1, 60, 50, 24, 40, 3, 3), PADS(1, 1, 1, 1)},
    {CONV(16, 28, 28, 1, 30, 5, 5), PADS(2, 2, 2, 2)},
    {CONV(8, 15, 14, 70, 33, 1, 1)},
    {CONV(33, 5, 5, 16, 120, 5, 5)},
    {CONV(4, 17, 19, 37, 37, 3, 3), .stride_y = 2, .pad_top = 1, .pad_left = 1, .pad_right = 1, .groups = 37},
    {CONV(3, 17, 16, 12, 30, 3, 4), STRIDES(2, 3), DILATIONS(2, 2), .pad_top = 2, .pad_bottom = 1, .pad_left = 3, .groups = 6},
    {CONV(7, 20, 20, 128, 128, 3, 3), PADS(1, 1, 1, 1), .groups = 32},
    {CONV(4, 17, 19, 44, 44, 3, 4), STRIDES(2, 1), .dilation_x = 2, .pad_top = 1, .pad_left = 1, .pad_right = 1, .groups = 11},
    {CONV(7, 7, 7, 130, 20, 3, 3), PADS(1, 1, 1, 1)},
    {CONV(2, 9, 9, 3, 5, 1, 1), STRIDES(2, 2)}};

static void all_convs(void) {
    for (int pass = 0; pass < 4; pass++) {
        static const char *const names[] = {"conv2d", "conv2d_backward_input", "conv2d_backward_weights", "conv2d_epilogue"};
        begin();
        for (size_t i = 0; i < COUNT(convs); i++) {
            nn_conv2d_desc d = convs[i];
            size_t oh, ow;
            must(nn_conv2d_output(&oh, &ow, &d));
            const size_t groups = d.groups ? d.groups : 1, x_size = d.images * d.height * d.width * d.channels;
            const size_t y_size = d.images * oh * ow * d.filters,
                         w_size = d.kernel_height * d.kernel_width * d.channels / groups * d.filters;
            fill(i);
            if (pass == 3) {
                d.activation = (nn_activation)(i % NN_ACTIVATION_COUNT);
                d.slope = 0.3f;
            }
            if (pass == 1) must(nn_conv2d_backward_input(out, y, w, &d));
            else if (pass == 2) must(nn_conv2d_backward_weights(w, x, y, (int)(i & 1), &d));
            else must(nn_conv2d(out, x, w, pass ? bias : NULL, &d));
            hash_floats(pass == 2 ? w : out, pass == 1 ? x_size : pass == 2 ? w_size : y_size);
        }
        end(names[pass]);
    }
}

static const nn_pool2d_desc pools[] = {
    {POOL(9, 20, 20, 32, 2, 2)},
    {POOL(3, 40, 33, 37, 3, 3), STRIDES(2, 2), PADS(1, 1, 1, 1), .count_padding = 1},
    {POOL(5, 11, 12, 3, 3, 2), .stride_y = 1, .dilation_y = 2, .ceil_mode = 1}};

static void all_pools(void) {
    for (int kind = 0; kind < 2; kind++)
        for (int backward = 0; backward < 2; backward++) {
            begin();
            for (size_t i = 0; i < COUNT(pools); i++) {
                const nn_pool2d_desc *d = &pools[i];
                size_t oh, ow;
                must(nn_pool2d_output(&oh, &ow, d));
                const size_t x_size = d->images * d->height * d->width * d->channels,
                             y_size = d->images * oh * ow * d->channels;
                fill(i + 10);
                if (kind) must(nn_average_pool2d(out, x, d));
                else must(nn_max_pool2d(out, at, x, d));
                if (backward && kind) must(nn_average_pool2d_backward(out, y, d));
                else if (backward) must(nn_max_pool2d_backward(out, y, at, d));
                hash_floats(out, backward ? x_size : y_size);
                if (!backward && !kind) hash_words(at, y_size);
            }
            end(kind       ? backward ? "average_pool2d_backward" : "average_pool2d"
                : backward ? "max_pool2d_backward"
                           : "max_pool2d");
        }
    fill(20);
    begin();
    nn_global_average_pool(out, x, 5, 784, 37);
    hash_floats(out, 5 * 37);
    nn_global_average_pool_backward(out, y, 5, 784, 37);
    hash_floats(out, 5 * 784 * 37);
    end("global_average_pool");
}

static void all(void) {
    all_convs();
    all_pools();
}

int main(int count, char **arguments) { return equal_main(count, arguments, all); }
