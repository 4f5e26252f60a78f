// How the cache speaks to people: one actionable line for each thing that went wrong, said once.
#pragma once

#include <functional>
#include <string>

namespace unstride::cache {

/// Called with a line without line end. May be called from any thread; must not throw.
using Report = std::function<void(const std::string& line)>;

}  // namespace unstride::cache
