// The decisions behind a CPU kernel, as small structs that print and parse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "codegen/plan/weight_layout.h"
#include "unstride/spec.hpp"

namespace unstride::plan {

/// lanes = (channel, phase): packed weights are loaded as vectors, each input is broadcast.
/// Accumulators: [columns][vectors].
struct RowLanes {
  static constexpr std::string_view name = "row_lanes", name_of_pairs = "row_pairs", name_of_one_phase = "phase_lanes";
  int vectors = 1;         ///< of rows in a tile
  int columns = 1;         ///< in a tile
  bool pairs = false;      ///< fast math: an element is two input channels in bfloat16; each step sums two products
  bool one_phase = false;  ///< a tile is one phase, and leaves out the taps that only meet the border

  std::string_view strategy() const { return pairs ? name_of_pairs : one_phase ? name_of_one_phase : name; }

  // A tile at the end of a block may have fewer columns. It has one of three widths, `step` apart and below `columns`;
  // narrower ones would gain little, as accumulators wait for each other.
  int step() const { return columns >= 4 ? columns / 4 : 1; }
  int narrowest() const { return columns > 3 * step() ? columns - 3 * step() : 1; }
  /// At most. A whole tile where it has no fewer.
  int tail_columns() const { return columns > step() ? columns - step() : columns; }
  /// The least width that so many columns fit into.
  int width_for(int wanted) const {
    return wanted <= narrowest() ? narrowest() : columns - (columns - wanted) / step() * step();
  }

  friend bool operator==(const RowLanes&, const RowLanes&) = default;
};

/// lanes = columns: inputs are loaded as vectors, each weight is broadcast, phases are interleaved at the store.
/// Accumulators: [channels][phases][vectors].
struct ColumnLanes {
  static constexpr std::string_view name = "column_lanes";
  int channels = 1;      ///< output channels in a tile
  int vectors = 1;       ///< of columns in a tile
  int tail_vectors = 1;  ///< in a tile at the end of a block, where a whole one doesn't fit

  friend bool operator==(const ColumnLanes&, const ColumnLanes&) = default;
};

/// lanes = columns, of layers with one input channel in each group: a tile is all phases of one output channel, and
/// passes over its row of the output. The input is read where it lies, with masks at its ends.
struct Depthwise {
  static constexpr std::string_view name = "depthwise";
  int vectors = 1;  ///< of columns in a tile

  friend bool operator==(const Depthwise&, const Depthwise&) = default;
};

/// The matrix unit, under fast math: tiles of 16 columns by 16 rows (channel, phase), 32 input channels at a time, in
/// bfloat16 parts. Accumulators: [columns][rows], in its own registers.
struct AmxTiles {
  static constexpr std::string_view name = "amx_tiles";
  static constexpr std::int64_t size = 16;           ///< rows and columns of one matrix tile
  static constexpr std::int64_t channels = 32;       ///< input channels of one product
  static constexpr std::int64_t line_elements = 16;  ///< of the sums, in a cache line
  int rows = 1;                                      ///< matrix tiles in a tile
  int columns = 1;
  int tail_columns = 1;  ///< in a tile at the end of a block, where a whole one doesn't fit
  int input_parts = 1;   ///< of bfloat16, which an input is a sum of: bfloat16_parts.h

  friend bool operator==(const AmxTiles&, const AmxTiles&) = default;
};

/// Where tiles read the input: in a packed panel, or in x itself. Strips at the ends of the input are always packed.
enum class Input { packed, direct };

/// What a tile asks memory for while it computes: the next row tile's weights, or the next column block's inputs.
enum class Prefetch { none, weights, input };

struct CpuPlan {
  std::variant<RowLanes, ColumnLanes, Depthwise, AmxTiles> tile;
  Input input = Input::packed;
  Prefetch prefetch = Prefetch::none;
  int unrolled_taps = 1;           ///< a tap loop of at most so many rounds is unrolled
  std::int64_t channel_block = 0;  ///< input channels between two visits of a tile's accumulators
  std::int64_t strip = 0;          ///< columns that lie side by side in a packed input panel
  std::int64_t column_block = 0;   ///< columns of one packed input panel, a whole number of strips

  std::string_view strategy() const;
  /// Of a strip in a call of so many columns: fewer than `strip` where tiles then compute fewer in vain.
  std::int64_t strip_columns(std::int64_t call_columns) const;
  bool uses_matrix_unit() const { return std::holds_alternative<AmxTiles>(tile); }
  bool reads_pairs() const {
    const auto* row_lanes = std::get_if<RowLanes>(&tile);
    return row_lanes && row_lanes->pairs;
  }
  bool leaves_out_border() const {
    const auto* row_lanes = std::get_if<RowLanes>(&tile);
    return row_lanes && row_lanes->one_phase;
  }
  friend bool operator==(const CpuPlan&, const CpuPlan&) = default;
};

/// "row_lanes vectors=2 columns=14 input=packed prefetch=weights taps=4 channel_block=512 ..."
std::string to_string(const CpuPlan& plan);
/// Reads what to_string writes. Throws ArgumentError that names the part it can't read.
CpuPlan parse_plan(std::string_view text);

/// Elements of the vectors that this layer and vector width make.
int lanes(const LayerSpec& spec, int vector_bytes);

}  // namespace unstride::plan
