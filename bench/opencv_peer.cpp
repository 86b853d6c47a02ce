/* opencv_peer.cpp - OpenCV behind C functions, for bench_image: in C++ a call costs it less than from Python
 *
 * bench/run.sh builds libopencv_peer.so where OpenCV's headers are (Debian: libopencv-dev). Images are wrapped, not copied, and
 * results go into arrays that exist already. */
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

static cv::Mat wrap(const void *pixels, int height, int width, int channels, int bytes) {
    return cv::Mat(height, width, CV_MAKETYPE(bytes ? CV_8U : CV_32F, channels), const_cast<void *>(pixels));
}

extern "C" {
const char *peer_version(void) {
    cv::setNumThreads(1);
    return CV_VERSION;
}

void peer_flip(void *y, const void *x, int height, int width, int channels, int bytes) {
    cv::Mat to = wrap(y, height, width, channels, bytes);
    cv::flip(wrap(x, height, width, channels, bytes), to, 1);
}

void peer_affine(void *y, const void *x, int height, int width, int channels, int bytes, const double *matrix, int cubic) {
    cv::Mat to = wrap(y, height, width, channels, bytes);
    const cv::Mat m(2, 3, CV_64F, const_cast<double *>(matrix));
    cv::warpAffine(wrap(x, height, width, channels, bytes), to, m, to.size(),
                   (cubic ? cv::INTER_CUBIC : cv::INTER_LINEAR) | cv::WARP_INVERSE_MAP);
}

void peer_resize(void *y, int y_height, int y_width, const void *x, int height, int width, int channels, int bytes) {
    cv::Mat to = wrap(y, y_height, y_width, channels, bytes);
    cv::resize(wrap(x, height, width, channels, bytes), to, to.size(), 0, 0, cv::INTER_LINEAR);
}

/* Simard's elastic field over an affine map, as one would write it: noise, two blurs, maps, one remap. */
void peer_elastic(float *y, const float *x, int height, int width, int channels, const double *m, double alpha, double sigma) {
    static cv::Mat dx, dy, map_x, map_y;
    static cv::RNG random(1);
    cv::Mat to = wrap(y, height, width, channels, 0);
    const int size = 2 * (int)(3 * sigma + 0.5) + 1;
    for (cv::Mat *d : {&dx, &dy}) {
        d->create(height, width, CV_32F);
        random.fill(*d, cv::RNG::UNIFORM, -alpha, alpha);
        cv::GaussianBlur(*d, *d, cv::Size(size, size), sigma, sigma, cv::BORDER_CONSTANT);
    }
    map_x.create(height, width, CV_32F);
    map_y.create(height, width, CV_32F);
    for (int i = 0; i < height; i++) {
        float *to_x = map_x.ptr<float>(i), *to_y = map_y.ptr<float>(i);
        const float *add_x = dx.ptr<float>(i), *add_y = dy.ptr<float>(i);
        const float start_x = (float)(m[1] * i + m[2]), start_y = (float)(m[4] * i + m[5]), step_x = (float)m[0],
                    step_y = (float)m[3];
        for (int j = 0; j < width; j++) {
            to_x[j] = start_x + step_x * (float)j + add_x[j];
            to_y[j] = start_y + step_y * (float)j + add_y[j];
        }
    }
    cv::remap(wrap(x, height, width, channels, 0), to, map_x, map_y, cv::INTER_LINEAR, cv::BORDER_CONSTANT);
}
}
