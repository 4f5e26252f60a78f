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
  static constexpr std::string_view name = "row_lanes";
  int vectors = 1;       ///< of rows in a tile
  int columns = 1;       ///< in a tile
  int tail_columns = 1;  ///< in a tile at the end of a block, where a whole one doesn't fit

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

/// The matrix unit, under fast math: tiles of 16 columns by 16 rows (channel, phase), 32 input channels at a time, in
/// bfloat16 parts. Accumulators: [columns][rows], in its own registers.
struct AmxTiles {
  static constexpr std::string_view name = "amx_tiles";
  static constexpr std::int64_t size = 16;      ///< rows and columns of one matrix tile
  static constexpr std::int64_t channels = 32;  ///< input channels of one product
  int rows = 1;                                 ///< matrix tiles in a tile
  int columns = 1;
  int tail_columns = 1;  ///< in a tile at the end of a block, where a whole one doesn't fit

  friend bool operator==(const AmxTiles&, const AmxTiles&) = default;
};

/// Where tiles read the input: in a packed panel, or in x itself. Strips at the ends of the input are always packed.
enum class Input { packed, direct };

struct CpuPlan {
  std::variant<RowLanes, ColumnLanes, AmxTiles> tile;
  Input input = Input::packed;
  int unrolled_taps = 1;           ///< a tap loop of at most so many rounds is unrolled
  std::int64_t channel_block = 0;  ///< input channels between two visits of a tile's accumulators
  std::int64_t strip = 0;          ///< columns that lie side by side in a packed input panel
  std::int64_t column_block = 0;   ///< columns of one packed input panel, a whole number of strips

  std::string_view strategy() const;
  bool uses_matrix_unit() const { return std::holds_alternative<AmxTiles>(tile); }
  friend bool operator==(const CpuPlan&, const CpuPlan&) = default;
};

/// "row_lanes vectors=2 columns=14 tail=7 input=packed taps=4 channel_block=512 strip=14 column_block=448"
std::string to_string(const CpuPlan& plan);
/// Reads what to_string writes. Throws ArgumentError that names the part it can't read.
CpuPlan parse_plan(std::string_view text);

/// Elements of the vectors that this layer and vector width make.
int lanes(const LayerSpec& spec, int vector_bytes);

}  // namespace unstride::plan
