#include "runtime/kernel_table.h"

#include <functional>

namespace unstride {

std::size_t KernelTable::Hash::operator()(const Request& request) const noexcept {
  const LayerSpec& s = request.spec;
  std::size_t hash = std::hash<std::string>()(request.target) ^ std::hash<std::string>()(request.plan);
  // Layers that differ in the other fields alone are few: equality tells them apart.
  for (const std::int64_t value : {s.in_channels, s.out_channels, s.kernel_size, s.stride, s.padding, s.dilation,
                                   s.groups, s.trim[0], s.trim[1], s.output_padding})
    hash = hash * 0x9e3779b97f4a7c15u + static_cast<std::size_t>(value);
  return hash ^ hash >> 32;
}

std::shared_ptr<const Kernel::Impl> KernelTable::find(const LayerSpec& spec, const CompileOptions& options) const {
  const std::lock_guard lock(mutex_);
  const auto found = kernels_.find({spec, options.target, options.plan, options.device});
  return found == kernels_.end() ? nullptr : found->second;
}

void KernelTable::insert(const LayerSpec& spec, const CompileOptions& options,
                         std::shared_ptr<const Kernel::Impl> kernel) {
  const std::lock_guard lock(mutex_);
  if (kernels_.size() >= enough) std::erase_if(kernels_, [](const auto& item) { return item.second.use_count() == 1; });
  kernels_.insert_or_assign({spec, options.target, options.plan, options.device}, std::move(kernel));
}

void KernelTable::clear() {
  const std::lock_guard lock(mutex_);
  kernels_.clear();
}

}  // namespace unstride
