/* vex.c - what isa_check.py must reject: AVX in a function whose name does not say so (compiled with -mavx) */
void add_eight(float *y, const float *x);
void add_eight(float *y, const float *x) {
    typedef float eight __attribute__((vector_size(32), aligned(4)));
    *(eight *)(void *)y += *(const eight *)(const void *)x;
}
