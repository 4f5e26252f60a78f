// What the compiler says that each kernel takes, read from the report that --ptxas-options=-v makes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace unstride::cuda {

struct ResourceUsage {
  std::string kernel;
  int registers = 0;                      ///< of each thread
  int spill_stores = 0, spill_loads = 0;  ///< bytes of each thread: values that did not fit the registers
  int stack_bytes = 0;                    ///< of each thread: spills, and arrays that are indexed at run time
  int shared_bytes = 0;                   ///< static
};

/// One for each kernel that the log reports on.
std::vector<ResourceUsage> resource_usage(std::string_view log);

}  // namespace unstride::cuda
