// ProductKeyTopK(s1, s2)<k> → (scores, indices): the exact selection (SPEC.md, SEL-1, SEL-2).
#pragma once

#include "kernel.h"

namespace peerspec {

class ProductKeyTopK {
 public:
  ProductKeyTopK(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info)
      : format(format_of(kernel.inputs[0])), k(integer_attribute(api, info, "k")) {}

  void operator()(const Call& call) const {
    const Tensor s1 = call.input(0), s2 = call.input(1);
    call.require(s1.shape == s2.shape && !s1.shape.empty() && s1.shape.back() > 0,
                 "s1 and s2 must have one shape [..., n], got " + text(s1.shape) + " and " + text(s2.shape));
    const int64_t n = s1.shape.back();
    call.require(k >= 1 && (k - 1) / n < n,
                 "k must lie in 1..n*n for n = " + std::to_string(n) + ", got " + std::to_string(k) + " (CFG-3)");
    Shape picked = s1.shape;
    picked.back() = k;
    void *scores = call.output(0, picked), *indices = call.output(1, picked);
    const peerspec_run run = call.run();
    call.require_done(peerspec_select(&run, format, product(s1.shape) / n, n, k, s1.data, s2.data, scores,
                                      static_cast<int64_t*>(indices)));
  }

 private:
  int32_t format;
  int64_t k;
};

}  // namespace peerspec
