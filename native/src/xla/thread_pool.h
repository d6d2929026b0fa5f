// Runs the tasks of the core on the thread pool of XLA, so that no other threads compete with it for the processors.
#pragma once

#include "call.h"

namespace peerspec {

// How to run within a call from XLA; valid until the call returns.
peerspec_run on_xla_threads(xla::CallFrame* frame);

}  // namespace peerspec
