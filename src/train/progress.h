/* progress.h - a training as lines of text */
#ifndef NN_PROGRESS_H
#define NN_PROGRESS_H

#include "fit.h"

#include <stdio.h>

/* A watcher for nn_fit_desc that prints to `stream`, a FILE * (NULL: standard output): one line an epoch with loss, accuracy,
 * those of the validation data, samples a second and time; on a terminal also a bar for the epoch at work, with the time that is
 * left to all epochs. Never stops the training. To do more than print, call it from a watcher of your own. */
NN_API int nn_progress(const nn_fit_event *event, void *stream);

#ifdef NN_IMPLEMENTATION

#include <math.h>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

static int nni_is_terminal(FILE *stream) {
#ifdef _WIN32
    return _isatty(_fileno(stream));
#else
    return stream == stdout ? isatty(1) : stream == stderr ? isatty(2) : 0;
#endif
}

static void nni_print_time(FILE *out, double seconds) {
    const unsigned long s = (unsigned long)(seconds + 0.5);
    if (seconds < 9.95) fprintf(out, "%.1f s", seconds);
    else if (s < 100) fprintf(out, "%lu s", s);
    else if (s < 3600) fprintf(out, "%lu:%02lu min", s / 60, s % 60);
    else fprintf(out, "%lu:%02lu h", s / 3600, s / 60 % 60);
}

static void nni_print_evaluation(FILE *out, const char *what, const nn_evaluation *e) {
    fprintf(out, "  %s %.4f", what, (double)e->loss);
    if (!isnan(e->accuracy)) fprintf(out, " %6.2f %%", 100.0 * (double)e->accuracy);
}

static void nni_print_epoch_number(FILE *out, const nn_fit_event *e) {
    int digits = 1;
    for (size_t n = e->epochs; n >= 10; n /= 10) digits++;
    fprintf(out, "epoch %*zu/%zu", digits, e->epoch, e->epochs);
}

static void nni_print_bar(FILE *out, const nn_fit_event *e) {
    const size_t width = 24, full = e->samples * width / e->samples_in_all;
    const double speed = (double)e->samples / fmax(e->seconds, 1e-9);
    fputs("\r", out);
    nni_print_epoch_number(out, e);
    fputs(" [", out);
    for (size_t i = 0; i < width; i++) fputc(i < full ? '=' : i == full ? '>' : ' ', out);
    fputc(']', out);
    nni_print_evaluation(out, "loss", &e->train);
    fprintf(out, "  %.0f samples/s  left ", speed);
    const double samples_left = (double)(e->samples_in_all - e->samples) + (double)(e->epochs - e->epoch) * (double)e->samples_in_all;
    nni_print_time(out, samples_left / speed);
    fputs("\033[K", out);
    fflush(out);
}

static void nni_print_epoch(FILE *out, const nn_fit_event *e) {
    const nn_epoch *d = e->done;
    nni_print_epoch_number(out, e);
    nni_print_evaluation(out, "loss", &d->train);
    if (d->valid.samples) nni_print_evaluation(out, "valid", &d->valid);
    fprintf(out, "  %.0f samples/s  ", (double)d->train.samples / fmax(d->seconds, 1e-9));
    nni_print_time(out, d->seconds);
    if (d->best && d->epoch > 1) fputs("  best", out);
    fputc('\n', out);
    if (e->stopped == NN_STOP_PATIENCE) fprintf(out, "stopped: nothing better since epoch %zu\n", e->history->best);
    fflush(out);
}

NN_API int nn_progress(const nn_fit_event *e, void *stream) {
    FILE *out = stream ? (FILE *)stream : stdout;
    const int terminal = nni_is_terminal(out);
    if (e->done) {
        if (terminal) fputs("\r\033[K", out);
        nni_print_epoch(out, e);
    } else if (terminal && (e->batch == 1 || floor(10 * e->seconds) > floor(10 * (e->seconds - e->since)))) { /* ten times a second */
        nni_print_bar(out, e);
    }
    return 0;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_PROGRESS_H */
