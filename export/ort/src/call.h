// ONNX Runtime's C interface as kernels use it: inputs, outputs, attributes, the thread pool, and sentences for faults.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "peerspec_native.h"

namespace peerspec {

// Thrown inside, and caught where C begins.
struct Fault {
  OrtStatus* status;
};

using Shape = std::vector<int64_t>;

using Type = ONNXTensorElementDataType;

struct Tensor {
  const void* data = nullptr;
  Shape shape;
  Type type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
};

// "float16"
std::string name_of(Type type);

// "[2, 3]"
std::string text(const Shape& shape);

int64_t product(const Shape& shape);

// Throws unless a call of the interface succeeded.
inline void check(OrtStatus* status) {
  if (status) throw Fault{status};
}

// Attributes, which the functions of the domain have without defaults.
int64_t integer_attribute(const OrtApi& api, const OrtKernelInfo* info, const char* name);
std::string string_attribute(const OrtApi& api, const OrtKernelInfo* info, const char* name);

[[noreturn]] void refuse(const OrtApi& api, const std::string& sentence);

// One evaluation of a node; sentences begin with the node's name.
class Call {
 public:
  Call(const OrtApi& api, OrtKernelContext* context, const std::string& name)
      : api(api), context(context), name(name) {}

  size_t num_inputs() const;
  Tensor input(size_t index) const;
  // Null where the graph does not ask for it.
  void* output(size_t index, const Shape& shape) const;
  void require(bool good, const std::string& sentence) const;

  // How the core is to run: on the session's threads.
  peerspec_run run() const;
  void require_done(int32_t status) const;

 private:
  static void for_each(void* call, int64_t count, peerspec_task task, void* argument);

  const OrtApi& api;
  OrtKernelContext* context;
  const std::string& name;
};

}  // namespace peerspec
