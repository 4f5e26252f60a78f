#include "runtime/cuda/shared_library.h"

#include <dlfcn.h>
#include <link.h>

namespace unstride::cuda {

std::optional<SharedLibrary> SharedLibrary::open(const std::string& name, std::string& why) {
  // Lazily: NVRTC has a hundred megabytes, and a caller of one function should not pay for binding all.
  void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!handle) {
    const char* error = dlerror();
    why = error ? error : "cannot be opened";
    return {};
  }
  const link_map* map = nullptr;
  const bool is_known = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name && *map->l_name;
  return SharedLibrary(handle, is_known ? map->l_name : name);
}

void* SharedLibrary::symbol(const char* name) const noexcept {
  return dlsym(handle_, name);
}

}  // namespace unstride::cuda
