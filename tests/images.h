/* images.h - descriptions of convolutions and pooling in few words, for the tests' tables */
#ifndef IMAGES_H
#define IMAGES_H

#define CONV(n, h, w, c, f, kh, kw) \
    .images = n, .height = h, .width = w, .channels = c, .filters = f, .kernel_height = kh, .kernel_width = kw
#define POOL(n, h, w, c, kh, kw) .images = n, .height = h, .width = w, .channels = c, .kernel_height = kh, .kernel_width = kw
#define PADS(top, bottom, left, right) .pad_top = top, .pad_bottom = bottom, .pad_left = left, .pad_right = right
#define STRIDES(y, x) .stride_y = y, .stride_x = x
#define DILATIONS(y, x) .dilation_y = y, .dilation_x = x

#endif /* IMAGES_H */
