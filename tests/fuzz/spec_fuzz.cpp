// What must hold for any bytes given to the spec's parser:
//   - it throws SpecError, whose message is one short line of text, or gives a spec that keeps every rule and reads
//     back from its canonical form;
//   - for any length, output_length throws SpecError or is at least 1, and with_output_size agrees with it.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride {
namespace {

void require(bool holds, std::string_view claim, std::string_view context) {
  if (holds) return;
  fmt::print(stderr, "violated: {}\nfor: {}\n", claim, context);
  std::abort();
}

void check_error(const SpecError& error) {
  const std::string_view message = error.what();
  require(!error.field().empty() && message.starts_with(error.field()), "an error begins with its field", message);
  require(!error.allowed().empty() && message.ends_with(error.allowed()), "an error says what is allowed", message);
  require(message.size() < 2048, "an error is short", message);
  const bool one_line = std::none_of(message.begin(), message.end(), [](char c) { return c >= 0 && c < ' '; });
  require(one_line, "an error is one line without control characters", message);
}

template <typename Call>
auto unless_refused(Call call) -> std::optional<decltype(call())> {
  try {
    return call();
  } catch (const SpecError& error) {
    check_error(error);
    return std::nullopt;
  }
}

void check_lengths(const LayerSpec& spec, std::string_view canonical) {
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t length : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{2},
                                    std::int64_t{860}, std::int64_t{1} << 40, largest}) {
    const auto output = unless_refused([&] { return output_length(spec, length); });
    require(!output || *output >= 1, "an output has at least one sample", canonical);
    require(length >= 1 || !output, "an empty input is refused", canonical);
    if (!output) continue;
    const auto resolved = unless_refused([&] { return with_output_size(spec, length, *output); });
    require(resolved == spec, "the size that a layer has asks for the output_padding it has", canonical);
    const auto longer =
        *output < largest ? unless_refused([&] { return with_output_size(spec, length, *output + 1); }) : std::nullopt;
    require(!longer || output_length(*longer, length) == *output + 1, "a resolved size is reached", canonical);
  }
}

void check_spec(const LayerSpec& spec) {
  const std::string canonical = to_json(spec);
  require(unless_refused([&] { return validate(spec), true; }).has_value(), "a parsed spec is valid", canonical);
  require(unless_refused([&] { return parse_spec(canonical); }) == spec, "the canonical form reads back", canonical);
  check_lengths(spec, canonical);
}

}  // namespace
}  // namespace unstride

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace unstride;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto specs = unless_refused([&] { return parse_specs(text); });
  const auto spec = unless_refused([&] { return parse_spec(text); });
  if (spec) require(specs == std::vector{*spec}, "one spec is a list of one", to_json(*spec));
  if (specs) std::for_each(specs->begin(), specs->end(), check_spec);
  return 0;
}
