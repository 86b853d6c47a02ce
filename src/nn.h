/* nn.h - neural networks on the CPU: one file, every instruction set, the same bits everywhere
 */
#ifndef NN_H
#define NN_H

#include "config.h"
#include "status.h"
#include "alloc.h"
#include "isa.h"
#include "threads.h"
#include "random.h"
#include "activation.h"
#include "maths.h"
#include "reduce.h"
#include "softmax.h"
#include "gemm.h"

#ifdef NN_IMPLEMENTATION
#include "close.h"
#endif

#endif /* NN_H */
