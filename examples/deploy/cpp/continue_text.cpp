// Continue a prompt, byte by byte, with a language model exported as ONNX:
// continue_text MODEL PROMPT COUNT CONTEXT [KERNELS]
// KERNELS is a library written by peerspec.export.ort.build; with it, PEER layers run on the native kernels.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr const char* kUsage = "usage: continue_text MODEL PROMPT COUNT CONTEXT [KERNELS]";

int integer(const std::string& text, const char* name, int minimum) {
  std::size_t end = 0;
  int value = minimum - 1;
  try {
    value = std::stoi(text, &end);
  } catch (const std::exception&) {
  }
  if (value < minimum || end != text.size())
    throw std::invalid_argument(std::string(name) + " must be an integer of at least " + std::to_string(minimum) + ", got " + text);
  return value;
}

class LanguageModel {
 public:
  LanguageModel(const char* path, const char* kernels) : session_(environment_, path, options(kernels)) {
    const auto type = session_.GetInputTypeInfo(0);
    const auto info = type.GetTensorTypeAndShapeInfo();
    if (session_.GetInputCount() != 1 || info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 ||
        info.GetDimensionsCount() != 2)
      throw std::invalid_argument(std::string(path) + " is not a language model; pass one with the input int64 [batch, sequence]");
    Ort::AllocatorWithDefaultOptions allocator;
    input_ = session_.GetInputNameAllocated(0, allocator).get();
    output_ = session_.GetOutputNameAllocated(0, allocator).get();
  }

  /// The most likely byte after a window of bytes.
  char next(const std::string& window) {
    std::vector<std::int64_t> tokens;
    for (const unsigned char byte : window) tokens.push_back(byte);
    const std::int64_t shape[] = {1, static_cast<std::int64_t>(tokens.size())};
    const auto value = Ort::Value::CreateTensor(memory_, tokens.data(), tokens.size(), shape, 2);
    const char *input = input_.c_str(), *output = output_.c_str();
    const auto logits = run(&input, value, &output, window.size());
    const auto info = logits[0].GetTensorTypeAndShapeInfo();
    const float* end = logits[0].GetTensorData<float>() + info.GetElementCount();
    const float* last = end - info.GetShape().back();
    return static_cast<char>(std::max_element(last, end) - last);
  }

 private:
  std::vector<Ort::Value> run(const char* const* input, const Ort::Value& value, const char* const* output, std::size_t length) {
    try {
      return session_.Run(Ort::RunOptions{}, input, &value, 1, output, 1);
    } catch (const Ort::Exception& error) {
      throw std::invalid_argument("the model refuses " + std::to_string(length) + " bytes, is the context too long? " +
                                  error.what());
    }
  }

  static Ort::SessionOptions options(const char* kernels) {
    Ort::SessionOptions options;
    if (kernels != nullptr) options.RegisterCustomOpsLibrary(kernels);
    return options;
  }

  Ort::Env environment_{ORT_LOGGING_LEVEL_FATAL, "continue_text"};
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  Ort::Session session_;
  std::string input_, output_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5 && argc != 6) throw std::invalid_argument(kUsage);
  std::string text = argv[2];
  const int count = integer(argv[3], "the count", 0), context = integer(argv[4], "the context", 1);
  if (text.empty()) throw std::invalid_argument("the prompt is empty; give it at least one byte");
  LanguageModel model(argv[1], argc == 6 ? argv[5] : nullptr);
  for (int i = 0; i < count; ++i) {
    const auto window = std::min<std::size_t>(text.size(), static_cast<std::size_t>(context));
    text += model.next(text.substr(text.size() - window));
  }
  std::cout << text << std::flush;
} catch (const std::exception& error) {  // also Ort::Exception
  const std::string message = error.what();
  std::cerr << "continue_text: " << message.substr(0, message.find_last_not_of('\n') + 1) << '\n';
  return 1;
}
