#include "config.h"

#include <cmath>
#include <map>
#include <stdexcept>

namespace peerspec {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("config " + what + "; export the model again (PAR-6)");
}

// The values of a JSON object by name, as text, strings with their quotes. It takes numbers, true, false, and strings
// without escapes: a configuration holds nothing else.
class FlatObject {
 public:
  explicit FlatObject(std::string_view json) : rest(json) {
    take('{');
    do {
      const std::string name(quoted());
      take(':');
      values[name.substr(1, name.size() - 2)] = value();
    } while (next() == ',' && (rest.remove_prefix(1), true));
    take('}');
  }

  std::map<std::string, std::string> values;

 private:
  char next() {
    const size_t at = rest.find_first_not_of(" \t\r\n");
    rest.remove_prefix(at == rest.npos ? rest.size() : at);
    return rest.empty() ? 0 : rest[0];
  }

  void take(char wanted) {
    if (next() != wanted) refuse(std::string("must be a JSON object without nesting, it lacks a '") + wanted + "'");
    rest.remove_prefix(1);
  }

  std::string_view cut(size_t size) {
    const std::string_view found = rest.substr(0, size);
    rest.remove_prefix(found.size());
    return found;
  }

  std::string_view quoted() {
    const size_t end = next() == '"' ? rest.find('"', 1) : rest.npos;
    if (end == rest.npos) refuse("must be a JSON object without nesting, it lacks a name or a string");
    return cut(end + 1);
  }

  std::string value() { return std::string(next() == '"' ? quoted() : cut(rest.find_first_of(" \t\r\n,}"))); }

  std::string_view rest;
};

// The fields of a configuration, each taken once.
class Fields {
 public:
  explicit Fields(const std::string& json) : values(FlatObject(json).values) {}

  int64_t number(const char* name) {
    const std::string value = take(name);
    if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != value.npos || value[0] == '0')
      refuse(std::string(name) + " must be a positive number, got " + value);
    return std::stoll(value);
  }

  int32_t one_of(const char* name, const std::vector<std::string_view>& names) {
    const std::string value = take(name);
    const bool text = value.size() > 1 && value[0] == '"';
    const int32_t index = index_of(text ? std::string_view(value).substr(1, value.size() - 2) : "", names);
    if (index < 0) refuse(std::string(name) + " must be a name of CFG-5, got " + value);
    return index;
  }

  bool flag(const char* name) {
    const std::string value = take(name);
    if (value != "true" && value != "false") refuse(std::string(name) + " must be true or false, got " + value);
    return value == "true";
  }

  void finish() const {
    if (!values.empty()) refuse("has an unknown field '" + values.begin()->first + "'");
  }

 private:
  std::string take(const char* name) {
    const auto found = values.find(name);
    if (found == values.end()) refuse(std::string("lacks the field '") + name + "'");
    const std::string value = found->second;
    values.erase(found);
    return value;
  }

  std::map<std::string, std::string> values;
};

}  // namespace

const std::vector<std::string_view> activations = {"relu", "gelu", "gelu_tanh", "silu", "identity"};

int32_t index_of(std::string_view wanted, const std::vector<std::string_view>& names) {
  for (size_t i = 0; i < names.size(); i++)
    if (names[i] == wanted) return int32_t(i);
  return -1;
}

Config parse_config(const std::string& json) {
  Fields fields(json);
  Config c;
  c.d_model = fields.number("d_model"), c.d_out = fields.number("d_out");
  c.heads = fields.number("heads"), c.key_heads = fields.number("key_heads");
  c.num_experts = fields.number("num_experts"), c.top_k = fields.number("top_k"), c.d_key = fields.number("d_key");
  c.query_bias = fields.flag("query_bias");
  c.activation = fields.one_of("activation", activations);
  c.gate = fields.one_of("gate", {"softmax", "sigmoid"});  // in the order of peerspec_gate
  c.glu = fields.one_of("expert", {"mlp", "glu"});
  c.norm = Norm(fields.one_of("query_norm", {"none", "batch", "layer"}));
  fields.finish();
  c.n = std::llround(std::sqrt(double(c.num_experts)));
  if (c.n * c.n != c.num_experts) refuse("num_experts must be a perfect square, got " + std::to_string(c.num_experts));
  if (c.d_key % 2) refuse("d_key must be even, got " + std::to_string(c.d_key));
  if (c.top_k > c.num_experts) refuse("top_k must be num_experts at most, got " + std::to_string(c.top_k));
  if (c.key_heads != 1 && c.key_heads != c.heads)
    refuse("key_heads must be 1 or heads, got " + std::to_string(c.key_heads));
  return c;
}

}  // namespace peerspec
