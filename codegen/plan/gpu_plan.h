// The decisions behind a GPU kernel: a few tiles. All are compiled together, and a call runs the one that was measured
// to be the best for its batch and columns, else the one that is predicted to take least time: a new length never
// compiles.
//
// Tiles are structs of templates/cuda (ffma_tile.h and others). GpuTileText says what they and their fields are called,
// once for the plan's text, for its parser and for the generated source.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "codegen/plan/plan_fields.h"
#include "templates/cuda/depthwise_tile.h"
#include "templates/cuda/ffma_tile.h"
#include "templates/cuda/wgmma_tile.h"

namespace unstride::plan {

using GpuTile = std::variant<gpu::FfmaTile, gpu::DepthwiseTile, gpu::MmaTile, gpu::WgmmaTile>;

inline constexpr Names<gpu::Rows, 2> rows_names = {{{"channels", gpu::Rows::channels}, {"phases", gpu::Rows::phases}}};

template <typename Tile, typename Value>
struct TileField {
  std::string_view name;  ///< in plans, and of the member
  Value Tile::*member;
};
template <typename Tile, typename Value>
TileField(std::string_view, Value Tile::*) -> TileField<Tile, Value>;

/// name: of the strategy, of its kernel's function and of its header; type: of the tile; fields: all of them.
template <typename Tile>
struct GpuTileText;

template <>
struct GpuTileText<gpu::FfmaTile> {
  static constexpr std::string_view name = "ffma", type = "FfmaTile";
  using T = gpu::FfmaTile;
  static constexpr auto fields = std::tuple{TileField{"order", &T::order},
                                            TileField{"rows", &T::rows},
                                            TileField{"row_threads", &T::row_threads},
                                            TileField{"other_threads", &T::other_threads},
                                            TileField{"column_groups", &T::column_groups},
                                            TileField{"column_threads", &T::column_threads},
                                            TileField{"channel_block", &T::channel_block},
                                            TileField{"tap_block", &T::tap_block},
                                            TileField{"blocks_per_multiprocessor", &T::blocks_per_multiprocessor}};
};

template <>
struct GpuTileText<gpu::DepthwiseTile> {
  static constexpr std::string_view name = "depthwise", type = "DepthwiseTile";
  using T = gpu::DepthwiseTile;
  static constexpr auto fields = std::tuple{TileField{"columns", &T::columns}, TileField{"threads", &T::threads}};
};

template <>
struct GpuTileText<gpu::MmaTile> {
  static constexpr std::string_view name = "mma", type = "MmaTile";
  using T = gpu::MmaTile;
  static constexpr auto fields = std::tuple{TileField{"order", &T::order},
                                            TileField{"columns", &T::columns},
                                            TileField{"inner_tiles", &T::inner_tiles},
                                            TileField{"outer_tiles", &T::outer_tiles},
                                            TileField{"column_warps", &T::column_warps},
                                            TileField{"row_warps", &T::row_warps},
                                            TileField{"depth_warps", &T::depth_warps},
                                            TileField{"slabs", &T::slabs},
                                            TileField{"tap_block", &T::tap_block},
                                            TileField{"stages", &T::stages},
                                            TileField{"splits", &T::splits},
                                            TileField{"blocks_per_multiprocessor", &T::blocks_per_multiprocessor}};
};

template <>
struct GpuTileText<gpu::WgmmaTile> {
  static constexpr std::string_view name = "wgmma", type = "WgmmaTile";
  using T = gpu::WgmmaTile;
  static constexpr auto fields = std::tuple{TileField{"order", &T::order},
                                            TileField{"inner_tiles", &T::inner_tiles},
                                            TileField{"outer_tiles", &T::outer_tiles},
                                            TileField{"warpgroups", &T::warpgroups},
                                            TileField{"slabs", &T::slabs},
                                            TileField{"stages", &T::stages},
                                            TileField{"splits", &T::splits},
                                            TileField{"blocks_per_multiprocessor", &T::blocks_per_multiprocessor}};
};

/// Calls for which a tile was measured to be the best. What counts is batch times columns: on a GPU, a batch is more of
/// the same.
struct GpuCalls {
  std::int64_t least = 1, most = 0;
  std::size_t tile = 0;  ///< index in GpuPlan::tiles
  friend bool operator==(const GpuCalls&, const GpuCalls&) = default;
};

struct GpuPlan {
  std::vector<GpuTile> tiles;           ///< at least one
  std::vector<GpuCalls> measured = {};  ///< ascending, and apart from each other
  std::size_t only_where_measured = 0;  ///< tiles at the end that compute no other calls; fewer than there are

  /// Of the first tile.
  std::string_view strategy() const;
  friend bool operator==(const GpuPlan&, const GpuPlan&) = default;
};

/// "ffma order=channels rows=8 row_threads=16 ...; ffma order=channels rows=4 ...". Before a tile that was measured to
/// be the best for some calls stands what they have of batch times columns, "columns=65..256,1025..2048: ", and
/// "others" among it where the tile also computes other calls, "columns=others,65..256: ".
std::string to_string(const GpuTile& tile);
std::string to_string(const GpuPlan& plan);
/// Reads what to_string writes. Throws ArgumentError that names the part it can't read.
GpuPlan parse_gpu_plan(std::string_view text);

}  // namespace unstride::plan
