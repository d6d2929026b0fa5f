// Launches a kernel that was compiled ahead of time, on the stream of the program: the way of JAX to a GPU.
//
// No CUDA toolkit is needed: the functions of the driver are declared here, and looked up when a kernel first starts.
#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "handler.h"

namespace peerspec {
namespace {

using Library = void*;
using Kernel = void*;
constexpr int max_dynamic_shared = 8;  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
constexpr int64_t usual_shared = 48 * 1024;  // what a kernel may have without this attribute
constexpr int64_t warp = 32;

// A handler throws this if the driver returned an error.
struct BadLaunch {
  std::string message;
};

// The functions of libcuda. PEERSPEC_LIBCUDA names another library, for tests.
struct Driver {
  int (*load)(Library*, const void*, void*, void**, unsigned, void*, void**, unsigned);
  int (*kernel_of)(Kernel*, Library, const char*);
  int (*device)(int*);
  int (*set)(int, int, Kernel, int);
  int (*launch)(Kernel, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  int (*error_string)(int, const char**);

  Driver() {
    const char* own = std::getenv("PEERSPEC_LIBCUDA");
    void* library = dlopen(own ? own : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) throw BadLaunch{"the driver of NVIDIA, libcuda.so.1, is not found; install it"};
    find(library, "cuLibraryLoadData", &load);
    find(library, "cuLibraryGetKernel", &kernel_of);
    find(library, "cuCtxGetDevice", &device);
    find(library, "cuKernelSetAttribute", &set);
    find(library, "cuLaunchKernel", &launch);
    find(library, "cuGetErrorString", &error_string);
  }

  template <class Function>
  static void find(void* library, const char* name, Function** function) {
    *function = reinterpret_cast<Function*>(dlsym(library, name));
    if (!*function)
      throw BadLaunch{std::string("the driver of NVIDIA has no ") + name + "; install one for CUDA 12.0 or newer"};
  }

  void require(int error, const std::string& what) const {
    if (!error) return;
    const char* text = nullptr;
    error_string(error, &text);
    throw BadLaunch{"the GPU driver cannot " + what + ": " + (text ? text : "error " + std::to_string(error))};
  }
};

const Driver& driver() {
  static const Driver found;
  return found;
}

// The kernel of this name in an image, which is loaded once. A kernel belongs to no device.
Kernel loaded(const Call& call, const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, Kernel> kernels;
  const std::lock_guard<std::mutex> lock(mutex);
  Kernel& kept = kernels[call.text("digest")];
  if (!kept) {
    Library library = nullptr;
    const std::string image = call.text("image");
    driver().require(driver().load(&library, image.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), "load " + name);
    driver().require(driver().kernel_of(&kept, library, name.c_str()), "find " + name);
  }
  return kept;
}

void* stream_of(const xla::CallFrame* frame) {
  xla::StreamGet args{{sizeof(args), nullptr}, frame->context, nullptr};
  return failed(frame, frame->api->stream_get(&args)) ? nullptr : args.stream;  // a CPU has none
}

// What the kernel takes: `arrays` are positions among arguments and results; then come 32-bit `numbers`, and Triton's
// own `scratch` pointers, of which no kernel uses any.
void launch(const Call& call) {
  const std::string name = call.text("kernel");
  const std::vector<int64_t> grid = call.integers("grid"), arrays = call.integers("arrays");
  std::vector<int64_t> numbers = call.integers("numbers");
  if (grid.size() != 3) throw BadCall{"a grid has not three axes"};
  std::vector<void*> pointers;
  for (const int64_t place : arrays) {
    const int64_t result = place - call.num_arguments();
    pointers.push_back(result < 0 ? call.argument(place).data() : call.result(result).data());
  }
  void* none = nullptr;
  std::vector<void*> parameters;
  for (void*& pointer : pointers) parameters.push_back(&pointer);
  for (int64_t& number : numbers) parameters.push_back(&number);  // the lower half comes first
  for (int64_t i = 0; i < call.integer("scratch"); i++) parameters.push_back(&none);
  const Kernel kernel = loaded(call, name);
  const int64_t shared = call.integer("shared");
  if (shared > usual_shared) {
    int device = 0;
    driver().require(driver().device(&device), "name its device");
    driver().require(driver().set(max_dynamic_shared, int(shared), kernel, device), "give shared memory to " + name);
  }
  const unsigned threads = unsigned(warp * call.integer("warps"));
  driver().require(driver().launch(kernel, unsigned(grid[0]), unsigned(grid[1]), unsigned(grid[2]), threads, 1, 1,
                                   unsigned(shared), stream_of(call.frame()), parameters.data(), nullptr),
                   "start " + name);
}

}  // namespace
}  // namespace peerspec

extern "C" PEERSPEC_API peerspec::xla::Error* peerspec_xla_launch(peerspec::xla::CallFrame* frame) {
  return peerspec::answer(frame, [&]() -> peerspec::xla::Error* {
    try {
      peerspec::launch(peerspec::Call(frame));
      return nullptr;
    } catch (const peerspec::BadLaunch& bad) {
      return peerspec::xla_error(frame, peerspec::xla::Code::internal, "peerspec: " + bad.message);
    }
  });
}
