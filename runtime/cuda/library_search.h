// Where NVIDIA's libraries may be: NVRTC, which compiles, the driver, which runs, and NVML, which tells what the device
// does meanwhile.
//
// NVRTC comes with a CUDA toolkit, or from PyPI in folders that the loader does not know, and under a soname for each
// major version. The driver and NVML come with the kernel module and have one name each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/cuda/shared_library.h"

namespace unstride::cuda {

/// What the environment says about places. Empty strings count as unset.
struct LibraryPlaces {
  std::string nvrtc;      ///< UNSTRIDE_NVRTC: the library, or the folder that holds it; then nothing else is looked at
  std::string driver;     ///< UNSTRIDE_CUDA_DRIVER: likewise
  std::string nvml = {};  ///< UNSTRIDE_NVML: likewise
  std::vector<std::string> toolkits = {};         ///< CUDA_HOME, CUDA_PATH
  std::vector<std::string> python_prefixes = {};  ///< VIRTUAL_ENV, CONDA_PREFIX
  std::string home = {};                          ///< HOME, where pip installs without root
};

/// Folders that may hold NVRTC, beside those that the loader searches.
struct NvrtcFolders {
  std::vector<std::string> hinted;  ///< by variables of the environment: they come before the loader
  std::vector<std::string> usual;   ///< of toolkits, newest first, and of pip's packages: they come after it
};
NvrtcFolders nvrtc_folders(const LibraryPlaces& places);

/// Empty for a library that will do, else why it will not.
using WhyUnusable = std::function<std::string(const SharedLibrary&)>;

/// Opens the first that there is and that will do. Throws TargetError that says what was looked for, where, and how to
/// get it.
SharedLibrary open_nvrtc(const LibraryPlaces& places, const WhyUnusable& why_unusable);
SharedLibrary open_driver(const LibraryPlaces& places);
/// The driver's management library, which tells clocks.
SharedLibrary open_nvml(const LibraryPlaces& places);

}  // namespace unstride::cuda
