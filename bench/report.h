/* report.h - the header, a row for each case, and the summary */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench.h"

#define BENCH_RATIOS 1024 /* cases that a summary can hold */

/* What the rounds of one case gave: medians in nanoseconds a call, 0 where a contender does not take part. */
typedef struct bench_row {
    const bench_case *c;
    double ns[BENCH_CONTENDERS];
    double limit_ns;
    int best; /* the fastest peer, or -1 */
} bench_row;

/* The rows of a run as ratios of speed, ours to that of a peer; 0 where there is none. */
typedef struct bench_table {
    const bench_suite *suite;
    const char *isa;
    const bench_contender *contender[BENCH_CONTENDERS]; /* ours first */
    size_t contenders, rows;
    double ratio[BENCH_CONTENDERS][BENCH_RATIOS];
    double best[BENCH_RATIOS], best_call[BENCH_RATIOS]; /* of all peers; of those that generate no code for the case */
    char name[BENCH_RATIOS][48];
    FILE *csv;
} bench_table;

static double bench_metric(const bench_table *t, const bench_case *c, double ns) {
    return t->suite->smaller_is_better ? ns / c->work : c->work / ns;
}

static void bench_print_cell(double value) {
    if (value > 0.0) printf(" %12.*f", value < 10.0 ? 3 : value < 100.0 ? 2 : 1, value);
    else printf(" %12s", "-");
}

static void bench_print_names(const bench_table *t) {
    printf("\n%-22s %-7s", t->suite->metric, "isa");
    for (size_t i = 0; i < t->contenders; i++) printf(" %12s", t->contender[i]->name);
    printf(" %12s %7s %7s  %s\n", "limit", "ratio", "share", "best peer");
}

static void bench_print_row(const bench_table *t, const bench_row *row) {
    const bench_case *c = row->c;
    const double ours = row->ns[0];
    printf("%-22s %-7s", c->name, t->isa);
    for (size_t i = 0; i < t->contenders; i++) bench_print_cell(row->ns[i] > 0.0 ? bench_metric(t, c, row->ns[i]) : 0.0);
    bench_print_cell(row->limit_ns > 0.0 ? bench_metric(t, c, row->limit_ns) : 0.0);
    if (row->best >= 0) printf(" %7.3f", row->ns[row->best] / ours);
    else printf(" %7s", "-");
    if (row->limit_ns > 0.0) printf(" %7.3f", row->limit_ns / ours);
    else printf(" %7s", "-");
    printf("  %s\n", row->best >= 0 ? t->contender[row->best]->name : "-");
    fflush(stdout);
}

static void bench_csv_header(FILE *csv) {
    fprintf(csv, "case,isa,threads,metric,ours,best_peer,best_peer_name,ratio,share_of_limit\n");
}

static void bench_csv_row(const bench_table *t, const bench_row *row) {
    const bench_case *c = row->c;
    const double ours = row->ns[0];
    fprintf(t->csv, "%s,%s,%d,%s,%.6g", c->name, t->isa, c->threads, t->suite->metric, bench_metric(t, c, ours));
    if (row->best >= 0)
        fprintf(t->csv, ",%.6g,%s,%.4f", bench_metric(t, c, row->ns[row->best]), t->contender[row->best]->name,
                row->ns[row->best] / ours);
    else fprintf(t->csv, ",,,");
    if (row->limit_ns > 0.0) fprintf(t->csv, ",%.4f\n", row->limit_ns / ours);
    else fprintf(t->csv, ",\n");
    fflush(t->csv);
}

/* The smaller of two ratios, either of which may be missing. */
static double bench_slower(double a, double b) { return b > 0.0 && (a <= 0.0 || b < a) ? b : a; }

static void bench_keep_row(bench_table *t, const bench_row *row) {
    if (row->c->apart || t->rows == BENCH_RATIOS) return;
    for (size_t i = 0; i < t->contenders; i++) t->ratio[i][t->rows] = row->ns[i] / row->ns[0];
    t->best[t->rows] = row->best >= 0 ? row->ns[row->best] / row->ns[0] : 0.0;
    for (size_t i = 1; i < t->contenders; i++)
        if (!t->contender[i]->generates) t->best_call[t->rows] = bench_slower(t->best_call[t->rows], t->ratio[i][t->rows]);
    memcpy(t->name[t->rows], row->c->name, sizeof row->c->name);
    t->rows++;
}

static void bench_report_row(bench_table *t, const bench_row *row) {
    bench_print_row(t, row);
    if (t->csv) bench_csv_row(t, row);
    bench_keep_row(t, row);
}

/* ---- the summary ---- */

/* One line about a column of ratios; zeros are cases without that peer. */
static void bench_summary_line(const bench_table *t, const char *name, const double *ratio) {
    double sum = 0.0;
    size_t n = 0, behind = 0, far_behind = 0, worst = 0;
    for (size_t i = 0; i < t->rows; i++) {
        if (ratio[i] <= 0.0) continue;
        if (!n || ratio[i] < ratio[worst]) worst = i;
        sum += log(ratio[i]);
        behind += ratio[i] < 1.0;
        far_behind += ratio[i] < 0.95;
        n++;
    }
    if (n)
        printf("%-22s %6zu %9.3f %7zu %7zu %7.3f  %s\n", name, n, exp(sum / (double)n), behind, far_behind, ratio[worst],
               t->name[worst]);
}

/* The best setting of a library at each case. Only for libraries with more settings than one. */
static void bench_summary_library(const bench_table *t, size_t first) {
    double ratio[BENCH_RATIOS] = {0};
    size_t settings = 0;
    for (size_t i = first; i < t->contenders; i++) {
        if (strcmp(t->contender[i]->library, t->contender[first]->library) != 0) continue;
        settings++;
        for (size_t r = 0; r < t->rows; r++) ratio[r] = bench_slower(ratio[r], t->ratio[i][r]);
    }
    char name[BENCH_TEXT];
    snprintf(name, sizeof name, "%s, its best", t->contender[first]->library);
    if (settings > 1) bench_summary_line(t, name, ratio);
}

static void bench_summary(const bench_table *t) {
    printf("\n%-22s %6s %9s %7s %7s %7s  %s\n", "speed against", "cases", "geo mean", "< 1.00", "< 0.95", "worst", "at");
    bench_summary_line(t, "the best peer of each", t->best);
    int generates = 0;
    for (size_t i = 1; i < t->contenders; i++) generates |= t->contender[i]->generates;
    if (generates) bench_summary_line(t, "..., generated apart", t->best_call);
    for (size_t i = 1; i < t->contenders; i++) {
        int first = 1;
        for (size_t j = 1; j < i; j++) first &= strcmp(t->contender[j]->library, t->contender[i]->library) != 0;
        if (first) bench_summary_library(t, i);
        bench_summary_line(t, t->contender[i]->name, t->ratio[i]);
    }
}

#endif /* BENCH_REPORT_H */
