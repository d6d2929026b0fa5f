// The configuration of a layer, read from the JSON attribute of its node (SPEC.md, ONX-11, PAR-6).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peerspec {

enum class Norm { none, batch, layer };

struct Config {
  int64_t d_model = 0, heads = 0, num_experts = 0, top_k = 0, d_key = 0, d_out = 0, key_heads = 0;
  int64_t n = 0;  // sub-keys per half
  int32_t activation = 0, gate = 0;
  bool query_bias = false, glu = false;
  Norm norm = Norm::none;
};

// The index of `wanted` in names, or -1.
int32_t index_of(std::string_view wanted, const std::vector<std::string_view>& names);

// The names of ACT-1, in the order of peerspec_activation.
extern const std::vector<std::string_view> activations;

// Throws std::invalid_argument with an error message.
Config parse_config(const std::string& json);

}  // namespace peerspec
