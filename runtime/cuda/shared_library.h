// A library opened at run time, so that unstride builds and starts on machines that do not have it.
#pragma once

#include <optional>
#include <string>

namespace unstride::cuda {

/// Stays loaded until the process ends: NVIDIA's libraries keep threads and exit handlers of their own, and are not
/// made to be unloaded. Cheap to copy.
class SharedLibrary {
 public:
  /// name: a file, or a soname that the loader knows. Nothing when it cannot be opened; then `why` holds the reason.
  static std::optional<SharedLibrary> open(const std::string& name, std::string& why);

  /// Null when the library has no such symbol.
  template <typename Function>
  Function* function(const char* name) const noexcept {
    return reinterpret_cast<Function*>(symbol(name));
  }

  /// The file that was opened.
  const std::string& path() const noexcept { return path_; }

 private:
  SharedLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  void* symbol(const char* name) const noexcept;

  void* handle_;
  std::string path_;
};

}  // namespace unstride::cuda
