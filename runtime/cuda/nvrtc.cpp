#include "runtime/cuda/nvrtc.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/cuda/compile_log.h"
#include "support/build_id.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// NVRTC's ABI as far as it is used here, the same in CUDA 12 and 13: https://docs.nvidia.com/cuda/nvrtc
using Program = struct ProgramTag*;
enum Result : int { success = 0, invalid_option = 5, compilation = 6 };

// The kernels are C++20 and have __grid_constant__ parameters.
constexpr int oldest_major = 12;

// How messages call the generated source, which is no file.
constexpr const char* source_name = "unstride.cu";

}  // namespace

struct Nvrtc::Functions {
  Result (*version)(int* major, int* minor) = nullptr;
  const char* (*error_string)(Result) = nullptr;
  Result (*create_program)(Program*, const char* source, const char* name, int headers, const char* const* texts,
                           const char* const* names) = nullptr;
  Result (*destroy_program)(Program*) = nullptr;
  Result (*compile_program)(Program, int options, const char* const*) = nullptr;
  Result (*ptx_size)(Program, std::size_t*) = nullptr;
  Result (*ptx)(Program, char*) = nullptr;
  Result (*cubin_size)(Program, std::size_t*) = nullptr;
  Result (*cubin)(Program, char*) = nullptr;
  Result (*log_size)(Program, std::size_t*) = nullptr;
  Result (*log)(Program, char*) = nullptr;
  Result (*architecture_count)(int*) = nullptr;
  Result (*architectures)(int*) = nullptr;

  explicit Functions(const SharedLibrary& library) {
    const auto get = [&]<typename Function>(Function*& pointer, const char* name) {
      pointer = library.function<Function>(name);
      if (!pointer)
        throw TargetError(fmt::format("target: cuda: {} has no {}; NVRTC must be of CUDA {} or later", library.path(),
                                      name, oldest_major));
    };
    get(version, "nvrtcVersion");
    get(error_string, "nvrtcGetErrorString");
    get(create_program, "nvrtcCreateProgram");
    get(destroy_program, "nvrtcDestroyProgram");
    get(compile_program, "nvrtcCompileProgram");
    get(ptx_size, "nvrtcGetPTXSize");
    get(ptx, "nvrtcGetPTX");
    get(cubin_size, "nvrtcGetCUBINSize");
    get(cubin, "nvrtcGetCUBIN");
    get(log_size, "nvrtcGetProgramLogSize");
    get(log, "nvrtcGetProgramLog");
    get(architecture_count, "nvrtcGetNumSupportedArchs");
    get(architectures, "nvrtcGetSupportedArchs");
  }

  void check(Result result, std::string_view call) const {
    if (result != success) throw CompileError(fmt::format("nvrtc: {}: {}", call, error_string(result)));
  }

  // What a pair of a size and a read function gives: NVRTC counts the terminating zero of texts.
  std::string bytes(Program program, Result (*size)(Program, std::size_t*), Result (*read)(Program, char*),
                    std::string_view call) const {
    std::size_t count = 0;
    check(size(program, &count), call);
    std::string result(count, '\0');
    if (count > 0) check(read(program, result.data()), call);
    return result;
  }
  std::string text(Program program, Result (*size)(Program, std::size_t*), Result (*read)(Program, char*),
                   std::string_view call) const {
    std::string result = bytes(program, size, read, call);
    while (!result.empty() && result.back() == '\0') result.pop_back();
    return result;
  }
};

namespace {

// Destroys the program on every way out.
template <typename Destroy>
class OwnedProgram {
 public:
  OwnedProgram(Program program, Destroy destroy) : program_(program), destroy_(destroy) {}
  ~OwnedProgram() { destroy_(&program_); }
  OwnedProgram(const OwnedProgram&) = delete;
  OwnedProgram& operator=(const OwnedProgram&) = delete;

 private:
  Program program_;
  Destroy destroy_;
};

}  // namespace

namespace {

// Asked of each library that is found, so that an old one does not hide one that will do.
std::string why_too_old(const SharedLibrary& library) {
  int major = 0, minor = 0;
  auto* version = library.function<Result(int*, int*)>("nvrtcVersion");
  if (!version) return "has no nvrtcVersion";
  if (version(&major, &minor) != success) return "does not tell its version";
  if (major >= oldest_major) return {};
  return fmt::format("NVRTC {}.{} is too old; it must be of CUDA {} or later", major, minor, oldest_major);
}

}  // namespace

Nvrtc::Nvrtc(const LibraryPlaces& places)
    : library_(open_nvrtc(places, why_too_old)), functions_(std::make_unique<Functions>(library_)) {
  const auto check = [&](Result result, std::string_view call) {
    if (result != success)
      throw TargetError(fmt::format("target: cuda: NVRTC ({}) does not answer: {}: {}", path(), call,
                                    functions_->error_string(result)));
  };
  int major = 0, minor = 0, count = 0;
  check(functions_->version(&major, &minor), "nvrtcVersion");
  version_ = fmt::format("{}.{}", major, minor);
  build_id_ = support::build_id_of(reinterpret_cast<const void*>(functions_->compile_program));
  check(functions_->architecture_count(&count), "nvrtcGetNumSupportedArchs");
  architectures_.resize(static_cast<std::size_t>(count));
  check(functions_->architectures(architectures_.data()), "nvrtcGetSupportedArchs");
}

Nvrtc::~Nvrtc() = default;

NvrtcResult Nvrtc::compile(const NvrtcRequest& request) const {
  const Functions& nvrtc = *functions_;
  // Names and texts are zero-terminated for C.
  const std::string source(request.source);
  std::vector<std::string> header_names, header_texts;
  for (const NamedText& header : request.headers) {
    header_names.emplace_back(header.name);
    header_texts.emplace_back(header.text);
  }
  const auto pointers = [](const std::vector<std::string>& strings) {
    std::vector<const char*> result;
    for (const std::string& string : strings) result.push_back(string.c_str());
    return result;
  };
  Program program = nullptr;
  nvrtc.check(nvrtc.create_program(&program, source.c_str(), source_name, static_cast<int>(header_names.size()),
                                   pointers(header_texts).data(), pointers(header_names).data()),
              "nvrtcCreateProgram");
  const OwnedProgram owner(program, nvrtc.destroy_program);

  std::vector<std::string> options = request.options;
  std::string architecture = request.architecture;
  // A virtual architecture makes NVRTC stop at PTX.
  if (request.kind == CodeKind::ptx && architecture.starts_with("sm_")) architecture.replace(0, 3, "compute_");
  options.push_back("--gpu-architecture=" + architecture);
  const Result result = nvrtc.compile_program(program, static_cast<int>(options.size()), pointers(options).data());
  std::string log = nvrtc.text(program, nvrtc.log_size, nvrtc.log, "nvrtcGetProgramLog");
  if (result != success) {
    std::vector<NamedText> files(request.headers.begin(), request.headers.end());
    files.push_back({source_name, source});
    std::string message = fmt::format("nvrtc {} ({}): {}\noptions: {}\n", version_, path(), nvrtc.error_string(result),
                                      fmt::join(options, " "));
    if (result == invalid_option) message += fmt::format("it has code for sm_{}\n", fmt::join(architectures_, ", sm_"));
    throw CompileError(message + with_source_lines(log, files));
  }
  if (request.kind == CodeKind::ptx) return {nvrtc.text(program, nvrtc.ptx_size, nvrtc.ptx, "nvrtcGetPTX"), log};
  return {nvrtc.bytes(program, nvrtc.cubin_size, nvrtc.cubin, "nvrtcGetCUBIN"), log};
}

}  // namespace unstride::cuda
