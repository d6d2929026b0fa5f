// The parts of ONNX Runtime's C interface that kernels use: inputs, outputs, attributes, the thread pool, errors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "interface.h"
#include "peerspec_native.h"

namespace peerspec {

// The exception of this library; guarded() turns it into the status of a C function.
struct Fault {
  ort::Status* status;
};

using Shape = std::vector<int64_t>;

using Type = ort::Element;

struct Tensor {
  const void* data = nullptr;
  Shape shape;
  Type type = Type::undefined;
};

// Such as "float16".
std::string name_of(Type type);

// Such as "[2, 3]".
std::string text(const Shape& shape);

int64_t product(const Shape& shape);

// Throws a Fault if a call of the interface failed.
inline void check(ort::Status* status) {
  if (status) throw Fault{status};
}

// The value of an attribute. It is always present: functions of the domain have no defaults.
int64_t integer_attribute(const ort::Api& api, const ort::KernelInfo* info, const char* name);
std::string string_attribute(const ort::Api& api, const ort::KernelInfo* info, const char* name);

// Throws a Fault with this error message.
[[noreturn]] void refuse(const ort::Api& api, const std::string& message);

// One evaluation of a node. Error messages begin with the name of its kernel.
class Call {
 public:
  Call(const ort::Api& api, ort::KernelContext* context, const std::string& name)
      : api(api), context(context), name(name) {}

  size_t num_inputs() const;
  Tensor input(size_t index) const;
  // Null if the graph does not use this output.
  void* output(size_t index, const Shape& shape) const;
  void require(bool condition, const std::string& message) const;

  // Runs the core on the threads of the session.
  peerspec_run run() const;
  // Throws a Fault with a message unless the status is PEERSPEC_OK.
  void require_done(int32_t status) const;

 private:
  static void for_each(void* call, int64_t count, peerspec_task task, void* argument);

  const ort::Api& api;
  ort::KernelContext* context;
  const std::string& name;
};

}  // namespace peerspec
