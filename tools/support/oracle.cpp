#include "tools/support/oracle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <type_traits>

#include "tools/support/random_data.h"
#include "tools/support/sizes.h"

namespace unstride::tools {
namespace {

// Products of two floats are exact in double; a sum of doubles is formed in long double, which is wider on x86.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

// What elements of another type than the sums add to the error.
struct ElementErrors {
  double unit_roundoff = 0;                                  // of the output
  double smallest = 0;                                       // output, subnormal
  double largest = std::numeric_limits<double>::infinity();  // output, finite
  double left_out = 0;                                       // of each product, relative
  std::int64_t roundings = 0;                                // more than those of a chain
  double lost = 0;                                           // of each product, absolute
};

double largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
  return largest;
}

// Fast math as docs/spec.md bounds it: what the parts of operands leave out, and numbers below 2^-126, which the matrix
// unit takes for zeros.
void add_fast_math(ElementErrors& errors, const Problem<float>& problem, DType dtype) {
  if (problem.spec.math != Math::fast) return;
  const bool rounded_prologue = problem.spec.prologue.op == Activation::Op::leaky_relu;
  if (dtype == DType::bfloat16) errors.left_out = rounded_prologue ? 0x1p-8 : 0;
  if (dtype == DType::float16) errors.left_out = 0x1p-16 + (rounded_prologue ? 0x1p-17 : 0);
  if (dtype == DType::float32) errors.left_out = 0x1p-17 + 0x1p-24;
  errors.roundings = 20;
  errors.lost = 0x1p-125 * (1 + largest_magnitude(problem.x) + largest_magnitude(problem.w));
}

ElementErrors element_errors(const Problem<float>& problem, DType dtype) {
  ElementErrors errors;
  if (dtype == DType::float16) errors = {.unit_roundoff = 0x1p-11, .smallest = 0x1p-24, .largest = 65504};
  if (dtype == DType::bfloat16) errors = {.unit_roundoff = 0x1p-8, .smallest = 0x1p-133, .largest = 0x1.fep127};
  add_fast_math(errors, problem, dtype);
  return errors;
}

template <typename T>
struct Exact {
  Wide<T> value;
  Wide<T> magnitude;  // sum |x||w| + |b|, times the largest slope of the epilogue
};

// A slope is a number of type T to the kernels, so it is one here.
template <typename T>
Wide<T> activate(const Activation& activation, Wide<T> v) {
  switch (activation.op) {
    case Activation::Op::none:
      return v;
    case Activation::Op::relu:
      return v < 0 ? 0 : v;  // not a number stays
    case Activation::Op::leaky_relu:
      return v > 0 ? v : v * static_cast<T>(activation.negative_slope);
  }
  return v;
}

template <typename T>
Exact<T> output_at(const Problem<T>& problem, std::int64_t n, std::int64_t co, std::int64_t o) {
  const LayerSpec& spec = problem.spec;
  const std::int64_t group_inputs = spec.in_channels_per_group();
  const std::int64_t group_outputs = spec.out_channels_per_group();
  const std::int64_t first_ci = co / group_outputs * group_inputs;

  Wide<T> value = spec.bias ? problem.b[co] : T{0};
  Wide<T> magnitude = std::abs(value);
  for (std::int64_t j = 0; j < spec.kernel_size; ++j) {
    const std::int64_t position = o + spec.trim[0] + spec.padding - j * spec.dilation;
    if (position % spec.stride != 0) continue;
    const std::int64_t i = position / spec.stride;
    // Beyond the ends x is +0 and takes part: 0 times an infinite weight is not a number, here as in the kernels.
    const bool inside = 0 <= i && i < problem.length;
    for (std::int64_t ci = first_ci; ci < first_ci + group_inputs; ++ci) {
      const Wide<T> input = inside ? problem.x[(n * spec.in_channels + ci) * problem.length + i] : T{0};
      const Wide<T> x = activate<T>(spec.prologue, input);
      const Wide<T> w = problem.w[(ci * group_outputs + co % group_outputs) * spec.kernel_size + j];
      value += x * w;
      magnitude += std::abs(x) * std::abs(w);
    }
  }
  const bool amplifies = spec.epilogue.op == Activation::Op::leaky_relu && std::abs(spec.epilogue.negative_slope) > 1;
  if (amplifies) magnitude *= static_cast<Wide<T>>(std::abs(spec.epilogue.negative_slope));
  return {activate<T>(spec.epilogue, value), magnitude};
}

// The longest chain of roundings behind one output. No phase has more taps than that of kernel element 0.
std::int64_t longest_chain(const LayerSpec& spec) {
  std::int64_t taps = 0;
  for (std::int64_t j = 0; j < spec.kernel_size; ++j) taps += j * spec.dilation % spec.stride == 0 ? 1 : 0;
  const auto rounds = [](const Activation& activation) { return activation.op == Activation::Op::leaky_relu ? 1 : 0; };
  return spec.in_channels_per_group() * taps + 2 + rounds(spec.prologue) + rounds(spec.epilogue);
}

double gamma(std::int64_t n, double unit_roundoff) {
  const double nu = static_cast<double>(n) * unit_roundoff;
  return nu < 1 ? nu / (1 - nu) : std::numeric_limits<double>::infinity();
}

void require_size(const char* what, std::size_t given, std::initializer_list<std::int64_t> dimensions) {
  const auto expected = element_count({dimensions.begin(), dimensions.size()});
  if (!expected || given != static_cast<std::size_t>(*expected)) {
    throw ArgumentError(fmt::format("{}: holds {} elements, must hold {} = {}", what, given, fmt::join(dimensions, "*"),
                                    expected ? std::to_string(*expected) : "more than 64 bits can count"));
  }
}

// Returns the output length.
template <typename T>
std::int64_t require_sizes(const Problem<T>& problem) {
  const LayerSpec& spec = problem.spec;
  validate(spec);
  if (problem.batch < 0) throw ArgumentError(fmt::format("batch: {}: must be at least 0", problem.batch));
  const std::int64_t columns = output_length(spec, problem.length);
  require_size("x", problem.x.size(), {problem.batch, spec.in_channels, problem.length});
  require_size("w", problem.w.size(), {spec.in_channels, spec.out_channels_per_group(), spec.kernel_size});
  require_size("b", problem.b.size(), {spec.bias ? spec.out_channels : 0});
  return columns;
}

// The flat indices of the outputs to check: all of them, or a seeded sample of about `count`.
std::vector<std::int64_t> sample(std::int64_t rows, std::int64_t columns, std::int64_t count) {
  constexpr std::int64_t edge = 4;
  constexpr std::uint64_t seed = 0x756e737472696465;
  SplitMix64 random(seed);
  std::vector<std::int64_t> indices;
  indices.reserve(static_cast<std::size_t>(count));

  // Half of the sample for the two ends: of every row if there are few rows, else of random ones.
  const std::int64_t edge_columns = std::min(columns, 2 * edge);
  const std::int64_t edge_rows = std::min(rows, std::max<std::int64_t>(1, count / 2 / edge_columns));
  for (std::int64_t k = 0; k < edge_rows; ++k) {
    const std::int64_t row = edge_rows == rows ? k : random.below(rows);
    for (std::int64_t c = 0; c < edge_columns; ++c) {
      const std::int64_t column = c < (edge_columns + 1) / 2 ? c : columns - edge_columns + c;
      indices.push_back(row * columns + column);
    }
  }
  while (std::ssize(indices) < count) indices.push_back(random.below(rows * columns));
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

// Compares outputs with the oracle one by one and keeps the worst.
template <typename T>
class Judge {
 public:
  Judge(const Problem<T>& problem, std::span<const T> y, std::int64_t columns, const ElementErrors& errors)
      : problem_(problem),
        y_(y),
        columns_(columns),
        chain_(longest_chain(problem.spec) + errors.roundings),
        errors_(errors) {
    // The reference has a rounding error of its own, far smaller.
    constexpr auto wide_roundoff = static_cast<double>(std::numeric_limits<Wide<T>>::epsilon() / 2);
    result_.tolerance = gamma(chain_, std::numeric_limits<T>::epsilon() / 2) + gamma(chain_, wide_roundoff);
    // The parts of fast math are a little larger together than what they stand for.
    if (errors.left_out > 0) result_.tolerance = result_.tolerance * (1 + 0x1p-6) + errors.left_out;
    result_.tolerance += errors.unit_roundoff * (1 + result_.tolerance);
    result_.total = std::ssize(y);
  }

  void check(std::int64_t index) {
    ++result_.checked;
    const std::int64_t row = index / columns_;
    const std::int64_t n = row / problem_.spec.out_channels, co = row % problem_.spec.out_channels;
    const Exact<T> exact = output_at(problem_, n, co, index % columns_);
    const Wide<T> y = y_[index];
    constexpr Wide<T> infinity = std::numeric_limits<Wide<T>>::infinity();

    Wide<T> error = 0, allowed = 0;
    if (!std::isfinite(exact.magnitude)) {  // an infinity or not a number came in
      const bool same = std::isnan(exact.value) ? std::isnan(y) : y == exact.value;
      error = same ? 0 : infinity;
    } else if (!std::isfinite(y)) {
      const bool may_overflow = exact.magnitude > std::min<Wide<T>>(std::numeric_limits<T>::max(), errors_.largest);
      error = may_overflow ? 0 : infinity;
    } else {
      // Below the smallest normal number the error of an operation is absolute, half a subnormal spacing.
      const Wide<T> underflow =
          static_cast<Wide<T>>(chain_) * (std::numeric_limits<T>::denorm_min() + errors_.lost) + errors_.smallest;
      error = std::abs(y - exact.value);
      allowed = static_cast<Wide<T>>(result_.tolerance) * exact.magnitude + underflow;
    }
    const Wide<T> relative = error == 0 || error == infinity ? error : error / exact.magnitude;
    result_.max_abs_error = std::max(result_.max_abs_error, static_cast<double>(error));
    result_.max_rel_error = std::max(result_.max_rel_error, static_cast<double>(relative));
    if (!(error <= allowed) && failures_++ == 0) {
      first_ = fmt::format("y[n={}, co={}, o={}] is {}, expected {} (relative error {:.3g}, allowed {:.3g})", n, co,
                           index % columns_, static_cast<double>(y), static_cast<double>(exact.value),
                           static_cast<double>(relative), result_.tolerance);
    }
  }

  Verification finish() {
    result_.verified = failures_ == 0;
    if (failures_ > 0) {
      result_.first_failure = fmt::format("{}; {} of {} checked outputs fail", first_, failures_, result_.checked);
    }
    return result_;
  }

 private:
  const Problem<T>& problem_;
  std::span<const T> y_;
  std::int64_t columns_;
  std::int64_t chain_;
  ElementErrors errors_;
  std::int64_t failures_ = 0;
  std::string first_;
  Verification result_;
};

template <typename T>
std::vector<float> widened(std::span<const T> values) {
  std::vector<float> result;
  result.reserve(values.size());
  for (const auto value : values) result.push_back(static_cast<float>(value));
  return result;
}

template <typename T>
Verification judge_outputs(const Problem<T>& problem, std::span<const T> y, std::int64_t max_multiplications,
                           const ElementErrors& errors) {
  const std::int64_t columns = require_sizes(problem);
  require_size("y", y.size(), {problem.batch, problem.spec.out_channels, columns});
  const std::int64_t rows = problem.batch * problem.spec.out_channels;

  Judge<T> judge(problem, y, columns, errors);
  constexpr std::int64_t smallest_sample = 64;
  // Asking a kernel element whether the stride divides costs about as much as multiplying by it.
  const std::int64_t cost = longest_chain(problem.spec) + problem.spec.kernel_size;
  const std::int64_t affordable = std::max(smallest_sample, max_multiplications / cost);
  if (affordable >= rows * columns) {
    for (std::int64_t index = 0; index < rows * columns; ++index) judge.check(index);
  } else {
    for (const std::int64_t index : sample(rows, columns, affordable)) judge.check(index);
  }
  return judge.finish();
}

}  // namespace

template <typename T>
Verification verify(const Problem<T>& problem, std::span<const T> y, std::int64_t max_multiplications) {
  if constexpr (std::is_same_v<T, double>) {
    return judge_outputs(problem, y, max_multiplications, {});
  } else if constexpr (std::is_same_v<T, float>) {
    return judge_outputs(problem, y, max_multiplications, element_errors(problem, DType::float32));
  } else {  // widening is exact: what is left is the rounding of the output
    const std::vector<float> x = widened(problem.x), w = widened(problem.w), b = widened(problem.b), wide = widened(y);
    const Problem<float> exact{problem.spec, problem.batch, problem.length, x, w, b};
    return judge_outputs<float>(exact, wide, max_multiplications, element_errors(exact, dtype_of<T>));
  }
}

template <typename T>
std::vector<T> reference(const Problem<T>& problem) {
  const std::int64_t columns = require_sizes(problem);
  std::vector<T> y;
  y.reserve(static_cast<std::size_t>(problem.batch * problem.spec.out_channels * columns));
  for (std::int64_t n = 0; n < problem.batch; ++n) {
    for (std::int64_t co = 0; co < problem.spec.out_channels; ++co) {
      for (std::int64_t o = 0; o < columns; ++o) y.push_back(static_cast<T>(output_at(problem, n, co, o).value));
    }
  }
  return y;
}

template Verification verify(const Problem<float>&, std::span<const float>, std::int64_t);
template Verification verify(const Problem<double>&, std::span<const double>, std::int64_t);
template Verification verify(const Problem<Float16>&, std::span<const Float16>, std::int64_t);
template Verification verify(const Problem<BFloat16>&, std::span<const BFloat16>, std::int64_t);
template std::vector<float> reference(const Problem<float>&);
template std::vector<double> reference(const Problem<double>&);

}  // namespace unstride::tools
