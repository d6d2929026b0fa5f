// All kernels for one instruction set. The source file that includes this header first sets the target,
// PEERSPEC_WIDTH (bytes of a register) and PEERSPEC_KERNELS (name of the table of kernels).
//
// A pragma sets the target after the system headers, and everything here has internal linkage. Otherwise the linker
// could take a function compiled for AVX where plain code calls a function of the same name.
#pragma once

#include "lanes.h"
// the order matters: each header uses those before it
#include "numbers.h"
#include "activations.h"
#include "rows.h"
#include "expert_stage.h"
#include "gather_sum.h"
#include "ranking.h"
#include "selection.h"
#include "matrix_product.h"
#include "query.h"
#include "retrieval.h"
#include "retrieval_backward.h"
#include "gates.h"
#include "forward.h"
#include "scatter_sum.h"
#include "updates.h"

namespace peerspec {

extern const Kernels PEERSPEC_KERNELS = {
    {select<float>, select<double>},
    {query<F32>, query<F64>, query<BF16>, query<F16>},
    {pack<F32>, pack<F64>, pack<BF16>, pack<F16>},
    {retrieve<float>, retrieve<double>},
    {query_gradients<F32>, query_gradients<F64>, query_gradients<BF16>, query_gradients<F16>},
    {key_gradients<float>, key_gradients<double>},
    {gates<float>, gates<double>},
    {forward<F32>, forward<F64>, forward<BF16>, forward<F16>},
    {expert_stage<F32>, expert_stage<F64>, expert_stage<BF16>, expert_stage<F16>, expert_stage<I8>},
    {expert_stage_backward<F32>, expert_stage_backward<F64>, expert_stage_backward<BF16>, expert_stage_backward<F16>},
    {gather_sum<F32>, gather_sum<F64>, gather_sum<BF16>, gather_sum<F16>},
    {scatter_sum<F32>, scatter_sum<F64>},
    {{sgd<F32>, sgd<F64>, sgd<BF16>, sgd<F16>},
     {adagrad<F32>, adagrad<F64>, adagrad<BF16>, adagrad<F16>},
     {adam<F32>, adam<F64>, adam<BF16>, adam<F16>}},
};

}  // namespace peerspec
