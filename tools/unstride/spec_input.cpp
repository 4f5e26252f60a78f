#include "tools/unstride/spec_input.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>

namespace unstride::command {
namespace {

namespace fs = std::filesystem;

std::string read_all(const std::string& argument) {
  if (argument == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::error_code ignored;
  errno = fs::is_directory(argument, ignored) ? EISDIR : 0;
  std::ifstream file;
  if (errno == 0) file.open(argument, std::ios::binary);
  if (!file.is_open()) throw UsageError(fmt::format("cannot read: {}", std::generic_category().message(errno)));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<NamedSpec> read_file(const std::string& argument) {
  const std::string text = read_all(argument);
  std::vector<LayerSpec> specs = parse_specs(text);
  if (specs.empty()) throw UsageError("holds an empty array; must hold at least one spec");

  const bool is_array = text.find_first_not_of(" \t\r\n") == text.find('[');
  const std::string stem = argument == "-" ? "stdin" : fs::path(argument).stem().string();
  std::vector<NamedSpec> named;
  named.reserve(specs.size());
  for (std::size_t k = 0; k < specs.size(); ++k) {
    if (is_array) {
      named.push_back({fmt::format("{}[{}]", argument, k), fmt::format("{}-{}", stem, k), specs[k]});
    } else {
      named.push_back({argument, stem, specs[k]});
    }
  }
  return named;
}

}  // namespace

SpecInput read_specs(const std::vector<std::string>& arguments) {
  SpecInput input;
  for (const std::string& argument : arguments) {
    try {
      for (NamedSpec& spec : read_file(argument)) input.specs.push_back(std::move(spec));
    } catch (...) {
      input.failures.push_back(failure_from(std::current_exception(), argument));
    }
  }
  return input;
}

}  // namespace unstride::command
