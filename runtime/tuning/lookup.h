// From what was measured to the plan of a kernel.
//
// A kernel has plans for ranges of columns, a measurement is of one length. A plan that won at one length takes the
// lengths around it: up to the middle (geometric) between it and the next measured length, and at most a factor of four
// away. Everywhere else the cost model's plans stay. Where the default won, nothing is replaced. So a kernel is never
// given a plan at a length that is far from any measurement, and it has at most two variants more for each length.
//
// Kernels of GPUs choose by batch times columns: a measurement, of a batch of one, decides batches of as many columns.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codegen/plan/gpu_plan.h"
#include "codegen/plan/kernel_plan.h"
#include "runtime/tuning/record.h"

namespace unstride::tuning {

/// Where a plan comes from, the most trusted first.
enum class Level {
  exact,    ///< measured at this length, on this processor with this many threads and by this version
  nearest,  ///< measured for the same target: at another length, or with another processor, threads or version
  shipped,  ///< measured by the makers of unstride
  model     ///< predicted
};
std::string_view name(Level level);

/// A measured length, and the calls that its plan is for.
struct TunedColumns {
  std::int64_t length = 0;  ///< measured
  std::int64_t columns = 0;
  std::int64_t above = 0, most = 0;  ///< calls of more than `above` columns, of at most `most`
  Level level = Level::exact;        ///< at `columns`; elsewhere nearest, if this is exact
};

/// The plan of a kernel, and what of it was measured.
template <typename Plan>
struct Tuned {
  Plan plan;
  std::vector<TunedColumns> ranges;  ///< ascending
};
using TunedPlan = Tuned<plan::KernelPlan>;
using TunedGpuPlan = Tuned<plan::GpuPlan>;

/// What a choice is looked up for.
struct Wanted {
  LayerSpec spec;
  std::string layer, target;  ///< as in Unit
  int threads = 1;
  Environment environment;
};

/// Reads a plan of one choice; nothing when it cannot be compiled for the layer (any more).
using ReadPlan = std::function<std::optional<plan::CpuPlan>(const std::string& text)>;
using ReadTile = std::function<std::optional<plan::GpuTile>(const std::string& text)>;

/// One choice for each length, ascending: made here rather than elsewhere, complete, warm, the latest.
std::vector<Choice> select(std::vector<Choice> choices, const Wanted& wanted);

/// The plan with these choices' laid over it.
TunedPlan overlay(TunedPlan under, const std::vector<Choice>& choices, const Wanted& wanted, bool shipped,
                  const ReadPlan& read);
TunedGpuPlan overlay(TunedGpuPlan under, const std::vector<Choice>& choices, const Wanted& wanted, bool shipped,
                     const ReadTile& read);

}  // namespace unstride::tuning
