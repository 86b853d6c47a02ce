/* kernels.h - all kernels in the order in which they build on each other, and the table that hands them out */
#ifndef NNI_ISA
#include "scalar.h"
#else

#include "tier.h"

#include "kernels/maths.h"
#include "kernels/map.h"
#include "kernels/reduce.h"
#include "kernels/columns.h"
#include "kernels/prelu.h"
#include "kernels/norm.h"
#include "kernels/short_rows.h"
#include "kernels/softmax.h"
#include "kernels/loss.h"
#include "kernels/loss_softmax.h"
#include "kernels/regularize.h"
#include "kernels/optim.h"
#include "kernels/init.h"
#include "kernels/random.h"
#include "kernels/dropout.h"
#include "kernels/gemm_tile.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemm_dot.h"
#include "kernels/gemm_row.h"
#include "kernels/gemm_turned.h"
#include "kernels/gemm_plan.h"
#include "kernels/gemm_block.h"
#include "kernels/gemm.h"
#include "kernels/conv_block.h"
#include "kernels/conv_depth.h"
#include "kernels/conv.h"
#include "kernels/conv_window.h"
#include "kernels/conv_weights.h"
#include "kernels/pool.h"
#include "kernels/image.h"
#include "kernels/image_warp.h"
#include "kernels/image_filter.h"

#define NNI_KERNEL_ENTRY(result, name, arguments) , NNI_FN(name)
static const nni_tier NNI_FN(tier) = {NNI_STRING(NNI_ISA), NNI_LARGE_VECTORS * VF_LANES NNI_KERNELS(NNI_KERNEL_ENTRY)};
#undef NNI_KERNEL_ENTRY

#endif /* NNI_ISA */
