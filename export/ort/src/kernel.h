// A kernel for ONNX Runtime: its name, the element types of inputs and outputs, and the class that runs it.
#pragma once

#include <exception>

#include "call.h"

namespace peerspec {

using Types = std::vector<Type>;

struct Kernel : ort::CustomOp {
  std::string name;
  Types inputs, outputs;
  size_t min_inputs, min_outputs;  // further ones are optional
};

// The peerspec_format of tensors of a type.
inline int32_t format_of(Type type) {
  switch (type) {
    case Type::f64:
      return PEERSPEC_F64;
    case Type::bf16:
      return PEERSPEC_BF16;
    case Type::f16:
      return PEERSPEC_F16;
    case Type::i8:
      return PEERSPEC_I8;
    default:
      return PEERSPEC_F32;
  }
}

// Runs `body` and turns an exception into a status, because no exception may leave a C function.
template <class Body>
ort::Status* guarded(const ort::Api& api, const Body& body) {
  try {
    body();
    return nullptr;
  } catch (const Fault& fault) {
    return fault.status;
  } catch (const std::exception& error) {
    return api.create_status(ort::Code::fail, error.what());
  }
}

// A node of the graph. `Node` is constructed from the kernel and the attributes, and called at each evaluation.
template <class Node>
struct Instance {
  const ort::Api& api;
  const Kernel& kernel;
  Node node;
};

// A kernel that runs `Node`. `version` names the interface, so ONNX Runtime reads no field of a later one.
template <class Node>
Kernel kernel(std::string name, Types inputs, Types outputs, size_t min_inputs = 0, size_t min_outputs = 0) {
  using Self = const ort::CustomOp*;
  Kernel op{};
  op.version = ort::interface_version;
  op.name = std::move(name);
  op.min_inputs = min_inputs ? min_inputs : inputs.size();
  op.min_outputs = min_outputs ? min_outputs : outputs.size();
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  op.name_of = [](Self self) { return static_cast<const Kernel*>(self)->name.c_str(); };
  op.provider = [](Self) { return "CPUExecutionProvider"; };
  op.num_inputs = [](Self self) { return static_cast<const Kernel*>(self)->inputs.size(); };
  op.input_type = [](Self self, size_t index) { return static_cast<const Kernel*>(self)->inputs[index]; };
  op.num_outputs = [](Self self) { return static_cast<const Kernel*>(self)->outputs.size(); };
  op.output_type = [](Self self, size_t index) { return static_cast<const Kernel*>(self)->outputs[index]; };
  constexpr auto required = ort::Characteristic::required, optional = ort::Characteristic::optional;
  op.input_characteristic = [](Self self, size_t index) {
    return index < static_cast<const Kernel*>(self)->min_inputs ? required : optional;
  };
  op.output_characteristic = [](Self self, size_t index) {
    return index < static_cast<const Kernel*>(self)->min_outputs ? required : optional;
  };
  op.input_memory = [](Self, size_t) { return ort::Memory::usual; };
  op.least_variadic_inputs = op.least_variadic_outputs = [](Self) { return 1; };
  op.alike_variadic_inputs = op.alike_variadic_outputs = [](Self) { return 1; };
  op.first_version = op.last_version = [](Self) { return 1; };
  op.create = [](Self self, const ort::Api* api, const ort::KernelInfo* info, void** made) -> ort::Status* {
    const Kernel& kernel = *static_cast<const Kernel*>(self);
    return guarded(*api, [&] { *made = new Instance<Node>{*api, kernel, Node(kernel, *api, info)}; });
  };
  op.compute = [](void* made, ort::KernelContext* context) -> ort::Status* {
    const Instance<Node>& instance = *static_cast<Instance<Node>*>(made);
    return guarded(instance.api, [&] { instance.node(Call(instance.api, context, instance.kernel.name)); });
  };
  op.destroy = [](void* made) { delete static_cast<Instance<Node>*>(made); };
  return op;
}

}  // namespace peerspec
