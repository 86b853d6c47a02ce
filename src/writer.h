/* writer.h - text that goes to a stream, or into a string of which the end may be missing */
#ifndef NN_WRITER_H
#define NN_WRITER_H

#include "config.h"

#ifdef NN_IMPLEMENTATION

#include <stdarg.h>
#include <stdio.h>

/* With no stream and no room it only counts: a first run says how much memory a second one needs. */
typedef struct nni_writer {
    FILE *stream;
    char *text;          /* always ends in 0, unless size is 0 */
    size_t size, length; /* length: of all that was written, as if there had been room */
} nni_writer;

static void nni_write_text(nni_writer *w, const char *text, size_t n) {
    if (w->stream) {
        fwrite(text, 1, n, w->stream);
    } else if (w->length < w->size) {
        const size_t fits = nni_min(n, w->size - w->length - 1);
        memcpy(w->text + w->length, text, fits);
        w->text[w->length + fits] = '\0';
    }
    w->length += n;
}

NNI_FORMATS(2, 3) static void nni_write(nni_writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written;
    if (w->stream) written = vfprintf(w->stream, format, arguments);
    else written = vsnprintf(w->length < w->size ? w->text + w->length : NULL, w->length < w->size ? w->size - w->length : 0,
                             format, arguments);
    va_end(arguments);
    if (written > 0) w->length += (size_t)written;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_WRITER_H */
