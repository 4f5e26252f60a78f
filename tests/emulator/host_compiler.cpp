#include "tests/emulator/host_compiler.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace unstride::emulator {

namespace {

namespace fs = std::filesystem;

// A folder that is gone with its scope.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "unstride-emulator-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + name);
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  void write(const std::string& name, std::string_view text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// What a shell command prints; its status.
std::pair<std::string, int> run(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), count);
  return {output, pclose(pipe)};
}

}  // namespace

CompiledSource::CompiledSource(const std::vector<SourceFile>& headers, std::string_view source) {
  const ScratchFolder folder;
  for (const SourceFile& header : headers) folder.write(header.name, header.text);
  folder.write("kernel.cpp", source);
  // The folder comes first: a header that is given is the one that the emulator includes, too. No contraction: a sum is
  // fused where the kernel says so and nowhere else.
  const std::string command =
      "cd '" + folder.path().string() +
      "' && '" UNSTRIDE_EMULATOR_COMPILER "' -I. " UNSTRIDE_EMULATOR_FLAGS
      " -std=c++20 -O1 -fPIC -shared -Wl,-Bsymbolic -ffp-contract=off -w -include tests/emulator/device.h"
      " -o kernel.so kernel.cpp";
  const auto [log, status] = run(command);
  if (status != 0) throw std::runtime_error("a kernel does not compile as host C++:\n" + command + "\n" + log);
  library_ = dlopen((folder.path() / "kernel.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) throw std::runtime_error(dlerror());
}

CompiledSource::~CompiledSource() {
  if (library_ != nullptr) dlclose(library_);
}

CompiledSource::CompiledSource(CompiledSource&& other) noexcept : library_(std::exchange(other.library_, nullptr)) {}

void* CompiledSource::symbol(const std::string& name) const {
  void* found = dlsym(library_, name.c_str());
  if (found == nullptr) throw std::runtime_error("the source has no function " + name);
  return found;
}

}  // namespace unstride::emulator
