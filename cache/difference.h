// Why a key is not another: which of its fields differ, in words that people can use.
#pragma once

#include <vector>

#include "cache/key.h"
#include "unstride/cache.hpp"

namespace unstride::cache {

using Difference = CacheExplanation::Difference;

/// The fields that are not equal, in the order of `wanted`, then those that `found` alone has. Where both values are
/// JSON objects, as specs are, their members count as fields of their own: "spec.stride".
std::vector<Difference> differences(const std::vector<Field>& wanted, const std::vector<Field>& found);

}  // namespace unstride::cache
