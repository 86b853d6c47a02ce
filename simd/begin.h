/* begin.h - the contract of the vector layer: what an instruction set must offer, and the opening of its region
 *
 * An ISA file (scalar.h, avx2.h, avx512.h, neon.h) says NNI_ISA, includes this file, and defines everything listed
 * here; the kernels use nothing else. end.h closes the region. Inside, every name gets the ISA as its suffix:
 * NNI_FN(axpy) is nni_axpy_avx2, vf_add is nni_vf_add_avx2.
 *
 * Types   vf  VF_LANES floats     vi  VF_LANES 32-bit integers     vm  VF_LANES truths     vq  4 floats to broadcast
 *         vf4 4 floats on every instruction set: the channels of a pixel
 * Limits  VF_LANES                 1, 4, 8 or 16: divides 16, the width that fixes the order of every reduction
 *         VF_FREE_MASK             1 if vf_load_m takes no register that a tile lacks: ragged rows of B need no copy
 *         VF_MIXED                 vectors that a map works on side by side, as many as the registers hold
 *         VF_MATHS                 how functions of the maths are declared: inlined everywhere, or for one lane, which gains
 *                                  nothing by it, called, which makes that instruction set a quarter smaller
 *         NNI_TILES(X)             X(rows, vectors) for each GEMM tile that fits the registers: all of 1 vector, then 2, 3, 4
 *         NNI_TILE_ROWS            the most rows of a tile of 1, 2, 3 and 4 vectors, as an initialiser
 *         NNI_STEPS(rows, vectors) steps of k that a tile takes together where A is read by rows
 *         NNI_FED(rows, vectors)   whether a tile loads numbers of A by vf_fma_at: if loads are no bottleneck
 *         NNI_LARGE_VECTORS        the width of tile for large products: few rows, which may fall into one set of the cache
 *         NNI_ROW_VECTORS          the longest row of sums that fits the registers, beside a factor and a mask or an operand
 *         NNI_DOT_ROWS, _COLS      the block of 16-lane dot products that fits the registers
 *
 * Memory (no alignment is needed)
 *   vf_load(p)  vf_store(p, v)
 *   vf_load_n(p, n)        the first n <= VF_LANES floats, then zeros; reads nothing beyond them
 *   vf_load_last(p, n)     the same for n > 0, where the VF_LANES - n floats before p may be read
 *   vf_store_n(p, v, n)    the first n lanes; touches nothing beyond them
 *   vm_first(n)            truth for the first n lanes;  vf_load_m(p, m), vf_store_m(p, v, m) as above by mask
 *   vi_load(p)  vi_store(p, v)
 *   vf_keep(v)             v itself, in a register: GCC else may load it anew for each of its uses
 *   vf_gather(p, i)        lane l is p[i[l]], i signed;  vf_gather_pair(p, i, next) also *next = p[i[l] + 1]
 *   vi_load_bytes(p)       the VF_LANES bytes at p;  vi_store_bytes(p, v) stores the low bytes, v below 256
 *   vf4_load(p)  vf4_store(p, v)  vf4_set1(a)  vf4_sub(a, b)  vf4_fma(a, b, c)    as vf, for pixels of up to 4 channels
 * Arithmetic, each rounded once to nearest even
 *   vf_set1(a)  vf_add  vf_sub  vf_mul  vf_div  vf_sqrt
 *   vf_sqrt_beside(a)      vf_sqrt(a), by multiplications where the divider has a division to do as well; a is 0, NaN or at
 *                          least 2^-100
 *   vf_fma(a, b, c)  = a*b + c       vf_fnma(a, b, c) = c - a*b
 *   vf_round(a)            to the nearest whole number, ties to even
 *   vf_times_power(a, n)   a * 2^n, rounded once; n a whole number in [-250, 250], 2^-100 < |a| < 2 or |a*2^n| normal
 *   vf_abs(a)              clears the sign
 *   vf_max(a, b)           NaN if either is NaN; of two equal values, b (so max(+0,-0) is -0)
 *   vf_at_most(a, limit)   limit where a is greater, else a itself, NaN and either zero too;  vf_at_least(a, limit) where less
 * Truth
 *   vf_lt(a, b)  vf_le  vf_eq  (false on NaN)      vf_nan(a)   true where a is NaN
 *   vm_or(m, w)            either
 *   vf_select(m, a, b)     m ? a : b            vf_where(m, a)   m ? a : +0
 *   vm_bits(m)             bit i is lane i
 * Integers and bits
 *   vf_bits(a)  vf_from_bits(v)          the same 32 bits, seen as the other type
 *   vf_from_int(v)  vi_from_float(a)     signed conversion, towards 0; a must be in range
 *   vi_set1(u)  vi_lane()                0, 1, 2, ...
 *   vi_add  vi_sub  vi_and  vi_or  vi_xor  vi_shl(v, k)  vi_shr(v, k) with zeros  vi_sar(v, k) with the sign
 *   vi_mul(a, b)                         the low halves of the products
 *   vi_mul_wide(a, b, high)              the low halves of the 64-bit products a*b; the high halves go to *high
 *   vi_eq0(v, k)                         truth where (v & k) == 0
 * Across lanes
 *   vf_fold(v)             the sum of all lanes as the fixed tree: lane i with i+LANES/2, then halves again
 *   vf_fold_max(v)         the largest lane as by vf_max, in any order: which zero, or which NaN, is open
 *   vf_fold_each(r)        lane i is vf_fold(r[i]); r has VF_LANES vectors, which are spent
 *   vf_load_turned(r, p, stride, rows)    r[j] lane i = p[i*stride + j] for j < 4; lanes from `rows` on repeat the last row
 *   vf_of_four(v, i)       lane i of every four lanes in all of them, 0 <= i < 4; where VF_LANES > 1
 *   vf_reverse(v)          the last lane first
 *   vf_transpose(r)        r[i] lane j becomes r[j] lane i, for VF_LANES vectors
 *   vq_load(p)             four floats kept ready for vf_fma_q(a, i, b, c) = a[i]*b + c, i constant: multiplying by one
 *                          lane is free on ARM, broadcasting from memory is free on x86
 *   vf_fma_onto(a, b, c)   a*b + c in c's register: in long loops of many sums GCC would move and spill them
 *   vf_fma_at(p, b, c)     p[0]*b + c likewise; with 16 lanes the number is loaded anew each time, by the same instruction
 * Maths
 *   vf_exp_sleef(a)  vf_log_sleef(a)      unless NN_NO_SLEEF
 */
#define NNI_GLUE_2(name, isa) nni_##name##_##isa
#define NNI_GLUE(name, isa) NNI_GLUE_2(name, isa)
#define NNI_FN(name) NNI_GLUE(name, NNI_ISA)

#define vf NNI_FN(vf)
#define vi NNI_FN(vi)
#define vm NNI_FN(vm)
#define vq NNI_FN(vq)
#define vf4 NNI_FN(vf4)
#define vf_load NNI_FN(vf_load)
#define vf_store NNI_FN(vf_store)
#define vf_load_n NNI_FN(vf_load_n)
#define vf_load_last NNI_FN(vf_load_last)
#define vf_store_n NNI_FN(vf_store_n)
#define vm_first NNI_FN(vm_first)
#define vf_load_m NNI_FN(vf_load_m)
#define vf_store_m NNI_FN(vf_store_m)
#define vi_load NNI_FN(vi_load)
#define vf_keep NNI_FN(vf_keep)
#define vi_store NNI_FN(vi_store)
#define vf_gather NNI_FN(vf_gather)
#define vf_gather_pair NNI_FN(vf_gather_pair)
#define vi_load_bytes NNI_FN(vi_load_bytes)
#define vi_store_bytes NNI_FN(vi_store_bytes)
#define vf4_load NNI_FN(vf4_load)
#define vf4_store NNI_FN(vf4_store)
#define vf4_set1 NNI_FN(vf4_set1)
#define vf4_sub NNI_FN(vf4_sub)
#define vf4_fma NNI_FN(vf4_fma)
#define vf_set1 NNI_FN(vf_set1)
#define vf_add NNI_FN(vf_add)
#define vf_sub NNI_FN(vf_sub)
#define vf_mul NNI_FN(vf_mul)
#define vf_div NNI_FN(vf_div)
#define vf_sqrt NNI_FN(vf_sqrt)
#define vf_sqrt_beside NNI_FN(vf_sqrt_beside)
#define vf_fma NNI_FN(vf_fma)
#define vf_fnma NNI_FN(vf_fnma)
#define vf_round NNI_FN(vf_round)
#define vf_times_power NNI_FN(vf_times_power)
#define vf_abs NNI_FN(vf_abs)
#define vf_max NNI_FN(vf_max)
#define vf_at_most NNI_FN(vf_at_most)
#define vf_at_least NNI_FN(vf_at_least)
#define vf_lt NNI_FN(vf_lt)
#define vf_le NNI_FN(vf_le)
#define vf_eq NNI_FN(vf_eq)
#define vf_nan NNI_FN(vf_nan)
#define vm_or NNI_FN(vm_or)
#define vf_select NNI_FN(vf_select)
#define vf_where NNI_FN(vf_where)
#define vm_bits NNI_FN(vm_bits)
#define vf_bits NNI_FN(vf_bits)
#define vf_from_bits NNI_FN(vf_from_bits)
#define vf_from_int NNI_FN(vf_from_int)
#define vi_from_float NNI_FN(vi_from_float)
#define vi_set1 NNI_FN(vi_set1)
#define vi_lane NNI_FN(vi_lane)
#define vi_add NNI_FN(vi_add)
#define vi_sub NNI_FN(vi_sub)
#define vi_and NNI_FN(vi_and)
#define vi_or NNI_FN(vi_or)
#define vi_xor NNI_FN(vi_xor)
#define vi_shl NNI_FN(vi_shl)
#define vi_shr NNI_FN(vi_shr)
#define vi_sar NNI_FN(vi_sar)
#define vi_mul NNI_FN(vi_mul)
#define vi_mul_wide NNI_FN(vi_mul_wide)
#define vi_eq0 NNI_FN(vi_eq0)
#define vf_fold NNI_FN(vf_fold)
#define vf_fold_max NNI_FN(vf_fold_max)
#define vf_fold_each NNI_FN(vf_fold_each)
#define vf_of_four NNI_FN(vf_of_four)
#define vf_reverse NNI_FN(vf_reverse)
#define vf_transpose NNI_FN(vf_transpose)
#define vf_load_turned NNI_FN(vf_load_turned)
#define vq_load NNI_FN(vq_load)
#define vf_fma_q NNI_FN(vf_fma_q)
#define vf_fma_onto NNI_FN(vf_fma_onto)
#define vf_fma_at NNI_FN(vf_fma_at)
#define vf_exp_sleef NNI_FN(vf_exp_sleef)
#define vf_log_sleef NNI_FN(vf_log_sleef)
