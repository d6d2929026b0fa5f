// A kernel for ONNX Runtime: its name, the element types of inputs and outputs, and the class that runs it.
#pragma once

#include <exception>

#include "call.h"

namespace peerspec {

using Types = std::vector<Type>;

struct Kernel : OrtCustomOp {
  std::string name;
  Types inputs, outputs;
  size_t min_inputs, min_outputs;  // further ones are optional
};

// The peerspec_format of tensors of a type.
inline int32_t format_of(Type type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return PEERSPEC_F64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16:
      return PEERSPEC_BF16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16:
      return PEERSPEC_F16;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8:
      return PEERSPEC_I8;
    default:
      return PEERSPEC_F32;
  }
}

// Runs `body` and turns an exception into a status, because no exception may leave a C function.
template <class Body>
OrtStatus* guarded(const OrtApi& api, const Body& body) {
  try {
    body();
    return nullptr;
  } catch (const Fault& fault) {
    return fault.status;
  } catch (const std::exception& error) {
    return api.CreateStatus(ORT_FAIL, error.what());
  }
}

// A node of the graph. `Node` is constructed from the kernel and the attributes, and called at each evaluation.
template <class Node>
struct Instance {
  const OrtApi& api;
  const Kernel& kernel;
  Node node;
};

// A kernel that runs `Node`. `version` names the interface, so ONNX Runtime reads no field of a later one.
template <class Node>
Kernel kernel(std::string name, Types inputs, Types outputs, size_t min_inputs = 0, size_t min_outputs = 0) {
  using Self = const OrtCustomOp*;
  Kernel op{};
  op.version = 17;
  op.name = std::move(name);
  op.min_inputs = min_inputs ? min_inputs : inputs.size();
  op.min_outputs = min_outputs ? min_outputs : outputs.size();
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  op.GetName = [](Self self) { return static_cast<const Kernel*>(self)->name.c_str(); };
  op.GetExecutionProviderType = [](Self) { return "CPUExecutionProvider"; };
  op.GetInputTypeCount = [](Self self) { return static_cast<const Kernel*>(self)->inputs.size(); };
  op.GetInputType = [](Self self, size_t index) { return static_cast<const Kernel*>(self)->inputs[index]; };
  op.GetOutputTypeCount = [](Self self) { return static_cast<const Kernel*>(self)->outputs.size(); };
  op.GetOutputType = [](Self self, size_t index) { return static_cast<const Kernel*>(self)->outputs[index]; };
  constexpr auto required = INPUT_OUTPUT_REQUIRED, optional = INPUT_OUTPUT_OPTIONAL;
  op.GetInputCharacteristic = [](Self self, size_t index) {
    return index < static_cast<const Kernel*>(self)->min_inputs ? required : optional;
  };
  op.GetOutputCharacteristic = [](Self self, size_t index) {
    return index < static_cast<const Kernel*>(self)->min_outputs ? required : optional;
  };
  op.GetInputMemoryType = [](Self, size_t) { return OrtMemTypeDefault; };
  op.GetVariadicInputMinArity = op.GetVariadicOutputMinArity = [](Self) { return 1; };
  op.GetVariadicInputHomogeneity = op.GetVariadicOutputHomogeneity = [](Self) { return 1; };
  op.GetStartVersion = op.GetEndVersion = [](Self) { return 1; };
  op.CreateKernelV2 = [](Self self, const OrtApi* api, const OrtKernelInfo* info, void** made) -> OrtStatus* {
    const Kernel& kernel = *static_cast<const Kernel*>(self);
    return guarded(*api, [&] { *made = new Instance<Node>{*api, kernel, Node(kernel, *api, info)}; });
  };
  op.KernelComputeV2 = [](void* made, OrtKernelContext* context) -> OrtStatus* {
    const Instance<Node>& instance = *static_cast<Instance<Node>*>(made);
    return guarded(instance.api, [&] { instance.node(Call(instance.api, context, instance.kernel.name)); });
  };
  op.KernelDestroy = [](void* made) { delete static_cast<Instance<Node>*>(made); };
  return op;
}

}  // namespace peerspec
