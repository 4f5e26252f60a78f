// NVRTC, the CUDA C++ compiler that is a library: source in, cubin or PTX out. Needs no GPU and no driver.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/library_search.h"

namespace unstride::cuda {

/// A header that a source includes by this name; there is no file.
struct NamedText {
  std::string_view name, text;
};

enum class CodeKind { cubin, ptx };

struct NvrtcRequest {
  std::string_view source;
  std::span<const NamedText> headers = {};
  std::string architecture;               ///< "sm_90a"
  std::vector<std::string> options = {};  ///< beyond the architecture
  CodeKind kind = CodeKind::cubin;
};

struct NvrtcResult {
  std::string code;
  std::string log;  ///< warnings, and what --ptxas-options=-v reports
};

class Nvrtc {
 public:
  /// Of CUDA 12 or later. Throws TargetError that says where it was looked for, or what is wrong with what was found.
  explicit Nvrtc(const LibraryPlaces& places);
  ~Nvrtc();

  const std::string& version() const noexcept { return version_; }    ///< "13.0"
  const std::string& build_id() const noexcept { return build_id_; }  ///< empty: the library has none
  const std::string& path() const noexcept { return library_.path(); }
  /// Compute capabilities it has code for, ascending: 75, 80, ...
  const std::vector<int>& architectures() const noexcept { return architectures_; }

  /// Throws CompileError with the log and the lines of source that it names.
  NvrtcResult compile(const NvrtcRequest& request) const;

 private:
  struct Functions;
  SharedLibrary library_;
  std::unique_ptr<const Functions> functions_;
  std::string version_, build_id_;
  std::vector<int> architectures_;
};

}  // namespace unstride::cuda
