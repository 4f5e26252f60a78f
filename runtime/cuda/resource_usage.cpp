#include "runtime/cuda/resource_usage.h"

#include <charconv>

namespace unstride::cuda {

namespace {

// The number before `label` in the line: "8 bytes stack frame, 0 bytes spill stores".
int number_before(std::string_view line, std::string_view label) {
  const std::size_t end = line.find(label);
  if (end == std::string_view::npos) return 0;
  std::size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  int value = 0;
  std::from_chars(line.data() + begin, line.data() + end, value);
  return value;
}

// ptxas info    : Compiling entry function 'k' for 'sm_90a'
std::string_view entry_in(std::string_view line) {
  constexpr std::string_view before = "Compiling entry function '";
  const std::size_t begin = line.find(before);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = line.substr(begin + before.size());
  return rest.substr(0, rest.find('\''));
}

}  // namespace

std::vector<ResourceUsage> resource_usage(std::string_view log) {
  std::vector<ResourceUsage> result;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    const std::string_view line = log.substr(0, end);
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
    if (const std::string_view kernel = entry_in(line); !kernel.empty()) {
      result.push_back({});
      result.back().kernel = kernel;
    } else if (result.empty()) {
      continue;
    } else if (line.find(" bytes stack frame") != std::string_view::npos) {
      result.back().stack_bytes = number_before(line, " bytes stack frame");
      result.back().spill_stores = number_before(line, " bytes spill stores");
      result.back().spill_loads = number_before(line, " bytes spill loads");
    } else if (line.find(" registers") != std::string_view::npos) {
      result.back().registers = number_before(line, " registers");
      result.back().shared_bytes = number_before(line, " bytes smem");
    }
  }
  return result;
}

}  // namespace unstride::cuda
