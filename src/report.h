/* report.h - what was wrong, as a sentence: for calls that read what others wrote */
#ifndef NN_REPORT_H
#define NN_REPORT_H

#include "status.h"

/* Calls that read or write files take one, or NULL. A call that fails writes a sentence for people into it, without a full stop:
 * which file, where in it, and why: "train.csv, line 7, column 3: \"abc\" is not a number". A call that succeeds makes it empty. */
typedef struct nn_report {
    char sentence[512];
} nn_report;

#ifdef NN_IMPLEMENTATION

#include <stdarg.h>
#include <stdio.h>

/* Writes the sentence and returns the status, so that a failure is one statement. */
NNI_FORMATS(3, 4) static NNI_UNUSED nn_status nni_say(nn_report *report, nn_status status, const char *format, ...) {
    if (!report) return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->sentence, sizeof report->sentence, format, arguments);
    va_end(arguments);
    return status;
}

/* No sentence yet. Every public call with a report begins with it. */
static NNI_UNUSED void nni_say_nothing(nn_report *report) {
    if (report) report->sentence[0] = 0;
}

#endif /* NN_IMPLEMENTATION */
#endif /* NN_REPORT_H */
