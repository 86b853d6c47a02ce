/* test_network.c - whole networks: gradients by central differences, the plan of memory, predictions, readers, allocations */
#include "network.h"

#include "hook.h"

/* ---- gradients ---- */

static unsigned long kinks;

/* Which of a window of 2 x 2, the first of channel c at x, is the largest. */
static uint64_t largest_of(const float *x, size_t width, size_t channels) {
    const float window[4] = {x[0], x[channels], x[width * channels], x[(width + 1) * channels]};
    uint64_t best = 0;
    for (uint64_t i = 1; i < 4; i++) best = window[i] > window[best] ? i : best;
    return best;
}

static uint64_t pool_sides(const nn_model *m, nn_node pool, uint64_t hash) {
    const nn_node from = {pool.id - 1};
    const nn_shape in = nn_node_shape(m, from), out = nn_node_shape(m, pool);
    const float *x = nn_activation_of(m, from);
    for (size_t i = 0; x && i < NETWORK_ROWS * out.height * out.width * out.channels; i++) {
        const size_t c = i % out.channels, w = i / out.channels % out.width, row = i / out.channels / out.width;
        const size_t image = row / out.height, h = row % out.height;
        hash = hash * 0x100000001b3u + largest_of(x + ((image * in.height + 2 * h) * in.width + 2 * w) * in.channels + c, in.width, in.channels);
    }
    return hash;
}

/* The sides of their corners on which values lie, as a hash: whether activations are positive, who wins in pools of 2 x 2. */
static uint64_t sides(const nn_model *m) {
    uint64_t hash = 1;
    for (uint32_t id = 1; nn_node_name(m, (nn_node){id})[0]; id++) {
        const char *name = nn_node_name(m, (nn_node){id});
        const size_t n = NETWORK_ROWS * nn_shape_size(nn_node_shape(m, (nn_node){id}));
        const float *y = nn_activation_of(m, (nn_node){id});
        if (strstr(name, "max_pool")) hash = pool_sides(m, (nn_node){id}, hash);
        if (y && (strstr(name, "elu") || strstr(name, "step")))
            for (size_t i = 0; i < n; i++) hash = hash * 0x100000001b3u + (y[i] > 0);
    }
    return hash;
}

static double loss_at(network_run *run, float *at, float value, uint64_t *where) {
    const float before = *at;
    *at = value;
    network_pass(run);
    *where = sides(run->m);
    const double loss = (double)nn_total_loss(run->m); /* the penalties look at the parameters now */
    *at = before;
    return loss;
}

/* Each of n numbers against its gradient; the largest gradient sets the scale. The loss is a float near 1, with an error of
 * 2^-24 or so: divided by 2h this is 1e-5. */
#define TOL_NETWORK 1e-3
static void gradients_match(network_run *run, const network *net, const char *name, float *at, const float *gradient, size_t n) {
    const float h = 0x1p-8f;
    double top = 0.1;
    test_case("%s, gradient of %s", net->name, name);
    for (size_t i = 0; i < n; i++) top = fmax(top, fabs((double)gradient[i]));
    for (size_t i = 0; i < n; i++) {
        uint64_t above, below;
        const float up = at[i] + h, down = at[i] - h;
        const double difference = loss_at(run, &at[i], up, &above) - loss_at(run, &at[i], down, &below);
        const double want = difference / ((double)up - (double)down);
        if ((net->kinks && above != below) || (at != run->x && (up > 0) != (down > 0))) kinks++; /* |w| has one at 0 */
        else if (!CHECK(fabs((double)gradient[i] - want) <= TOL_NETWORK * top)) printf("%g, not %g\n", (double)gradient[i], want);
    }
}

static void gradients(const network *net) {
    network_run run;
    const nn_build_desc build = {.seed = 3, .keep = 1, .l1 = 0.01f, .l2 = 0.1f};
    network_begin(&run, net, NULL, &build);
    network_pass(&run);
    CHECK(nn_backward(run.m, 0) == NN_OK);
    const nn_parameters all = nn_parameters_of(run.m);
    float *kept = (float *)malloc((all.trained + 1) * sizeof *kept), dx[NETWORK_ROWS * 256];
    memcpy(kept, all.gradients, all.trained * sizeof *kept);
    const size_t n = NETWORK_ROWS * nn_shape_size(net->in);
    memcpy(dx, nn_gradient_of(run.m, run.input), n * sizeof *dx);
    for (size_t p = 0; p < nn_parameter_count(run.m); p++) {
        nn_parameter parameter;
        CHECK(nn_parameter_at(run.m, p, &parameter) == NN_OK);
        if (parameter.gradients)
            gradients_match(&run, net, parameter.name, parameter.values, kept + (parameter.gradients - all.gradients),
                            parameter.rows * parameter.columns);
    }
    gradients_match(&run, net, "the input", run.x, dx, n);
    free(kept);
    nn_model_free(run.m);
}

/* ---- memory: shared, it must give what unshared memory gives ---- */

static void plans(const network *net) {
    network_run kept, planned;
    const nn_build_desc keep = {.seed = 3, .keep = 1}, plan = {.seed = 3}, inference = {.seed = 3, .inference = 1, .batch = 2};
    float y[3][NETWORK_ROWS * 3];
    test_case("%s, plan", net->name);
    network_begin(&kept, net, NULL, &keep);
    network_begin(&planned, net, NULL, &plan);
    for (int pass = 0; pass < 2; pass++) {
        network_pass(&kept);
        network_pass(&planned);
        CHECK(same_bits(nn_total_loss(kept.m), nn_total_loss(planned.m)));
        CHECK(nn_backward(kept.m, pass) == NN_OK);
        CHECK(nn_backward(planned.m, pass) == NN_OK);
        const nn_parameters a = nn_parameters_of(kept.m), b = nn_parameters_of(planned.m);
        CHECK(a.total == b.total && a.trained == b.trained);
        CHECK(first_difference(a.values, b.values, a.total) == a.total);
        CHECK(first_difference(a.gradients, b.gradients, a.trained) == a.trained);
        const size_t n = NETWORK_ROWS * nn_shape_size(net->in);
        CHECK(first_difference(nn_gradient_of(kept.m, kept.input), nn_gradient_of(planned.m, planned.input), n) == n);
    }
    CHECK(nn_memory_of(planned.m).training <= nn_memory_of(kept.m).training);
    CHECK(nn_memory_of(planned.m).inference <= nn_memory_of(planned.m).training);

    /* predictions: the plan for them, that for training in test mode, a build for inference, a workspace of one's own */
    network_run small;
    network_begin(&small, net, NULL, &inference);
    const nn_parameters from = nn_parameters_of(planned.m), to = nn_parameters_of(small.m);
    memcpy(to.values, from.values, from.total * sizeof *from.values);
    CHECK(to.gradients == NULL && nn_forward(small.m, 1, NN_TRAIN) == NN_ERROR_ORDER);
    CHECK(nn_predict(planned.m, y[0], planned.x, NETWORK_ROWS) == NN_OK);
    CHECK(nn_predict(small.m, y[1], planned.x, NETWORK_ROWS) == NN_OK); /* in parts of 2 */
    nn_workspace *w = nn_workspace_new(planned.m);
    CHECK(nn_predict_in(planned.m, w, y[2], planned.x, NETWORK_ROWS) == NN_OK);
    nn_workspace_free(planned.m, w);
    CHECK(first_difference(y[0], y[2], COUNT(y[0])) == COUNT(y[0]));
    for (size_t i = 0; i < COUNT(y[0]); i++) CHECK(fabs((double)y[0][i] - (double)y[1][i]) < 1e-5); /* other rows, other dot products */
    CHECK(nn_forward(planned.m, NETWORK_ROWS, NN_TEST) == NN_OK);
    CHECK(nn_forward(kept.m, NETWORK_ROWS, NN_TEST) == NN_OK);
    CHECK(same_bits(nn_total_loss(kept.m), nn_total_loss(planned.m)));
    nn_model_free(small.m);
    nn_model_free(planned.m);
    nn_model_free(kept.m);
}

/* ---- threads and instruction sets ---- */

static void same_everywhere(const network *net) {
    static float first[4096];
    int begun = 0;
    for (const char *isa = test_isa(NULL); isa; isa = test_isa(isa))
        for (size_t threads = 1; threads <= 3; threads += 2) {
            network_run run;
            const nn_build_desc build = {.seed = 9};
            nn_threads_hook(threads > 1 ? hook_pthreads : NULL, NULL);
            nn_threads(threads);
            test_case("%s, %zu threads", net->name, threads);
            network_begin(&run, net, NULL, &build);
            network_pass(&run);
            CHECK(nn_backward(run.m, 0) == NN_OK);
            const nn_parameters all = nn_parameters_of(run.m);
            if (!begun++) memcpy(first, all.gradients, all.trained * sizeof *first);
            CHECK(first_difference(first, all.gradients, all.trained) == all.trained);
            nn_model_free(run.m);
            nn_threads(1);
            nn_threads_hook(NULL, NULL);
        }
}

/* ---- many threads predict with one model, each in a workspace of its own ---- */

enum { READERS = 4, READS = 20 };

typedef struct reader {
    const nn_model *m;
    const float *x;
    nn_status status;
    float y[READS][NETWORK_ROWS * 3];
} reader;

static void *reader_run(void *argument) {
    reader *r = (reader *)argument;
    nn_workspace *w = nn_workspace_new(r->m);
    for (size_t i = 0; i < READS && r->status == NN_OK; i++) r->status = nn_predict_in(r->m, w, r->y[i], r->x, NETWORK_ROWS);
    nn_workspace_free(r->m, w);
    return NULL;
}

static void readers(const network *net) {
    static reader all[READERS];
    pthread_t threads[READERS];
    float y[NETWORK_ROWS * 3];
    network_run run;
    const nn_build_desc build = {.seed = 3};
    test_case("%s, %d readers", net->name, READERS);
    network_begin(&run, net, NULL, &build);
    CHECK(nn_predict(run.m, y, run.x, NETWORK_ROWS) == NN_OK);
    for (size_t t = 0; t < READERS; t++) {
        all[t].m = run.m;
        all[t].x = run.x;
        if (pthread_create(&threads[t], NULL, reader_run, &all[t]) != 0) abort();
    }
    for (size_t t = 0; t < READERS; t++) pthread_join(threads[t], NULL);
    for (size_t t = 0; t < READERS; t++) {
        CHECK(all[t].status == NN_OK);
        for (size_t i = 0; i < READS; i++) CHECK(first_difference(all[t].y[i], y, COUNT(y)) == COUNT(y));
    }
    nn_model_free(run.m);
}

/* ---- allocations ---- */

static long live, calls, fails_at;
static void *counting_alloc(size_t bytes, void *user) {
    (void)user;
    if (++calls == fails_at) return NULL;
    live++;
    return malloc(bytes);
}
static void counting_free(void *memory, void *user) {
    (void)user;
    live--;
    free(memory);
}
static const nn_allocator counting = {counting_alloc, counting_free, NULL};

static void allocations(const network *net) {
    network_run run;
    const nn_build_desc build = {.seed = 3};
    float y[NETWORK_ROWS * 3];
    test_case("%s, allocations", net->name);
    live = calls = fails_at = 0;
    network_begin(&run, net, &counting, &build);
    const long before = calls;
    for (int pass = 0; pass < 3; pass++) {
        network_pass(&run);
        CHECK(nn_backward(run.m, pass == 1) == NN_OK);
        CHECK(nn_predict(run.m, y, run.x, NETWORK_ROWS) == NN_OK);
    }
    CHECK(calls == before); /* none after the build */
    nn_model_free(run.m);
    CHECK(live == 0);
    for (fails_at = 1; fails_at <= before; fails_at++) { /* every one in turn: an error, nothing lost, and it can be repeated */
        calls = 0;
        nn_model *m = nn_model_new(&counting);
        if (!m) {
            CHECK(fails_at == 1 && live == 0);
            continue;
        }
        const nn_node x = net->fill(m, nn_layer_input(m, net->in));
        nn_layer_loss(m, x, net->loss);
        const nn_build_desc d = {.batch = NETWORK_ROWS};
        const long adding = calls;
        CHECK(nn_model_build(m, &d) == NN_ERROR_MEMORY);
        CHECK(strstr(nn_error(m), "no memory") != NULL);
        if (fails_at > adding) CHECK(nn_model_build(m, &d) == NN_OK);
        nn_model_free(m);
        CHECK(live == 0);
    }
}

int main(void) {
    for (size_t i = 0; i < COUNT(networks); i++) {
        gradients(&networks[i]);
        plans(&networks[i]);
        same_everywhere(&networks[i]);
        readers(&networks[i]);
        if (i < 1 || !test_quick()) allocations(&networks[i]);
    }
    printf("%lu differences across a kink left out\n", kinks);
    return test_end("network");
}
