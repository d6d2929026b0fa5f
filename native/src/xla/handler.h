// Handlers for the foreign function interface of XLA: JAX calls the core through peerspec_xla_*.
//
// A comment above each handler lists its arguments and results. Ids are int32 or int64, parameters have any format of
// the core except I8, and every other real array is in the compute dtype. backends/jax checks all shapes in Python;
// the checks here detect a library and a package of different versions.
#pragma once

#include <new>

#include "thread_pool.h"

namespace peerspec {
namespace {

xla::Error* error_of(xla::CallFrame* frame, int32_t status) {
  switch (status) {
    case PEERSPEC_OK:
      return nullptr;
    case PEERSPEC_BAD_ID:
      return xla_error(
          frame, xla::Code::out_of_range,
          "peerspec: an id lies outside its table; ids must come from a selection over these tables (IDX-1)");
    case PEERSPEC_NO_MEMORY:
      return xla_error(frame, xla::Code::resource_exhausted,
                       "peerspec: there is not enough memory for the call; pass fewer tokens at once");
    default:
      return xla_error(frame, xla::Code::invalid_argument,
                       "peerspec: the native core refuses the arguments: a size, a format or a number is out of range");
  }
}

void describe(xla::Metadata* metadata) {
  metadata->version.major = xla::major_version;
  metadata->version.minor = xla::minor_version;
  metadata->traits = 0;
}

// Answers a call. XLA first requests the version of the interface, then makes calls. No exception may pass through C.
template <class Body>
xla::Error* answer(xla::CallFrame* frame, const Body& body) {
  const xla::Extension* extension = frame->head.extensions;
  if (extension && extension->kind == xla::Kind::metadata) {
    describe(reinterpret_cast<const xla::MetadataExtension*>(extension)->metadata);
    return nullptr;
  }
  try {
    return body();
  } catch (const BadCall& bad) {
    return xla_error(frame, xla::Code::invalid_argument,
                     "peerspec: " + bad.message + "; reinstall peerspec from source");
  } catch (const BadValues& bad) {
    return xla_error(frame, xla::Code::invalid_argument, "peerspec: " + bad.message);
  } catch (const std::bad_alloc&) {
    return error_of(frame, PEERSPEC_NO_MEMORY);
  }
}

// Runs a function of the core, on the threads of XLA.
template <class Body>
xla::Error* handle(xla::CallFrame* frame, const Body& body) {
  return answer(frame, [&] { return error_of(frame, body(Call(frame), on_xla_threads(frame))); });
}

[[maybe_unused]] void require(bool fits) {
  if (!fits) throw BadCall{"the arrays do not fit each other"};
}

}  // namespace
}  // namespace peerspec

#define PEERSPEC_XLA(name)                                                                             \
  extern "C" PEERSPEC_API peerspec::xla::Error* peerspec_xla_##name(peerspec::xla::CallFrame* frame) { \
    return peerspec::handle(frame, peerspec::name);                                                    \
  }
