#include "codegen/spec/error_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace unstride::spec {
namespace {

bool is_plain_word(std::string_view name) {
  return !name.empty() && name.size() <= longest_excerpt && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

constexpr std::string_view ellipsis = "...";

bool continues_a_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

std::string shortened(std::string_view text) {
  if (text.size() <= longest_excerpt) return std::string(text);
  std::size_t end = longest_excerpt - ellipsis.size();
  while (end > 0 && continues_a_character(text[end])) --end;
  return std::string(text.substr(0, end)).append(ellipsis);
}

std::string quoted(std::string_view text) {
  using nlohmann::json;
  return shortened(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string field_path(std::string_view path, std::string_view name) {
  if (is_plain_word(name)) return fmt::format("{}.{}", path, name);
  return fmt::format("{}[{}]", path, quoted(name));
}

std::string element_path(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace unstride::spec
