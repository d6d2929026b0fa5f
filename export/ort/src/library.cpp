// The entry of the library. Its kernels have the names and the domain of the functions of an exported file, so ONNX
// Runtime runs the kernels if the library is loaded, and else the bodies of the functions.
#include <algorithm>
#include <memory>
#include <mutex>

#include "expert_stage.h"
#include "whole_layer.h"
#include "product_key_top_k.h"

namespace peerspec {
namespace {

constexpr Type f32 = Type::f32,
               f64 = Type::f64,
               f16 = Type::f16,
               bf16 = Type::bf16,
               i8 = Type::i8,
               i64 = Type::i64,
               any = Type::undefined;

// The kinds of layers in one model have different names (ONX-7). A layer of a further kind runs its body, and the body
// runs the kernels of the stages.
constexpr int max_kinds = 8;

// The kernels of a whole layer: `others` is the type of the parameters, or any, if the kernel checks it.
template <class Node>
void add_layer(std::vector<Kernel>& all, const std::string& name, Type x, Type others) {
  const Type compute = x == f64 ? f64 : f32;
  Types inputs(Layer::max_inputs, others);
  inputs[0] = x;
  for (int kind = 1; kind <= max_kinds; kind++)
    all.push_back(kernel<Node>(kind == 1 ? name : name + "_" + std::to_string(kind), inputs, {x, compute, i64, compute},
                               Layer::min_inputs, 1));
}

// One kernel for each combination of types in chapter 10 of SPEC.md. If the library is loaded, ONNX Runtime needs a
// kernel for each call and never falls back to a body.
std::vector<Kernel> all_kernels() {
  std::vector<Kernel> all;
  for (const auto stored : {f64, f32}) add_layer<Layer>(all, "Layer", stored, stored);
  for (const auto stored : {bf16, f16}) add_layer<Layer>(all, "Layer", stored, any);  // running statistics are float
  add_layer<LayerOf<f16>>(all, "LayerFloat16", f32, any);
  add_layer<LayerOf<i8>>(all, "LayerInt8", f32, any);
  for (const auto compute : {f32, f64})
    all.push_back(kernel<ProductKeyTopK>("ProductKeyTopK", {compute, compute}, {compute, i64}));
  for (const std::string ending : {"", "_relu", "_gelu", "_gelu_tanh", "_silu", "_identity"}) {
    for (const auto table : {f64, f32, bf16, f16}) {
      const auto compute = table == f64 ? f64 : f32;
      all.push_back(
          kernel<ExpertStage<false>>("ExpertStage" + ending, {compute, i64, compute, table, table}, {compute}));
      all.push_back(kernel<ExpertStage<true>>("ExpertStageGLU" + ending,
                                              {compute, i64, compute, table, table, table}, {compute}));
    }
    all.push_back(kernel<ExpertStage<false>>("ExpertStageInt8" + ending, {f32, i64, f32, i8, f32, i8, f32}, {f32}));
    all.push_back(
        kernel<ExpertStage<true>>("ExpertStageGLUInt8" + ending, {f32, i64, f32, i8, f32, i8, f32, i8, f32}, {f32}));
  }
  return all;
}

// The domain of each runtime in the process. It lives as long as the library, because sessions keep a pointer to it.
class Domains {
 public:
  ort::CustomOpDomain* of(const ort::Api& api) {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const Entry& entry : entries)
      if (&entry.api == &api) return entry.domain;
    ort::CustomOpDomain* domain = nullptr;
    check(api.create_domain("peer", &domain));
    for (const Kernel& kernel : kernels) check(api.add_to_domain(domain, &kernel));
    entries.push_back({api, domain});
    return domain;
  }

 private:
  struct Entry {
    const ort::Api& api;
    ort::CustomOpDomain* domain;
  };
  std::mutex mutex;
  const std::vector<Kernel> kernels = all_kernels();
  std::vector<Entry> entries;
};

}  // namespace
}  // namespace peerspec

using namespace peerspec;

extern "C" {

// A digest of the sources and flags; `peerspec.export.ort` also searches the file for this text.
PEERSPEC_API const char* peerspec_ort_key(void) { return "peerspec_ort_key=" PEERSPEC_ORT_KEY; }

PEERSPEC_API ort::Status* RegisterCustomOps(ort::SessionOptions* options, const ort::ApiBase* base) {
  static Domains* const domains = new Domains;  // never destroyed: sessions may end after this library at exit
  const ort::Api* api = base->get(ort::interface_version);
  if (!api) {
    const std::string message = std::string("peerspec's kernels need ONNX Runtime 1.17 or newer, this is ") +
                                 base->version() + "; upgrade it, or run without the library";
    return base->get(1)->create_status(ort::Code::fail, message.c_str());
  }
  return guarded(*api, [&] { check(api->add_domain(options, domains->of(*api))); });
}
}
