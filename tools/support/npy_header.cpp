#include "tools/support/npy_header.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace unstride::tools {
namespace {

// A recursive-descent parser for the few forms that numpy writes.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  NpyHeader parse() {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::int64_t>> shape;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        set(key, descr, type());
      } else if (key == "fortran_order") {
        set(key, fortran_order, boolean());
      } else if (key == "shape") {
        set(key, shape, tuple());
      } else {
        fail(fmt::format("the key '{}' is not one of descr, fortran_order and shape", key));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) fail(fmt::format("there is text after the dict: {}", quoted_rest()));
    if (!descr || !fortran_order || !shape) fail("it must have the keys descr, fortran_order and shape");
    return {*std::move(descr), *fortran_order, *std::move(shape)};
  }

 private:
  template <typename Value>
  static void set(const std::string& key, std::optional<Value>& slot, Value value) {
    if (slot) fail(fmt::format("the key '{}' appears twice", key));
    slot = std::move(value);
  }

  std::string type() {
    skip_space();
    if (rest_.starts_with('[')) fail("descr is a structured type; must be '<f4', '<f8', '<f2' or '<u2'");
    return string();
  }

  std::string string() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '\'' && quote != '"') fail(fmt::format("expected a string, found {}", quoted_rest()));
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) fail(fmt::format("unterminated string {}", quoted_rest()));
    std::string value(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return value;
  }

  bool boolean() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    fail(fmt::format("fortran_order must be True or False, found {}", quoted_rest()));
  }

  std::vector<std::int64_t> tuple() {
    constexpr std::size_t most_dimensions = 64;  // numpy's own limit
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      if (values.size() == most_dimensions) fail("shape has more than 64 dimensions");
      values.push_back(dimension());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  std::int64_t dimension() {
    skip_space();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.begin(), rest_.end(), value);
    if (error != std::errc{} || value < 0) {
      fail(fmt::format("a dimension of shape must be an integer from 0 to 2^63-1, found {}", quoted_rest()));
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.begin()));
    return value;
  }

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}', found {}", c, quoted_rest()));
  }

  bool accept(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void skip_space() {
    const std::size_t space = rest_.find_first_not_of(" \t\n");
    rest_.remove_prefix(space == std::string_view::npos ? rest_.size() : space);
  }

  // The next few characters, fit for a message.
  std::string quoted_rest() const {
    constexpr std::size_t shown = 20;
    if (rest_.empty()) return "the end";
    std::string text;
    for (const char c : rest_.substr(0, shown)) text += c >= ' ' && c <= '~' ? c : '?';
    return fmt::format("\"{}\"", text);
  }

  [[noreturn]] static void fail(const std::string& what) { throw NpyHeaderError(what); }

  std::string_view rest_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace unstride::tools
