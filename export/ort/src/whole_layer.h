// Layer(x, parameters…)<config> → (y, scores, indices, gates): the whole layer (SPEC.md, ONX-6, ONX-9), its tables in
// the format of the other parameters or a narrower one.
#pragma once

#include "config.h"
#include "kernel.h"

namespace peerspec {

class Layer {
 public:
  // x with the fewest and with the most parameters there can be, scales of int8 tables among them.
  static constexpr size_t least_inputs = 5, most_inputs = 14;

  Layer(const Kernel& kernel, const OrtApi& api, const OrtKernelInfo* info)
      : Layer(kernel, api, info, kernel.outputs[0]) {}
  void operator()(const Call& call) const;

 protected:
  Layer(const Kernel& kernel, const OrtApi& api, const OrtKernelInfo* info, Type tables);

 private:
  struct Parameters;
  Parameters read(const Call& call) const;
  template <class T>
  void run(const Call& call) const;
  template <class T>
  int32_t stages(const peerspec_run& run, const Parameters& given, int64_t tokens, const void* x, void* y, T* scores,
                 int64_t* ids, T* gates) const;
  bool in_one_pass() const;

  Config config;
  Type stored, tables;  // of x, y and the other parameters; of experts.u, v and w
};

// A layer whose tables have a type of their own.
template <Type rows>
struct LayerOf : Layer {
  LayerOf(const Kernel& kernel, const OrtApi& api, const OrtKernelInfo* info) : Layer(kernel, api, info, rows) {}
};

}  // namespace peerspec
