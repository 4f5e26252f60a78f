// Kernel sources compiled as host C++, by the compiler that built this program, and loaded into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unstride::emulator {

/// A file as sources include it, "templates/cuda/ffma.h", with its text.
struct SourceFile {
  std::string name, text;
};

/// Its functions run under launch. They are gone with it.
class CompiledSource {
 public:
  /// Throws std::runtime_error with what the compiler says.
  CompiledSource(const std::vector<SourceFile>& headers, std::string_view source);
  ~CompiledSource();
  CompiledSource(CompiledSource&& other) noexcept;
  CompiledSource& operator=(CompiledSource&&) = delete;

  /// An extern "C" function. Throws std::runtime_error when there is none of this name.
  template <typename Function>
  Function* function(const std::string& name) const {
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const std::string& name) const;
  void* library_;
};

}  // namespace unstride::emulator
