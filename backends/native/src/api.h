// What the functions of the C interface share.
#pragma once

#include <new>

#include "jobs.h"

namespace peerspec {

// No exception leaves through C.
template <class Body>
int32_t guarded(const Body& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return PEERSPEC_NO_MEMORY;
  }
}

}  // namespace peerspec
