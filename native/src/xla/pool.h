// XLA's own threads for the core's tasks: as many as XLA computes with, and none that would take the cores from them.
#pragma once

#include "call.h"

namespace peerspec {

// How to run within a call of XLA's; valid until the call returns.
peerspec_run on_xla_threads(XLA_FFI_CallFrame* frame);

}  // namespace peerspec
