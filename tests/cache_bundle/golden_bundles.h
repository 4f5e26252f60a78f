// The bundles that are kept as files in golden/. Version 1 must read and write exactly these bytes for ever.
#pragma once

#include <string>
#include <vector>

#include "bundle_testing.h"

namespace unstride::cache {

struct GoldenBundle {
  std::string name;
  int entries;
  std::size_t payload_bytes;
  std::string secret_key;
};

inline const std::vector<GoldenBundle> golden_bundles = {
    {"v1_empty.bundle", 0, 20, ""}, {"v1_three.bundle", 3, 100, ""}, {"v1_signed.bundle", 2, 64, secret_key}};

}  // namespace unstride::cache
