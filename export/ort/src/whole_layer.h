// Layer(x, parameters…)<config> → (y, scores, indices, gates): the whole layer (SPEC.md, ONX-11, ONX-9). Its tables have
// the format of the other parameters, or one of fewer bytes.
#pragma once

#include "config.h"
#include "kernel.h"

namespace peerspec {

class Layer {
 public:
  // x and the parameters of the smallest and the largest configuration, with the scales of int8 tables.
  static constexpr size_t min_inputs = 5, max_inputs = 14;

  Layer(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info)
      : Layer(kernel, api, info, kernel.outputs[0]) {}
  void operator()(const Call& call) const;

 protected:
  Layer(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info, Type tables);

 private:
  struct Parameters;
  Parameters read(const Call& call) const;
  template <class T>
  void run(const Call& call) const;
  template <class T>
  int32_t stages(const peerspec_run& run, const Parameters& parameters, int64_t tokens, const void* x, void* y,
                 T* scores, int64_t* ids, T* gates) const;
  bool in_one_pass() const;

  Config config;
  Type stored, tables;  // of x, y and the other parameters; of experts.u, experts.v and experts.w
};

// A layer whose tables have the type `rows`.
template <Type rows>
struct LayerOf : Layer {
  LayerOf(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info) : Layer(kernel, api, info, rows) {}
};

}  // namespace peerspec
