#include "runtime/cuda/library_search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

namespace fs = std::filesystem;

// Newest first; the last one is a toolkit's newest, whatever that is.
constexpr std::array nvrtc_names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
constexpr std::array driver_names = {"libcuda.so.1"};
constexpr std::array nvml_names = {"libnvidia-ml.so.1"};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// The entries of `folder` that begin with `prefix`, last in the alphabet first: python3.12 before python3.11.
std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with(prefix)) found.push_back(it->path());
  std::ranges::sort(found, std::greater());
  return found;
}

class Folders {
 public:
  void add(const fs::path& folder) {
    if (is_folder(folder) && std::ranges::find(folders_, folder.string()) == folders_.end())
      folders_.push_back(folder.string());
  }
  void add_toolkit(const fs::path& toolkit) {
    for (const char* lib : {"lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"}) add(toolkit / lib);
  }
  // <prefix>/lib/python3*/site-packages/nvidia/*/lib
  void add_python(const fs::path& prefix) {
    for (const fs::path& python : entries(prefix / "lib", "python3"))
      for (const char* packages : {"site-packages", "dist-packages"})
        for (const fs::path& package : entries(python / packages / "nvidia", "")) add(package / "lib");
  }
  std::vector<std::string> take() { return std::move(folders_); }

 private:
  std::vector<std::string> folders_;
};

struct Wanted {
  std::string_view what;      // for people
  std::string_view variable;  // of the environment, that names it
  std::string_view advice;    // how to get it
};

// `hinted` comes before the loader's own search, `usual` after it.
SharedLibrary open(const Wanted& wanted, const std::string& given, std::span<const char* const> names,
                   const std::vector<std::string>& hinted, const std::vector<std::string>& usual,
                   const WhyUnusable& why_unusable) {
  std::vector<std::string> candidates;
  const auto add_folder = [&](const std::string& folder) {
    for (const char* name : names) candidates.push_back(folder + "/" + name);
  };
  if (given.empty()) {
    for (const std::string& folder : hinted) add_folder(folder);
    candidates.insert(candidates.end(), names.begin(), names.end());
    for (const std::string& folder : usual) add_folder(folder);
  } else if (is_folder(given)) {
    add_folder(given);
  } else {
    candidates.push_back(given);
  }
  std::string damage;  // of one that is there and will not do, which says more than all that are not there
  for (const std::string& candidate : candidates) {
    std::string why;
    std::error_code ignored;
    if (auto library = SharedLibrary::open(candidate, why)) {
      const std::string fault = why_unusable(*library);
      if (fault.empty()) return *library;
      why = fmt::format("{}: {}", library->path(), fault);
    } else if (candidate.find('/') == std::string::npos || !fs::exists(candidate, ignored)) {
      continue;
    }
    if (damage.empty()) damage = why;
  }
  std::string where;
  if (given.empty()) {
    std::vector<std::string> folders = hinted;
    folders.emplace_back("where the loader looks");
    folders.insert(folders.end(), usual.begin(), usual.end());
    where = fmt::format("looked for {} in {}", fmt::join(names, ", "), fmt::join(folders, ", "));
  } else {
    where = fmt::format("{} says {}", wanted.variable, given);
  }
  if (!damage.empty()) where += fmt::format("; {}", damage);
  throw TargetError(fmt::format("target: cuda: {} could not be opened ({}); {}", wanted.what, where, wanted.advice));
}

}  // namespace

NvrtcFolders nvrtc_folders(const LibraryPlaces& places) {
  Folders hinted, folders;
  for (const std::string& toolkit : places.toolkits) hinted.add_toolkit(toolkit);
  for (const std::string& prefix : places.python_prefixes) {
    hinted.add(fs::path(prefix) / "lib");  // conda's own packages
    hinted.add_python(prefix);
  }
  folders.add_toolkit("/usr/local/cuda");
  for (const fs::path& toolkit : entries("/usr/local", "cuda-")) folders.add_toolkit(toolkit);
  folders.add_toolkit("/opt/cuda");
  if (!places.home.empty()) folders.add_python(fs::path(places.home) / ".local");
  folders.add_python("/usr/local");
  folders.add_python("/usr");
  return {hinted.take(), folders.take()};
}

SharedLibrary open_nvrtc(const LibraryPlaces& places, const WhyUnusable& why_unusable) {
  const NvrtcFolders folders = places.nvrtc.empty() ? nvrtc_folders(places) : NvrtcFolders();
  return open(
      {.what = "NVRTC (the CUDA compiler)",
       .variable = "UNSTRIDE_NVRTC",
       .advice = "install a CUDA toolkit or `pip install nvidia-cuda-nvrtc` (nvidia-cuda-nvrtc-cu12 for CUDA 12), "
                 "or set UNSTRIDE_NVRTC to the library or its folder"},
      places.nvrtc, nvrtc_names, folders.hinted, folders.usual, why_unusable);
}

namespace {

const WhyUnusable always_usable = [](const SharedLibrary&) { return std::string(); };

// Under WSL the loader is not always told where Windows puts them.
std::vector<std::string> windows_folders() {
  if (is_folder("/usr/lib/wsl/lib")) return {"/usr/lib/wsl/lib"};
  return {};
}

}  // namespace

SharedLibrary open_nvml(const LibraryPlaces& places) {
  return open({.what = "NVML (the NVIDIA driver's management library)",
               .variable = "UNSTRIDE_NVML",
               .advice = "it comes with NVIDIA's driver"},
              places.nvml, nvml_names, {}, windows_folders(), always_usable);
}

SharedLibrary open_driver(const LibraryPlaces& places) {
  return open(
      {.what = "the NVIDIA driver's library",
       .variable = "UNSTRIDE_CUDA_DRIVER",
       .advice = "running on a GPU needs NVIDIA's driver; compiling does not, for an architecture that is named, "
                 "as in cuda:sm_90a"},
      places.driver, driver_names, {}, windows_folders(), always_usable);
}

}  // namespace unstride::cuda
