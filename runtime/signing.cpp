// Keys to sign bundles with, as the public API has them.
#include "cache/bundle_signing.h"
#include "unstride/cache.hpp"

namespace unstride {

void generate_signing_keys(const std::string& secret_path, const std::string& public_path) {
  cache::generate_key_pair(secret_path, public_path);
}

std::string read_secret_key(const std::string& path) {
  return cache::read_secret_key(path);
}

std::string read_public_key(const std::string& path) {
  return cache::read_public_key(path);
}

}  // namespace unstride
