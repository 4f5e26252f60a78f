// The CPU micro-kernel shapes: one registry row each. Adding one: docs/adding-a-kernel.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/bfloat16_parts.h"
#include "codegen/plan/cpu_plan.h"
#include "codegen/plan/polyphase.h"
#include "codegen/plan/target.h"
#include "codegen/plan/weight_layout.h"

namespace unstride::plan {

/// A layer to be compiled for a CPU.
struct CpuProblem {
  CpuProblem(const LayerSpec& spec, const CpuTarget& target);
  LayerSpec spec;
  CpuTarget target;
  Polyphase polyphase;
  int lanes;  ///< of a vector: elements of the arithmetic

  std::int64_t in_channels() const { return spec.in_channels_per_group(); }
  std::int64_t out_channels() const { return spec.out_channels_per_group(); }
  /// Of an element in panels, packed weights and sums; those of x and y may be smaller.
  std::int64_t element_bytes() const { return size_in_bytes(accumulator_of(spec.dtype)); }
  std::int64_t storage_bytes() const { return size_in_bytes(spec.dtype); }
  /// x and y hold another type than the arithmetic: it is converted on the way in and out.
  bool converts() const { return accumulator_of(spec.dtype) != spec.dtype; }
};

/// What a plan means for one layer: everything that code generation, packing and running must agree on.
struct CpuGeometry {
  CpuGeometry(const CpuProblem& problem, const CpuPlan& plan);
  WeightLayout weights;
  std::int64_t tile_columns, tail_columns;
  std::int64_t tail_reach;            ///< columns at the end of a strip that tail tiles take; more take a whole one
  std::int64_t overhang;              ///< columns that a strip's last tile may compute in vain
  std::int64_t column_step;           ///< elements between two columns of a strip: 1, or a line for the matrix unit
  std::int64_t panel_pitch;           ///< elements between two input channels of a strip
  std::int64_t strip_elements;        ///< a strip of the input panel: [input channel][reach + column]
  std::int64_t panel_elements;        ///< [strip]
  std::int64_t stage_elements;        ///< one tile's outputs on their way to y
  std::int64_t accumulator_elements;  ///< sums kept between channel blocks, of one row tile and all columns of a panel
  std::int64_t scratch_bytes;         ///< of one thread
};

struct CpuStrategy {
  std::string_view name;
  /// Every tile shape worth trying; empty when the strategy cannot compute the layer.
  std::vector<CpuPlan> (*enumerate)(const CpuProblem&);
  /// Empty when the plan can be compiled for this layer, else what is wrong with it.
  std::string (*why_illegal)(const CpuProblem&, const CpuPlan&);
  /// Predicted cycles of one core for one group and this many columns, input in cache.
  double (*predict)(const CpuProblem&, const CpuPlan&, std::int64_t columns);
  /// The tiles that cover one group's rows.
  std::vector<RowRun> (*runs)(const CpuProblem&, const CpuPlan&);
  /// Columns of a whole tile, and of a tail tile.
  std::int64_t (*tile_columns)(const CpuProblem&, const CpuPlan&);
  std::int64_t (*tail_columns)(const CpuProblem&, const CpuPlan&);
  /// Elements of the outputs that a tile holds in memory on their way to y.
  std::int64_t (*stage_elements)(const CpuProblem&, const CpuPlan&);
  /// Its tiles read x themselves, ends and prologue included: there is no panel.
  bool reads_x = false;
};

extern const CpuStrategy row_lanes, phase_lanes, column_lanes, depthwise, row_pairs, amx_tiles;

std::span<const CpuStrategy* const> cpu_strategies();
const CpuStrategy& strategy_of(const CpuPlan& plan);

/// The runs of row_lanes: `rows` rows at most in a tile, whole multiples of `unit` in memory, of one phase or as many
/// as read the same window.
std::vector<RowRun> row_runs(const CpuProblem& problem, std::int64_t rows, std::int64_t unit, bool one_phase = false);

/// Cycles of one (input channel, tap) step of a tile of row_lanes.
double row_step_cycles(const CpuProblem& problem, int vectors, int columns, bool weights_in_l1);

/// Adds plans of this tile: with strips, panel and channel blocks for so many columns, and each way to read the input.
void add_plans(const CpuProblem& problem, CpuPlan plan, std::int64_t tile_columns, std::vector<CpuPlan>& plans);

/// How often a tile's sums leave the registers and come back: between its channel blocks.
double revisits(const CpuProblem& problem, const CpuPlan& plan);

/// The most columns at the end of a strip that tail tiles take: as many tails as would compute a whole tile's columns
/// would read the weights several times for it.
std::int64_t tail_reach(std::int64_t tile_columns, std::int64_t tail_columns);

/// How many whole and tail tiles cover so many columns; of many columns in the mean over lengths, so that no length is
/// better than its neighbours because a tile divides it.
struct ExpectedTiles {
  double whole, tails;
};
ExpectedTiles expected_tiles(std::int64_t columns, std::int64_t tile_columns, std::int64_t tail_columns);

/// Whether tiles of depthwise with so many vectors leave registers for all weights of a row.
bool depthwise_weights_stay(const CpuProblem& problem, int vectors);

/// Whether amx_tiles makes vectors of the outputs that one channel has in some columns, of so many channels at once:
/// these fill a vector, and gaps between columns are few or none.
bool amx_outputs_fill_vectors(const CpuProblem& problem, const RowRun& run);
/// Else: columns of one channel whose outputs lie within a vector of y.
std::int64_t amx_columns_of_a_vector(const CpuProblem& problem, const RowRun& run);
/// How a plan with amx_tiles takes operands apart.
const Bfloat16Parts& amx_parts(const CpuProblem& problem, const CpuPlan& plan);
/// Whether inputs go into the panel of amx_tiles as they are.
bool amx_moves_inputs(const CpuProblem& problem);

/// Cycles of computing and of a stream that is read meanwhile: of the shorter, the other hides all but a part.
double overlapped(double computing, double streaming, double left = 0.25);

std::int64_t weight_bytes_of_a_group(const CpuProblem& problem);
/// Whether the packed weights of one group stay in half of the second-level cache.
bool weights_in_l2(const CpuProblem& problem);
/// Predicted cycles of one row tile with so many columns in so many column tiles, which take `cycles` once the weights
/// are in the cache.
double predict_row_tile(const CpuProblem& problem, const CpuPlan& plan, const RowRun& run, std::int64_t columns,
                        double column_tiles, double cycles);

/// A core's share of the third-level cache, as far as plans care.
inline constexpr std::int64_t third_level_bytes = 16 << 20;
/// The most columns whose inputs and outputs, of all groups, take so many bytes at most.
std::int64_t columns_within(const CpuProblem& problem, std::int64_t bytes);

/// Predicted cycles to pack one strip.
double packing_cycles(const CpuProblem& problem, const CpuPlan& plan);
/// How many strips of a call are packed: those at the ends of the input are also where tiles read x itself.
std::int64_t packed_strips(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns);

/// Predicted cycles to bring one group's inputs of this many columns to where tiles read them, and to read them there
/// once for each of `row_tiles`.
double predict_input(const CpuProblem& problem, const CpuPlan& plan, std::int64_t tile_columns, std::int64_t columns,
                     std::int64_t row_tiles);

}  // namespace unstride::plan
