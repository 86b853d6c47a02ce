/* test_accuracy.c - how far the functions are from the truth: all floats, or a sample
 *
 *   test_accuracy          every 4099th float
 *   test_accuracy all      all 2^32 (the NaNs beyond the first few million stand for each other): some minutes a function
 *   test_accuracy all silu gelu     all 2^32, for the functions named
 *
 * Prints a table. The best instruction set is compared with double libm, the others with the best, bit by bit.
 */
#include "functions.h"
#include "test.h"

#include <sys/wait.h>

#define CHUNK 4096

/* What one process found on its share of the floats; kept in memory that all processes see. */
typedef struct finding {
    double worst;
    float worst_x;
    uint64_t falls, differences;
} finding;

static void compare_isas(const function *f, const float *x, const float *first, size_t n, finding *found) {
    static float y[CHUNK];
    for (size_t i = 1; nn_isa_name(i); i++) {
        if (nn_isa_force(nn_isa_name(i)) != NN_OK) continue;
        f->f(y, x, n);
        for (size_t j = 0; j < n; j++) found->differences += !same_bits(first[j], y[j]);
    }
    if (nn_isa_force(NULL) != NN_OK) found->differences++;
}

/* Floats number begin, begin + step, ... below end, in ascending order. */
static void examine(const function *f, uint64_t begin, uint64_t end, uint64_t step, finding *found) {
    static float x[CHUNK], y[CHUNK];
    float last = -INFINITY;
    while (begin < end) {
        size_t n = 0;
        for (; n < CHUNK && begin < end; begin += step) x[n++] = ordered_float((uint32_t)begin);
        f->f(y, x, n);
        for (size_t i = 0; i < n; i++) {
            const double error = ulp_error(y[i], f->value((double)x[i]));
            if (!(error <= found->worst)) found->worst = error, found->worst_x = x[i];
            found->falls += y[i] < last;
            last = y[i];
        }
        compare_isas(f, x, y, n, found);
    }
}

/* NaN in, NaN out, whatever the payload. */
static void examine_nans(const function *f, uint32_t step, finding *found) {
    static float x[CHUNK], y[CHUNK];
    for (int sign = 0; sign < 2; sign++)
        for (uint32_t payload = 1; payload < 0x00800000u;) {
            size_t n = 0;
            for (; n < CHUNK && payload < 0x00800000u; payload += step) x[n++] = float_of((uint32_t)sign << 31 | 0x7f800000u | payload);
            f->f(y, x, n);
            for (size_t i = 0; i < n; i++)
                if (!isnan(y[i])) found->worst = INFINITY, found->worst_x = x[i];
            compare_isas(f, x, y, n, found);
        }
}

/* Shares the floats out among processes; the parts overlap by one step, so that a fall between them is seen. */
static finding examine_all(const function *f, uint64_t step, size_t processes) {
    finding all = {0, 0, 0, 0};
    if (processes == 1) {
        examine(f, 0, ORDERED_FLOATS, step, &all);
        examine_nans(f, (uint32_t)step, &all);
        return all;
    }
    finding *found = (finding *)mmap(NULL, processes * sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) abort();
    const uint64_t share = (ORDERED_FLOATS / processes / step + 1) * step;
    fflush(stdout);
    for (size_t p = 0; p < processes; p++)
        if (fork() == 0) {
            const uint64_t begin = p * share, end = begin + share + step;
            examine(f, begin, end < ORDERED_FLOATS ? end : ORDERED_FLOATS, step, &found[p]);
            if (p == 0) examine_nans(f, (uint32_t)step, &found[p]);
            _exit(0);
        }
    for (size_t p = 0; p < processes; p++) {
        int status;
        wait(&status);
        if (status != 0) all.worst = INFINITY;
    }
    for (size_t p = 0; p < processes; p++) {
        if (found[p].worst > all.worst) all.worst = found[p].worst, all.worst_x = found[p].worst_x;
        all.falls += found[p].falls;
        all.differences += found[p].differences;
    }
    munmap(found, processes * sizeof *found);
    return all;
}

/* Whether the function is among the arguments, or none is named. */
static int is_wanted(const function *f, int count, char **arguments) {
    for (int i = 2; i < count; i++)
        if (strcmp(arguments[i], f->name) == 0) return 1;
    return count <= 2;
}

int main(int count, char **arguments) {
    const int every = count > 1 && strcmp(arguments[1], "all") == 0;
    const uint64_t step = every ? 1 : test_quick() ? 1000003 : 4099;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    printf("%-9s %-8s %-7s %9s  %-22s %-9s %s\n", "function", "backend", "isa", "max ULP", "at", "monotone", "other isas");
    for (size_t i = 0; i < COUNT(functions); i++) {
        const function *f = &functions[i];
        if (!is_wanted(f, count, arguments)) continue;
        const finding found = examine_all(f, step, every && processors > 1 ? (size_t)processors : 1);
        printf("%-9s %-8s %-7s %9.4f  %-22a %-9s %s\n", f->name, nn_maths_backend(), nn_isa(), found.worst, (double)found.worst_x,
               found.falls ? "no" : "yes", found.differences ? "differ" : "equal");
        fflush(stdout);
        test_case("%s: %g ULP at %a", f->name, found.worst, (double)found.worst_x);
        CHECK(found.worst <= f->ulp);
        CHECK(found.falls == 0 || !f->monotone);
        CHECK(found.differences == 0);
    }
    for (size_t i = 1; nn_isa_name(i); i++)
        if (nn_isa_supported(nn_isa_name(i)) != NN_OK) test.skipped++;
    return test_end("accuracy");
}
