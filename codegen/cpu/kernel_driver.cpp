// The loop nest around the tile functions:
//
//   for item in [begin, end): (batch, group, column block, row chunk)
//     pack the panel of the column block, strip by strip
//     for each run: for each row tile of the chunk:          its weights stay in cache ...
//       for each channel block: for each strip: for each column tile:   ... while the columns go by
//         tile(...)
#include "codegen/cpu/kernel_driver.h"

#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>
#include <cstddef>

#include "codegen/cpu/amx.h"
#include "codegen/cpu/depthwise.h"
#include "codegen/cpu/panel.h"
#include "codegen/cpu/tile.h"
#include "codegen/cpu/work_items.h"
#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

class Driver {
 public:
  Driver(Emitter& e, const plan::CpuPlan& p)
      : emit(e), problem(e.problem), spec(e.problem.spec), plan(p), geometry(e.problem, p), frame(e, geometry) {}

  void emit_all(const std::string& symbol) {
    pack_panel =
        plan.uses_matrix_unit() ? emit_pack_amx_panel(emit, plan, geometry) : emit_pack_panel(emit, plan, geometry);
    for (const plan::RowRun& run : geometry.weights.runs) {
      const TileShape whole{plan, geometry, run, geometry.tile_columns};
      TileShape tail = whole;
      tail.columns = geometry.tail_columns;
      llvm::Function* whole_tile = tile_emitter(plan)(emit, whole);
      tiles.push_back({whole_tile, tail.columns == whole.columns ? whole_tile : tile_emitter(plan)(emit, tail),
                       plan.uses_matrix_unit() ? emit_finish_amx_tile(emit, whole) : nullptr});
    }
    emit_driver(symbol);
  }

 private:
  // Where the tiles of a strip read: element `reach` of an input channel is the one at the strip's first column.
  struct Window {
    Value *x, *pitch;
  };

  struct Tiles {
    llvm::Function *whole, *tail;
    llvm::Function* finish;  // what a whole tile leaves to the next; null: nothing
  };

  void emit_driver(const std::string& symbol) {
    if (plan.uses_matrix_unit()) {
      frame.before_items = [this] { emit_configure_tiles(emit); };
      frame.after_items = [this] { emit_release_tiles(emit); };
    }
    frame.emit(symbol, [&](const WorkItem& item) {
      panel = frame.scratch;
      stage = emit.at(panel, geometry.panel_elements);
      accumulators = emit.at(stage, geometry.stage_elements);
      emit_item(item);
    });
  }

  void emit_item(const WorkItem& item) {
    Value* first_input = emit.sub(item.column, emit.i64(problem.polyphase.reach()));
    pack_strips(item, first_input);
    if (plan.uses_matrix_unit()) emit_no_amx_tile_waits(emit, plan, stage);
    Value* first_output = emit.sub(emit.mul(item.column, spec.stride), emit.i64(plan::grid_offset(spec)));
    if (problem.polyphase.has_bias_only_phases() && plan.strategy() != plan::ColumnLanes::name)
      fill_with_biases(item, first_output);

    std::int64_t tile_base = 0, weight_base = 0, bias_base = 0;
    for (std::size_t i = 0; i < geometry.weights.runs.size(); ++i) {
      const plan::RowRun& run = geometry.weights.runs[i];
      Value* begin = emit.max(emit.i64(0), emit.sub(item.first_tile, emit.i64(tile_base)));
      Value* end = emit.min(emit.i64(run.tiles()), emit.sub(item.last_tile, emit.i64(tile_base)));
      emit.loop(begin, end, 1, [&](Value* tile) {
        WorkItem at_run = item;
        at_run.weights = emit.at(item.weights, weight_base);
        at_run.biases = emit.at(item.biases, bias_base);
        emit_row_tile(at_run, run, tiles[i], tile, first_input, first_output);
      });
      if (tiles[i].finish) emit.builder.CreateCall(tiles[i].finish, {stage, frame.y_pitch});
      tile_base += run.tiles();
      weight_base += run.tiles() * geometry.weights.tile_weights(run);
      bias_base += run.tiles() * run.rows;
    }
  }

  // Element e of a strip is the input `reach` before the strip's first column, plus e.
  void pack_strips(const WorkItem& item, Value* first_input) {
    const auto pack = [&](Value* to, Value* begin, Value* end) {
      emit.builder.CreateCall(pack_panel, {to, item.x, frame.x_pitch, first_input, begin, end, item.columns,
                                           frame.strip_columns, frame.input_length});
    };
    if (plan.input == plan::Input::packed) return pack(panel, emit.i64(0), item.columns);
    for_each_strip(item, [&](Value* column, Value* packed) {
      emit.branch(
          inside_input(item, column, first_input), [] {},
          [&] { pack(packed, column, emit.add(column, frame.strip_columns)); });
    });
  }

  // f(its first column, where it is packed)
  void for_each_strip(const WorkItem& item, const std::function<void(Value* column, Value* packed)>& f) {
    emit.loop(emit.i64(0), item.columns, {panel}, [&](Value* column, const Values& packed) -> Emitter::Step {
      f(column, packed[0]);
      return {frame.strip_columns, {emit.at(packed[0], geometry.strip_elements)}};
    });
  }

  // Inputs that the tiles of the strip at `column` read, those of a tile that runs past the block included.
  Value* strip_width(const WorkItem& item, Value* column) {
    const std::int64_t reach = problem.polyphase.reach();
    Value* columns = emit.sub(item.columns, column);
    return emit.min(emit.add(columns, reach + geometry.overhang), emit.i64(plan.strip + reach));
  }

  Value* inside_input(const WorkItem& item, Value* column, Value* first_input) {
    return emit.inside(emit.add(first_input, column), strip_width(item, column), frame.input_length);
  }

  Window window_at(const WorkItem& item, Value* column, Value* packed_strip, Value* first_input) {
    const Window packed{packed_strip, emit.i64(geometry.panel_pitch)};
    if (plan.input == plan::Input::packed) return packed;
    Value* inside = inside_input(item, column, first_input);
    return {emit.builder.CreateSelect(inside, emit.at_stored(item.x, emit.add(first_input, column)), packed.x),
            emit.builder.CreateSelect(inside, frame.x_pitch, packed.pitch)};
  }

  // Every output of the block, with the runs to come writing over those of the phases that have taps.
  void fill_with_biases(const WorkItem& item, Value* first_output) {
    Value* begin = emit.max(emit.i64(0), first_output);
    Value* end = emit.min(frame.output_length, emit.add(first_output, emit.mul(item.columns, spec.stride)));
    const plan::RowRun& run = geometry.weights.runs.front();
    emit.loop(emit.i64(0), emit.i64(problem.out_channels()), 1, [&](Value* channel) {
      Value* tile = emit.builder.CreateUDiv(channel, emit.i64(run.channels));
      Value* row = emit.mul(emit.sub(channel, emit.mul(tile, run.channels)), run.phases);
      Value* bias = emit.load_splat(emit.at(item.biases, emit.add(emit.mul(tile, run.rows), row)));
      bias = emit.rounded(emit.activate(spec.epilogue, bias));
      Value* y = emit.at_stored(item.y, emit.mul(channel, frame.y_pitch));
      emit.loop(begin, end, problem.lanes, [&](Value* o) {
        Value* rest = emit.min(emit.sub(end, o), emit.i64(problem.lanes));
        emit.masked_store_rounded(bias, emit.at_stored(y, o), emit.lanes_within(emit.i64(0), emit.i64(0), rest));
      });
    });
  }

  void emit_row_tile(const WorkItem& item, const plan::RowRun& run, const Tiles& functions, Value* tile,
                     Value* first_input, Value* first_output) {
    const plan::Polyphase& p = problem.polyphase;
    Value* block = emit.builder.CreateUDiv(tile, emit.i64(run.channel_tiles));
    Value* channel = emit.mul(emit.sub(tile, emit.mul(block, run.channel_tiles)), run.channels);
    Value* first_tap = emit.add(emit.mul(block, run.phases), run.first_tap);
    Value* steps = emit.mul(first_tap, p.dilation);
    // A tile of all phases finds them by itself; else its block starts at one phase.
    const bool all_phases = run.blocks == 1 && run.phases == p.phases();
    Value* delay = all_phases ? emit.i64(0) : emit.builder.CreateUDiv(steps, emit.i64(p.stride));
    Value* phase = all_phases ? emit.i64(0) : emit.sub(steps, emit.mul(delay, p.stride));

    TileArguments tile_arguments{};
    tile_arguments.stage = stage;
    tile_arguments.biases = emit.at(item.biases, emit.mul(tile, run.rows));
    tile_arguments.y = emit.at_stored(item.y, emit.mul(channel, frame.y_pitch));
    tile_arguments.y_pitch = frame.y_pitch;
    tile_arguments.output_length = frame.output_length;
    tile_arguments.live_channels =
        emit.min(emit.i64(run.channels), emit.sub(emit.i64(problem.out_channels()), channel));
    Value* weights = emit.at(item.weights, emit.mul(tile, geometry.weights.tile_weights(run)));
    Value* output = emit.add(first_output, phase);

    const Ahead ahead = what_is_ahead(item, run, tile, first_input);
    const std::int64_t all = problem.in_channels();
    emit.loop(emit.i64(0), emit.i64(all), plan.channel_block, [&](Value* first_channel) {
      tile_arguments.channels = emit.min(emit.i64(plan.channel_block), emit.sub(emit.i64(all), first_channel));
      tile_arguments.first = emit.builder.CreateICmpEQ(first_channel, emit.i64(0));
      tile_arguments.last = emit.builder.CreateICmpSGE(emit.add(first_channel, plan.channel_block), emit.i64(all));
      tile_arguments.weights = emit.at(weights, emit.mul(first_channel, geometry.weights.channel_weights(run)));
      for_each_strip(item, [&](Value* strip, Value* packed) {
        const Window window = window_at(item, strip, packed, first_input);
        tile_arguments.x_pitch = window.pitch;
        Value* rows = emit.at(window.x, emit.mul(first_channel, window.pitch));
        // Tiles count columns from the block's first, strips from their own; a phase reads its delay further back.
        Value* before = emit.sub(emit.sub(emit.i64(p.reach()), delay), strip);
        Value* origin = emit.at(rows, emit.mul(before, geometry.column_step));
        Value* end = emit.min(emit.add(strip, frame.strip_columns), item.columns);
        emit.loop(strip, end, {}, [&](Value* column, const Values&) -> Emitter::Step {
          Value* rest = emit.sub(end, column);
          Value* is_tail = emit.builder.CreateICmpSLE(rest, emit.i64(geometry.tail_reach));
          const auto by_width = [&](Value* tail, Value* whole) {
            return emit.builder.CreateSelect(is_tail, tail, whole);
          };
          Value* width = by_width(emit.i64(geometry.tail_columns), emit.i64(geometry.tile_columns));
          tile_arguments.columns = emit.min(rest, width);
          choose_taps(item, run, output, delay, column, tile_arguments);
          tile_arguments.x = emit.at(origin, emit.mul(column, geometry.column_step));
          ahead(tile_arguments, first_channel, column, width);
          tile_arguments.output = emit.add(output, emit.mul(column, spec.stride));
          tile_arguments.accumulators = emit.at(accumulators, emit.mul(column, run.rows));
          call_tile(emit, functions.whole->getFunctionType(), by_width(functions.tail, functions.whole),
                    tile_arguments);
          return {width, {}};
        });
      });
    });
  }

  // The taps of a tile that meet an input, in any of its columns whose output is inside y.
  void choose_taps(const WorkItem& item, const plan::RowRun& run, Value* output, Value* delay, Value* column,
                   TileArguments& tile) {
    Value *none = emit.i64(0), *all = emit.i64(run.taps);
    tile.first_tap = none;
    tile.last_tap = all;
    if (!plan.leaves_out_border()) return;
    auto& b = emit.builder;
    const plan::Polyphase& p = problem.polyphase;
    // ceil(a / b), at least 0.
    const auto ceil_quotient = [&](Value* dividend, std::int64_t divisor) {
      return b.CreateUDiv(emit.max(none, emit.add(dividend, divisor - 1)), emit.i64(divisor));
    };
    Value* first_inside = ceil_quotient(emit.sub(none, output), p.stride);
    Value* after_inside = ceil_quotient(emit.sub(frame.output_length, output), p.stride);
    Value* first = emit.max(column, first_inside);
    Value* after = emit.min(emit.add(column, tile.columns), after_inside);
    // With its first tap, a column of the grid reads the input of that number, less the delay.
    Value* before = emit.sub(item.column, delay);
    Value* past_input = emit.sub(emit.add(first, before), emit.sub(frame.input_length, emit.i64(1)));
    Value* last_tap = emit.min(all, ceil_quotient(emit.add(after, before), p.input_step));
    Value* first_tap = emit.min(last_tap, ceil_quotient(past_input, p.input_step));
    Value* border_counts = b.CreateICmpNE(frame.border_counts, none);
    tile.first_tap = b.CreateSelect(border_counts, none, first_tap);
    tile.last_tap = b.CreateSelect(border_counts, all, last_tap);
  }

  // Says what a tile of so many columns at `column` prefetches while it computes: sets TileArguments::ahead and its
  // steps.
  using Ahead = std::function<void(TileArguments& tile, Value* first_channel, Value* column, Value* tile_columns)>;

  Ahead what_is_ahead(const WorkItem& item, const plan::RowRun& run, Value* row_tile, Value* first_input) {
    switch (plan.prefetch) {
      case plan::Prefetch::weights:
        return next_weights(item, run);
      case plan::Prefetch::input:
        return next_inputs(item, run, row_tile, first_input);
      case plan::Prefetch::none:
        break;
    }
    return [this](TileArguments& tile, Value*, Value*, Value*) {
      tile.ahead = tile.weights;
      tile.ahead_tap_step = tile.ahead_channel_step = emit.i64(0);
    };
  }

  // The weights behind those of this channel block, which are the next to be read: each column tile asks for a share.
  Ahead next_weights(const WorkItem& item, const plan::RowRun& run) {
    const std::int64_t block = std::min(plan.channel_block, geometry.weights.packed_channels) *
                               geometry.weights.channel_weights(run) * problem.element_bytes();
    const std::int64_t tap = geometry.weights.channels_at_once * geometry.weights.channel_weights(run) / run.taps;
    return [=, this, &item, &run](TileArguments& tile, Value*, Value* column, Value* tile_columns) {
      auto& b = emit.builder;
      Value* before = b.CreateUDiv(emit.mul(column, block), item.columns);
      tile.ahead = emit.bytes_at(tile.weights, emit.add(before, block));
      Value* share = emit.min(tile_columns, item.columns);
      tile.ahead_tap_step = b.CreateUDiv(emit.mul(share, tap * problem.element_bytes()), item.columns);
      tile.ahead_channel_step = emit.mul(tile.ahead_tap_step, run.taps);
    };
  }

  // The next column block's inputs. A channel's inputs of one tile are some cache lines: the first row tiles ask for as
  // many each as there are taps.
  Ahead next_inputs(const WorkItem& item, const plan::RowRun& run, Value* row_tile, Value* first_input) {
    constexpr std::int64_t line = 64;
    const std::int64_t lines = support::ceil_div(geometry.tile_columns * problem.element_bytes(), line);
    auto& b = emit.builder;
    Value* mine = b.CreateICmpSLT(emit.mul(row_tile, run.taps), emit.i64(lines));
    Value* tap_step = b.CreateSelect(mine, emit.i64(line), emit.i64(0));
    Value* channel_step = b.CreateSelect(mine, emit.mul(frame.x_pitch, size_in_bytes(spec.dtype)), emit.i64(0));
    Value* first =
        emit.add(emit.add(first_input, item.columns), emit.mul(row_tile, run.taps * line / problem.element_bytes()));
    return [=, this, &item](TileArguments& tile, Value* first_channel, Value* column, Value*) {
      Value* next = emit.at_stored(item.x, emit.add(emit.mul(first_channel, frame.x_pitch), emit.add(first, column)));
      tile.ahead = emit.builder.CreateSelect(mine, next, tile.weights);
      tile.ahead_tap_step = tap_step;
      tile.ahead_channel_step = channel_step;
    };
  }

  Emitter& emit;
  const plan::CpuProblem& problem;
  const LayerSpec& spec;
  const plan::CpuPlan& plan;
  const plan::CpuGeometry geometry;
  KernelFrame frame;
  llvm::Function* pack_panel = nullptr;
  std::vector<Tiles> tiles;
  Value *panel = nullptr, *stage = nullptr, *accumulators = nullptr;
};

}  // namespace

void emit_kernel(Emitter& emit, const plan::CpuPlan& plan, const std::string& symbol) {
  if (plan.strategy() == plan::Depthwise::name) return emit_depthwise_kernel(emit, plan, symbol);
  Driver(emit, plan).emit_all(symbol);
}

}  // namespace unstride::cpu
