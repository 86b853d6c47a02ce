/* suite.h - the main program of a bench */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "bench.h"
#include "limits.h"
#include "report.h"
#include "worker.h"

#define BENCH_ROUNDS_MOST 101

typedef struct bench_options {
    const char *self, *isa, *filter, *csv, *serve;
    int rounds, list;
    double ms;
} bench_options;

typedef struct bench_run {
    const bench_options *options;
    bench_table table;
    bench_worker worker[BENCH_CONTENDERS], limit;
    int errors;
} bench_run;

static void bench_usage(const bench_suite *s) {
    printf("%s - nn.h side by side with the peers that are installed, in %s\n\n"
           "  --isa NAME     the instruction set; the peers are held to it too (default: the best one here)\n"
           "  --filter TEXT  only cases whose names contain it\n"
           "  --rounds N     times that each contender has its turn; the median counts (default 9)\n"
           "  --ms T         milliseconds of a turn (default 5)\n"
           "  --quick        the same as --rounds 3 --ms 1\n"
           "  --csv FILE     the table for machines\n"
           "  --list         the names of the cases\n",
           s->name, s->metric);
}

static bench_options bench_read_options(const bench_suite *s, int argc, char **argv) {
    bench_options o = {argv[0], nn_isa(), "", NULL, NULL, 9, 0, 5.0};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--list") == 0) o.list = 1;
        else if (strcmp(name, "--quick") == 0) o.rounds = 3, o.ms = 1.0;
        else if (strcmp(name, "--help") == 0) bench_usage(s), exit(0);
        else if (!value) bench_usage(s), exit(2);
        else if (strcmp(name, "--isa") == 0) o.isa = value, i++;
        else if (strcmp(name, "--filter") == 0) o.filter = value, i++;
        else if (strcmp(name, "--csv") == 0) o.csv = value, i++;
        else if (strcmp(name, "--serve") == 0) o.serve = value, i++;
        else if (strcmp(name, "--rounds") == 0) o.rounds = atoi(value), i++;
        else if (strcmp(name, "--ms") == 0) o.ms = atof(value), i++;
        else bench_usage(s), exit(2);
    }
    if (o.rounds < 1 || o.rounds > BENCH_ROUNDS_MOST || !(o.ms > 0.0)) bench_usage(s), exit(2);
    return o;
}

static const bench_contender *bench_find_contender(const bench_suite *s, const char *name) {
    if (strcmp(name, bench_limit_contender.name) == 0) return &bench_limit_contender;
    for (const bench_contender *c = s->contenders; c->name; c++)
        if (strcmp(name, c->name) == 0) return c;
    bench_fail("no such contender");
    return NULL;
}

/* ---- the header ---- */

static void bench_print_cpu(void) {
    char line[BENCH_LINE], model[BENCH_TEXT] = "unknown processor";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *value = strstr(line, ": ");
        if (strncmp(line, "model name", 10) == 0 && value) {
            snprintf(model, sizeof model, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (f) fclose(f);
    printf("%s, ", model);
}

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "flags not told" /* of the compiler; a Makefile may define it as a string */
#endif

static void bench_print_header(const bench_run *run, const bench_suite *s) {
    printf("%s: ", s->name);
    bench_print_cpu();
#ifdef __clang__
    printf("%s, %s\n", __VERSION__, BENCH_FLAGS);
#else
    printf("GCC %s, %s\n", __VERSION__, BENCH_FLAGS);
#endif
    printf("one thread unless the case says otherwise; %d rounds of %g ms, medians\n", run->options->rounds, run->options->ms);
}

/* ---- contenders ---- */

static int bench_competes(const bench_contender *c, const char *isa) { return !c->isas || strstr(c->isas, isa) != NULL; }

/* Starts everyone who competes at this instruction set and says who came. */
static void bench_gather(bench_run *run, const bench_suite *s) {
    const bench_options *o = run->options;
    for (const bench_contender *c = s->contenders; c->name; c++) {
        bench_table *t = &run->table;
        if (!bench_competes(c, o->isa)) continue;
        if (t->contenders == BENCH_CONTENDERS) bench_fail("too many contenders");
        bench_worker *w = &run->worker[t->contenders];
        const int present = bench_start(w, c, o->self, o->isa);
        printf("  %-14s %s%s%s\n", c->name, w->description, *c->environment ? "; " : "", c->environment);
        if (present) t->contender[t->contenders++] = c;
        else if (c == s->contenders) bench_fail("nn.h itself does not start");
    }
    if (!bench_start(&run->limit, &bench_limit_contender, o->self, o->isa)) printf("  no limits: %s\n", run->limit.description);
}

static void bench_error(bench_run *run, const bench_worker *w, const bench_case *c, const char *what) {
    printf("ERROR %s, %s: %s\n", c->name, w->contender->name, what);
    run->errors++;
}

/* ---- cases ---- */

/* Whether a reply to `case` holds the expected sums. Written so that NaN fails. */
static int bench_verify(const char *reply, const double *sketch, const double *bound) {
    const char *at = reply + 2;
    for (size_t i = 0; i < BENCH_SKETCH; i++) {
        char *end;
        const double sum = strtod(at, &end);
        if (end == at || !(fabs(sum - sketch[i]) <= bound[i])) return 0;
        at = end;
    }
    return 1;
}

/* Hands a case to a worker; 1 if it runs it, and its result is right. */
static int bench_offer(bench_run *run, bench_worker *w, const bench_case *c, const double *sketch, const double *bound) {
    char reply[BENCH_LINE];
    if (!w->pid && !bench_start(w, w->contender, run->options->self, run->options->isa)) return 0;
    if (!bench_ask(w, reply, "case", c->request)) bench_error(run, w, c, "died");
    else if (strncmp(reply, "ok", 2) == 0) {
        if (bench_verify(reply, sketch, bound)) return 1;
        bench_error(run, w, c, "wrong result");
    }
    return 0;
}

static int bench_compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, bench_compare);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* A worker's turn: nanoseconds a call, or 0 if it died over it. */
static double bench_turn(bench_run *run, bench_worker *w, const bench_case *c) {
    char ms[32], reply[BENCH_LINE];
    snprintf(ms, sizeof ms, "%g", run->options->ms);
    if (bench_ask(w, reply, "time", ms)) return atof(reply);
    bench_error(run, w, c, "died");
    return 0.0;
}

static void bench_case_run(bench_run *run, const bench_case *c) {
    static double times[BENCH_CONTENDERS + 1][BENCH_ROUNDS_MOST];
    double sketch[BENCH_SKETCH], bound[BENCH_SKETCH];
    const size_t n = run->table.contenders;
    bench_worker *active[BENCH_CONTENDERS + 1] = {NULL};
    char reply[BENCH_LINE];
    bench_row row = {c, {0}, 0.0, -1};

    run->table.suite->expect(c, sketch, bound);
    for (size_t i = 0; i < n; i++)
        if (bench_offer(run, &run->worker[i], c, sketch, bound)) active[i] = &run->worker[i];
    if (run->limit.pid && bench_ask(&run->limit, reply, "case", c->limit) && strncmp(reply, "ok", 2) == 0) active[n] = &run->limit;
    if (!active[0]) return;

    for (int round = 0; round < run->options->rounds; round++)
        for (size_t i = 0; i <= n; i++)
            if (active[i] && !((times[i][round] = bench_turn(run, active[i], c)) > 0.0)) active[i] = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!active[i]) continue;
        row.ns[i] = bench_median(times[i], run->options->rounds);
        if (i && (row.best < 0 || row.ns[i] < row.ns[row.best])) row.best = (int)i;
    }
    if (active[n]) row.limit_ns = bench_median(times[n], run->options->rounds);
    if (active[0]) bench_report_row(&run->table, &row);
}

static int bench_run_all(const bench_suite *s, const bench_options *o, const bench_case *cases, size_t n) {
    static bench_run run;
    run.options = o;
    run.table.suite = s;
    run.table.isa = o->isa;
    if (o->csv && !(run.table.csv = fopen(o->csv, "w"))) bench_fail("the CSV file cannot be written");
    if (run.table.csv) bench_csv_header(run.table.csv);
    bench_print_header(&run, s);
    bench_gather(&run, s);
    bench_print_names(&run.table);
    for (size_t i = 0; i < n; i++)
        if (strstr(cases[i].name, o->filter)) bench_case_run(&run, &cases[i]);
    bench_summary(&run.table);
    for (size_t i = 0; i < run.table.contenders; i++) bench_stop(&run.worker[i]);
    bench_stop(&run.limit);
    if (run.table.csv) fclose(run.table.csv);
    if (run.errors) printf("%d errors\n", run.errors);
    return run.errors ? 1 : 0;
}

static int bench_main(const bench_suite *s, int argc, char **argv) {
    const bench_options o = bench_read_options(s, argc, argv);
    if (o.serve) return bench_serve(bench_find_contender(s, o.serve));
    if (nn_isa_supported(o.isa) != NN_OK) bench_fail(nn_status_message(nn_isa_supported(o.isa)));
    signal(SIGPIPE, SIG_IGN); /* a worker that died is an error in the table, not the end of the run */
    static bench_case cases[BENCH_RATIOS];
    const size_t n = s->cases(cases, BENCH_RATIOS);
    if (!o.list) return bench_run_all(s, &o, cases, n);
    for (size_t i = 0; i < n; i++) printf("%s\n", cases[i].name);
    return 0;
}

#endif /* BENCH_SUITE_H */
