/* worker.h - a contender's process: the side that works, and the side that asks
 *
 *   bench:  case REQUEST      worker:  ok SUM SUM ... | no
 *   bench:  time MILLISECONDS worker:  NANOSECONDS
 *
 * A worker begins with one line, `ready DESCRIPTION` or `absent REASON`, and ends with its input. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include "bench.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BENCH_LINE 4096
#define BENCH_BATCHES 3 /* in a turn, at least */
#define BENCH_PATIENCE 120000 /* milliseconds until a silent worker counts as dead */

/* ---- the side that works ---- */

/* Seconds. One thread is timed by the processor time of the process, which leaves out what a neighbour on the same processor
 * takes; several can only be timed by the clock on the wall. */
static double bench_now(const bench_job *job) {
    struct timespec t;
    clock_gettime(job->threads > 1 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double bench_batch(const bench_job *job, size_t calls) {
    const double start = bench_now(job);
    for (size_t i = 0; i < calls; i++) job->call(job->data);
    return (bench_now(job) - start) / (double)calls;
}

/* Calls that together take about `seconds`. */
static size_t bench_calibrate(const bench_job *job, double seconds) {
    size_t calls = 1;
    for (;;) {
        const double each = bench_batch(job, calls), wanted = seconds / (each > 1e-10 ? each : 1e-10);
        if (wanted < 2.0 * (double)calls) return wanted > 1.0 ? (size_t)wanted : 1;
        calls = wanted > 10.0 * (double)calls ? calls * 10 : (size_t)wanted;
    }
}

/* Seconds of a call: the fastest of some batches, all within about `seconds`, and each long enough to hide the clock; three at
 * least, unless a batch takes that long by itself. Before them one call fetches the data into the caches, which hold the
 * previous contender's; large arrays take a second call, so a single batch would time the caches. */
static double bench_measure(const bench_job *job, size_t calls, double seconds) {
    job->call(job->data);
    const double end = bench_now(job) + seconds;
    double best = bench_batch(job, calls);
    for (int batches = 1; best * (double)calls < seconds; batches++) {
        if (batches >= BENCH_BATCHES && bench_now(job) + best * (double)calls >= end) break;
        const double each = bench_batch(job, calls);
        if (each < best) best = each;
    }
    return best * job->scale;
}

static void bench_answer_case(const bench_job *job, FILE *out) {
    double sketch[BENCH_SKETCH] = {0.0};
    fprintf(out, "ok");
    if (job->out || job->sketch) {
        if (job->sketch) job->sketch(sketch);
        else if (job->moments) bench_moments(sketch, job->out, job->rows * job->cols);
        else bench_sketch(sketch, job->out, job->rows, job->cols);
        for (size_t i = 0; i < BENCH_SKETCH; i++) fprintf(out, " %.17g", sketch[i]);
    }
    fprintf(out, "\n");
}

/* Answers requests until there are no more. Replies go to a copy of the standard output, whose place the standard error
 * takes, as some libraries print. */
static int bench_serve(const bench_contender *c) {
    FILE *out = fdopen(dup(STDOUT_FILENO), "w");
    if (!out || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return 2;
    char line[BENCH_LINE], description[BENCH_TEXT] = "";
    const int ready = c->open(description);
    fprintf(out, "%s %s\n", ready ? "ready" : "absent", description);
    fflush(out);

    bench_job job = {0};
    size_t calls = 0;
    while (ready && fgets(line, sizeof line, stdin)) {
        if (strncmp(line, "case ", 5) == 0) {
            bench_release();
            job = (bench_job){.scale = 1.0, .threads = 1};
            calls = 0;
            if (c->prepare(&job, line + 5)) {
                job.call(job.data);
                bench_answer_case(&job, out);
            } else {
                fprintf(out, "no\n");
            }
        } else if (strncmp(line, "time ", 5) == 0 && job.call) {
            const double seconds = 1e-3 * atof(line + 5);
            if (!calls) calls = bench_calibrate(&job, seconds / 8.0);
            fprintf(out, "%.17g\n", 1e9 * bench_measure(&job, calls, seconds));
        }
        fflush(out);
    }
    return 0;
}

/* ---- the side that asks ---- */

typedef struct bench_worker {
    const bench_contender *contender;
    pid_t pid; /* 0: not running */
    FILE *in, *out;
    char description[BENCH_TEXT]; /* what it says it is, or why it is absent */
} bench_worker;

static void bench_set_environment(const char *settings) {
    char text[BENCH_TEXT];
    snprintf(text, sizeof text, "%s", settings);
    for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
        char *value = strchr(name, '=');
        *value++ = '\0';
        setenv(name, value, 1);
    }
}

static void bench_become(const bench_contender *c, const char *self, const char *isa) {
    bench_set_environment("OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 BLIS_NUM_THREADS=1 MKL_NUM_THREADS=1");
    setenv("NN_ISA", isa, 1);
    bench_set_environment(c->environment);
    if (c->program) execlp(c->program, c->program, (char *)NULL);
    else execlp(self, self, "--serve", c->name, (char *)NULL);
    _exit(127);
}

/* One line of a worker's into `line`; 0 if it died or fell silent. */
static int bench_hear(bench_worker *w, char *line) {
    struct pollfd ready = {fileno(w->out), POLLIN, 0};
    if (poll(&ready, 1, BENCH_PATIENCE) == 1 && fgets(line, BENCH_LINE, w->out)) {
        line[strcspn(line, "\n")] = '\0';
        return 1;
    }
    return 0;
}

static void bench_stop(bench_worker *w) {
    if (!w->pid) return;
    fclose(w->in);
    fclose(w->out);
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
    w->pid = 0;
}

/* Starts a worker; 0 if its contender is absent, and then its description says why. */
static int bench_start(bench_worker *w, const bench_contender *c, const char *self, const char *isa) {
    int to[2], from[2];
    w->contender = c;
    if (pipe(to) || pipe(from)) bench_fail("no pipe");
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0) bench_fail("no process");
    if (w->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        for (int fd = 3; fd < 256; fd++) close(fd); /* the pipes of the other workers too, or those would never end */
        bench_become(c, self, isa);
    }
    close(to[0]);
    close(from[1]);
    w->in = fdopen(to[1], "w");
    w->out = fdopen(from[0], "r");
    char line[BENCH_LINE] = "";
    const int heard = bench_hear(w, line), ready = heard && strncmp(line, "ready ", 6) == 0;
    const char *text = strchr(line, ' ');
    snprintf(w->description, sizeof w->description, "%.*s", BENCH_TEXT - 1, heard && text ? text + 1 : "does not start");
    if (!ready) bench_stop(w);
    return ready;
}

static int bench_ask(bench_worker *w, char *answer, const char *verb, const char *argument) {
    if (!w->pid) return 0;
    fprintf(w->in, "%s %s\n", verb, argument);
    fflush(w->in);
    if (bench_hear(w, answer)) return 1;
    bench_stop(w);
    return 0;
}

#endif /* BENCH_WORKER_H */
