/* bench_optim.c - a step of each optimizer: nn.h against PyTorch and against the memory
 *
 *   cc -std=c11 -O2 -I. bench/bench_optim.c -o build/bench/bench_optim -lsleef -lm -ldl
 *   build/bench/bench_optim --filter adam
 *
 * Case names: the rule and the number of weights. With 2K all arrays stay in the first cache, which shows what the arithmetic
 * takes alone; with 32K they stay in the second; 266610 is the network 784-300-100-10; 4M stay nowhere, or in the last. The
 * limit is the time to move what a step moves: each array is read, and all but the gradient are written. Rules that PyTorch
 * has are run in its form. */
#define _GNU_SOURCE
#define NN_IMPLEMENTATION
#include "nn.h"

#include "bench.h"
#include "worker.h"
#include "limits.h"
#include "suite.h"
#include "tests/optimizers_exact.h"

#define OPTIM_STEPS 3 /* until results are compared; the state is then a mixture of gradients */

typedef struct optim_rule {
    const char *name;
    nn_optimizer o;
} optim_rule;

/* The rules, written down when the program starts. */
static optim_rule optim_rules[24];
static size_t optim_rule_count;

static nn_optimizer *optim_add(const char *name, nn_optimizer o) {
    optim_rules[optim_rule_count].name = name;
    optim_rules[optim_rule_count].o = o;
    return &optim_rules[optim_rule_count++].o;
}

static void optim_add_all(void) {
    nn_optimizer *o;
    optim_add("sgd", nn_sgd(0.01f));
    optim_add("momentum", nn_momentum(0.01f, 0.9f))->rate_outside = 1;
    optim_add("nesterov", nn_nesterov(0.01f, 0.9f))->rate_outside = 1;
    optim_add("adagrad", nn_adagrad(0.01f));
    o = optim_add("rmsprop", nn_rmsprop(0.01f));
    o->beta_2 = 0.99f, o->epsilon = 1e-8f, o->epsilon_inside = 0;
    o = optim_add("adadelta", nn_adadelta(1));
    o->beta_2 = 0.9f, o->epsilon = 1e-6f;
    optim_add("adam", nn_adam(0.01f));
    optim_add("adam_l2", nn_adam(0.01f))->l2 = 0.01f;
    optim_add("adamw", nn_adamw(0.01f));
    optim_add("amsgrad", nn_amsgrad(0.01f));
    optim_add("adamax", nn_adamax(0.01f));
    optim_add("nadam", nn_nadam(0.01f));
    optim_add("lion", nn_lion(0.01f));
    optim_add("ftrl", nn_ftrl(0.01f))->l1 = 0.01f;
    optim_add("adagrad_da", nn_adagrad_da(0.01f))->l1 = 0.01f;
    optim_add("proximal_gd", nn_proximal_gd(0.01f))->l1 = 0.01f;
    optim_add("proximal_adagrad", nn_proximal_adagrad(0.01f))->l1 = 0.01f;
}

static const nn_optimizer *optim_read(const char *request, size_t *n) {
    char name[32];
    if (sscanf(request, "%31s %zu", name, n) == 2)
        for (size_t i = 0; i < optim_rule_count; i++)
            if (strcmp(optim_rules[i].name, name) == 0) return &optim_rules[i].o;
    return NULL;
}

/* ---- nn.h ---- */

static struct {
    nn_optimizer o;
    nn_optimizer_state state;
    float *w, *g;
    size_t n;
} ours;

static void ours_step(void *data) {
    (void)data;
    nn_optimizer_step(ours.w, ours.g, ours.n, &ours.state, &ours.o);
}

static int ours_prepare(bench_job *job, const char *request) {
    const nn_optimizer *o = optim_read(request, &ours.n);
    if (!o) return 0;
    ours.o = *o;
    ours.w = bench_input(1, ours.n, -1.0f, 1.0f);
    ours.g = bench_input(2, ours.n, -1.0f, 1.0f);
    ours.state.stride = (ours.n + 15) / 16 * 16 + 272; /* as far apart as other arrays are: see bench_floats */
    ours.state.slots = bench_floats(3 * ours.state.stride);
    nn_optimizer_start(&ours.state, o, ours.n);
    for (int step = 1; step < OPTIM_STEPS; step++) ours_step(NULL);
    job->call = ours_step;
    job->out = ours.w;
    job->rows = ours.n;
    job->cols = 1;
    return 1;
}

static int ours_open(char *description) {
    snprintf(description, BENCH_TEXT, "nn.h %s, %s", NN_VERSION, nn_isa());
    return nn_isa_status() == NN_OK;
}

static const bench_contender optim_contenders[] = {
    {"nn.h", "nn.h", NULL, "", NULL, 0, ours_open, ours_prepare},
    {"PyTorch", "PyTorch", "avx512 neon", "", "bench/torch_optim.py", 0, NULL, NULL},
    {"PyTorch/avx2", "PyTorch", "avx2", "ATEN_CPU_CAPABILITY=avx2", "bench/torch_optim.py", 0, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL}};

/* ---- cases ---- */

static size_t optim_list(bench_case *cases, size_t most) {
    static const struct {
        const char *name;
        size_t n;
    } sizes[] = {{"2K", 2048}, {"32K", 32768}, {"266610", 266610}, {"4M", 4194304}};
    size_t count = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t r = 0; r < optim_rule_count && count < most; r++) {
            bench_case c = {.work = (double)sizes[s].n, .threads = 1};
            snprintf(c.name, sizeof c.name, "%s %s", optim_rules[r].name, sizes[s].name);
            snprintf(c.request, sizeof c.request, "%s %zu", optim_rules[r].name, sizes[s].n);
            snprintf(c.limit, sizeof c.limit, "update %zu %zu", sizes[s].n, 2 + nn_optimizer_slots(&optim_rules[r].o));
            cases[count++] = c;
        }
    return count;
}

/* The same steps in double. Floats round each weight a few times, and steps to some units of their own last place. */
static void optim_expect(const bench_case *c, double *sketch, double *bound) {
    size_t n = 0;
    const nn_optimizer *o = optim_read(c->request, &n);
    memset(sketch, 0, BENCH_SKETCH * sizeof *sketch);
    memset(bound, 0, BENCH_SKETCH * sizeof *bound);
    for (size_t i = 0; i < n; i++) {
        const double start = (double)bench_element(1, i), g = (double)bench_element(2, i);
        exact_weight x = exact_start(o, start);
        for (int step = 1; step <= OPTIM_STEPS; step++) exact_step(&x, o, g, step, (double)o->momentum);
        sketch[i % BENCH_SKETCH] += bench_row_weight(i) * bench_column_weight(0) * x.w;
        bound[i % BENCH_SKETCH] += 8 * BENCH_EPSILON * fmax(fabs(start), fabs(x.w)) + 1e-4 * fabs(x.w - start);
    }
}

int main(int argc, char **argv) {
    const bench_suite suite = {"bench_optim", "ns/weight", 1, optim_contenders, optim_list, optim_expect};
    optim_add_all();
    return bench_main(&suite, argc, argv);
}
