#include "runtime/bundle_builder.h"

namespace unstride {

BundleBuilder::BundleBuilder() : impl_(std::make_unique<Impl>()) {}
BundleBuilder::~BundleBuilder() = default;
BundleBuilder::BundleBuilder(BundleBuilder&&) noexcept = default;
BundleBuilder& BundleBuilder::operator=(BundleBuilder&&) noexcept = default;

std::int64_t BundleBuilder::entries() const noexcept {
  return impl_->entries();
}

void BundleBuilder::write(const std::string& path, const std::string& secret_key) const {
  impl_->write(path, secret_key);
}

}  // namespace unstride
