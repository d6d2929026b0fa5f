#include "whole_layer.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "narrow.h"
#include "query_norm.h"

namespace peerspec {
namespace {

// The inputs in order, each checked against the type and shape of the configuration (PAR-1).
class Inputs {
 public:
  explicit Inputs(const Call& call) : call(call), count(call.num_inputs()) {}

  Tensor next(const char* name, const Shape& shape, Type type) {
    const Tensor tensor = next(name);
    call.require(tensor.type == type && tensor.shape == shape, std::string(name) + " must be " + name_of(type) + " " +
                                                                   text(shape) + ", got " + name_of(tensor.type) + " " +
                                                                   text(tensor.shape) + " (PAR-1)");
    return tensor;
  }

  Tensor next(const char* name) {
    call.require(at < count, std::string("the configuration has a parameter ") + name + " and the node has " +
                                 std::to_string(count) + " inputs; export the model again (ONX-11)");
    return call.input(at++);
  }

  void finish() const {
    call.require(at == count, "the configuration has " + std::to_string(at) + " inputs and the node " +
                                  std::to_string(count) + "; export the model again (ONX-11)");
  }

 private:
  const Call& call;
  const size_t count;
  size_t at = 0;
};

// The number of tokens whose queries or widened copies are in memory at once: enough work for all threads.
constexpr int64_t chunk_tokens = 512;

// An output array: memory of the graph, or own memory if the graph does not use the output.
template <class T>
class Buffer {
 public:
  Buffer(void* output, int64_t count)
      : own(output ? nullptr : new T[count]), data(output ? static_cast<T*>(output) : own.get()) {}

  T* get() const { return data; }

 private:
  std::unique_ptr<T[]> own;
  T* data;
};

template <class T>
std::vector<T> in_compute_dtype(const Tensor& tensor) {
  if (!tensor.data) return {};
  std::vector<T> out(product(tensor.shape));
  if constexpr (sizeof(T) == sizeof(float))
    widen(format_of(tensor.type), tensor.data, out.size(), out.data());
  else
    std::copy_n(static_cast<const T*>(tensor.data), out.size(), out.data());
  return out;
}

}  // namespace

struct Layer::Parameters {
  Tensor x, scale, bias, mean, var;  // the last four are of the query norm
  peerspec_router router;
  peerspec_experts experts;
};

Layer::Layer(const Kernel& kernel, const ort::Api& api, const ort::KernelInfo* info, Type tables)
    : stored(kernel.outputs[0]), tables(tables) {
  try {
    config = parse_config(string_attribute(api, info, "config"));
  } catch (const std::invalid_argument& error) {
    refuse(api, kernel.name + ": " + error.what());
  }
}

Layer::Parameters Layer::read(const Call& call) const {
  const Config& c = config;
  const Shape features = {c.heads, c.d_key};
  Parameters parameters{};
  Inputs inputs(call);
  parameters.x = inputs.next("x");
  call.require(parameters.x.type == stored && !parameters.x.shape.empty() && parameters.x.shape.back() == c.d_model,
               "x must be [..., D] of D = " + std::to_string(c.d_model) + ", got " + text(parameters.x.shape) +
                   " (SHP-1)");
  const Tensor weight = inputs.next("query.weight", {c.heads, c.d_key, c.d_model}, stored);
  Tensor bias;
  if (c.query_bias) bias = inputs.next("query.bias", features, stored);
  if (c.norm != Norm::none) {
    parameters.scale = inputs.next("query_norm.scale", features, stored);
    parameters.bias = inputs.next("query_norm.bias", features, stored);
  }
  if (c.norm == Norm::batch) {
    const Type computed = stored == Type::f64 ? stored : Type::f32;
    parameters.mean = inputs.next("query_norm.mean", features, computed);
    parameters.var = inputs.next("query_norm.var", features, computed);
  }
  const Tensor keys = inputs.next("keys", {c.key_heads, 2, c.n, c.d_key / 2}, stored);
  parameters.router = {format_of(stored), c.gate, c.d_model, c.heads,  c.d_key,  c.key_heads, c.n,
                  c.top_k,           weight.data, bias.data, keys.data};

  const void* rows[3] = {};
  const float* scales[3] = {};
  const char* const names[] = {"experts.u", "experts.v", "experts.w"};
  for (int i = 0; i < (c.glu ? 3 : 2); i++) {
    rows[i] = inputs.next(names[i], {c.num_experts, i == 1 ? c.d_out : c.d_model}, tables).data;
    if (tables == Type::i8)
      scales[i] = static_cast<const float*>(inputs.next("the scale of a table", {c.num_experts}, stored).data);
  }
  inputs.finish();
  parameters.experts = {format_of(tables), c.activation, c.num_experts, c.d_model, c.d_out,  rows[0],
                   rows[1],           rows[2],      scales[0],     scales[1], scales[2]};
  return parameters;
}

template <class T>
int32_t Layer::stages(const peerspec_run& run, const Parameters& parameters, int64_t tokens, const void* x, void* y,
                      T* scores, int64_t* ids, T* gates) const {
  const auto& [_, scale, bias, mean, var, router, experts] = parameters;
  if (in_one_pass()) return peerspec_forward(&run, &router, &experts, tokens, x, y, scores, ids, gates);
  const Buffer<T> q(nullptr, tokens * config.heads * config.d_key);
  int32_t status = peerspec_query(&run, &router, tokens, x, q.get());
  if (!status && config.norm != Norm::none) {
    const auto a = in_compute_dtype<T>(scale), b = in_compute_dtype<T>(bias);
    const auto m = in_compute_dtype<T>(mean), s = in_compute_dtype<T>(var);
    const bool own = config.norm == Norm::layer;
    QueryNorm<T>{config.heads, config.d_key, a.data(), b.data(), own ? nullptr : m.data(), own ? nullptr : s.data()}(
        run, tokens, q.get());
  }
  if (!status) status = peerspec_retrieve(&run, &router, tokens, q.get(), scores, ids);
  const int32_t format = sizeof(T) == sizeof(double) ? PEERSPEC_F64 : PEERSPEC_F32;
  if (!status) status = peerspec_gates(&run, format, config.gate, tokens * config.heads, config.top_k, scores, gates);
  return status ? status : peerspec_expert_stage(&run, &experts, tokens, config.heads * config.top_k, x, ids, gates, y);
}

bool Layer::in_one_pass() const { return config.norm == Norm::none; }

template <class T>
void Layer::run(const Call& call) const {
  const Parameters parameters = read(call);
  const int64_t tokens = product(parameters.x.shape) / config.d_model, pairs = config.heads * config.top_k;
  Shape result = parameters.x.shape, picked = parameters.x.shape;
  result.back() = config.d_out;
  picked.back() = config.heads;
  picked.push_back(config.top_k);
  void* const output = call.output(0, result);
  const Buffer<T> scores(call.output(1, picked), tokens * pairs);
  const Buffer<int64_t> ids(call.output(2, picked), tokens * pairs);
  const Buffer<T> gates(call.output(3, picked), tokens * pairs);
  if (!tokens) return;
  const int32_t format = format_of(stored);
  const bool narrower = format > PEERSPEC_F64;
  const int64_t chunk = in_one_pass() && !narrower ? tokens : std::min(tokens, chunk_tokens);
  const Buffer<float> wide(nullptr, narrower ? chunk * config.d_model : 0);
  const Buffer<char> y(output, tokens * config.d_out * sizeof(T));
  const Buffer<float> sums(nullptr, narrower ? chunk * config.d_out : 0);
  const size_t bytes = narrower ? 2 : sizeof(T);
  const peerspec_run run = call.run();
  for (int64_t at = 0; at < tokens; at += chunk) {
    const int64_t count = std::min(chunk, tokens - at);
    const void* from = static_cast<const char*>(parameters.x.data) + at * config.d_model * bytes;
    void* to = y.get() + at * config.d_out * bytes;
    if (narrower) widen(format, from, count * config.d_model, wide.get());
    call.require_done(stages<T>(run, parameters, count, narrower ? wide.get() : from, narrower ? sums.get() : to,
                                scores.get() + at * pairs, ids.get() + at * pairs, gates.get() + at * pairs));
    if (narrower) narrow(format, sums.get(), count * config.d_out, to);
  }
}

void Layer::operator()(const Call& call) const {
  try {
    stored == Type::f64 ? run<double>(call) : run<float>(call);
  } catch (const std::bad_alloc&) {
    call.require_done(PEERSPEC_NO_MEMORY);
  }
}

}  // namespace peerspec
