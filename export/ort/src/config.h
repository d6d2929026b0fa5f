// The configuration of a layer, from the JSON that its node carries (SPEC.md, ONX-6, PAR-4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peerspec {

enum class Norm { none, batch, layer };

struct Config {
  int64_t d_model = 0, heads = 0, num_experts = 0, top_k = 0, d_key = 0, d_out = 0, key_heads = 0;
  int64_t n = 0;  // sub-keys a half
  int32_t activation = 0, gate = 0;
  bool query_bias = false, glu = false;
  Norm norm = Norm::none;
};

// The place of `wanted` among names, or -1.
int32_t place_of(std::string_view wanted, const std::vector<std::string_view>& names);

// Those of ACT-1, as in peerspec_activation.
extern const std::vector<std::string_view> activations;

// Throws std::invalid_argument with a sentence.
Config parse_config(const std::string& json);

}  // namespace peerspec
