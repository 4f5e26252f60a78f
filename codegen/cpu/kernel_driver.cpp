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
#include "codegen/cpu/kernel_abi.h"
#include "codegen/cpu/panel.h"
#include "codegen/cpu/tile.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

class Driver {
 public:
  Driver(Emitter& e, const plan::CpuPlan& p)
      : emit(e), problem(e.problem), spec(e.problem.spec), plan(p), geometry(e.problem, p) {}

  void emit_all() {
    pack_panel = plan.uses_matrix_unit() ? emit_pack_amx_panel(emit, geometry) : emit_pack_panel(emit, geometry);
    llvm::Function* copy_clamped = emit_copy_clamped(emit);
    for (const plan::RowRun& run : geometry.weights.runs) {
      const TileShape whole{plan, geometry, run, geometry.tile_columns, copy_clamped};
      TileShape tail = whole;
      tail.columns = geometry.tail_columns;
      llvm::Function* whole_tile = tile_emitter(plan)(emit, whole);
      tiles.push_back({whole_tile, tail.columns == whole.columns ? whole_tile : tile_emitter(plan)(emit, tail)});
    }
    emit_driver();
  }

 private:
  // Where the tiles of a strip read: element `reach` of an input channel is the one at the strip's first column.
  struct Window {
    Value *x, *pitch;
  };

  struct Tiles {
    llvm::Function *whole, *tail;
  };

  // What is known once an item is decoded.
  struct Item {
    Value *x, *y, *weights, *biases;  // of the group; x and y of the batch element too
    Value *first_column, *columns;    // of the block; first_column counts from plan::Columns::first
    Value *first_tile, *last_tile;    // row tiles of the chunk
  };

  Value* argument(std::size_t offset, llvm::Type* type) {
    return emit.builder.CreateLoad(type, emit.builder.CreateConstGEP1_64(emit.builder.getInt8Ty(), arguments, offset));
  }
  Value* number(std::size_t offset) { return argument(offset, emit.i64_type()); }
  Value* pointer(std::size_t offset) { return argument(offset, emit.pointer_type()); }

  void emit_driver() {
    const std::array types = {emit.pointer_type(), emit.i64_type(), emit.i64_type(), emit.pointer_type()};
    llvm::Function* function = emit.begin_function(kernel_symbol, types, /*exported=*/true);
    arguments = function->getArg(0);
    x_pitch = number(offsetof(KernelArguments, x_pitch));
    y_pitch = number(offsetof(KernelArguments, y_pitch));
    input_length = number(offsetof(KernelArguments, input_length));
    output_length = number(offsetof(KernelArguments, output_length));
    panel = function->getArg(3);
    stage = emit.at(panel, geometry.panel_elements);
    accumulators = emit.at(stage, geometry.stage_elements);
    if (plan.uses_matrix_unit()) emit_configure_tiles(emit);
    emit.loop(function->getArg(1), function->getArg(2), 1, [&](Value* index) { emit_item(decode(index)); });
    if (plan.uses_matrix_unit()) emit_release_tiles(emit);
    emit.end_function();
  }

  // index = ((batch * groups + group) * column_blocks + column_block) * row_chunks + row_chunk
  Item decode(Value* index) {
    auto& b = emit.builder;
    const auto split = [&](Value* count) {
      Value* rest = b.CreateUDiv(index, count);
      Value* part = emit.sub(index, emit.mul(rest, count));
      index = rest;
      return part;
    };
    Value* chunk = split(number(offsetof(KernelArguments, row_chunks)));
    Value* block = split(number(offsetof(KernelArguments, column_blocks)));
    Value* group = split(emit.i64(spec.groups));
    Value* batch = index;

    Item item{};
    const auto input_channel = emit.mul(group, problem.in_channels());
    const auto output_channel = emit.mul(group, problem.out_channels());
    item.x = emit.at_stored(
        pointer(offsetof(KernelArguments, x)),
        emit.add(emit.mul(batch, number(offsetof(KernelArguments, x_batch_pitch))), emit.mul(input_channel, x_pitch)));
    item.y = emit.at_stored(
        pointer(offsetof(KernelArguments, y)),
        emit.add(emit.mul(batch, number(offsetof(KernelArguments, y_batch_pitch))), emit.mul(output_channel, y_pitch)));
    item.weights =
        emit.at(pointer(offsetof(KernelArguments, weights)), emit.mul(group, geometry.weights.group_weights()));
    item.biases = emit.at(pointer(offsetof(KernelArguments, biases)), emit.mul(group, geometry.weights.group_biases()));

    Value* block_columns = number(offsetof(KernelArguments, block_columns));
    item.first_column = emit.mul(block, block_columns);
    item.columns = emit.min(block_columns, emit.sub(number(offsetof(KernelArguments, columns)), item.first_column));
    Value* chunk_tiles = number(offsetof(KernelArguments, chunk_tiles));
    item.first_tile = emit.mul(chunk, chunk_tiles);
    item.last_tile = emit.add(item.first_tile, chunk_tiles);
    return item;
  }

  void emit_item(const Item& item) {
    const std::int64_t offset = plan::grid_offset(spec);
    Value* q = emit.add(item.first_column, offset / spec.stride);
    Value* first_input = emit.sub(q, emit.i64(problem.polyphase.reach()));
    pack_strips(item, first_input);
    Value* first_output = emit.sub(emit.mul(q, spec.stride), emit.i64(offset));
    if (problem.polyphase.has_bias_only_phases() && plan.strategy() != plan::ColumnLanes::name)
      fill_with_biases(item, first_output);

    std::int64_t tile_base = 0, weight_base = 0, bias_base = 0;
    for (std::size_t i = 0; i < geometry.weights.runs.size(); ++i) {
      const plan::RowRun& run = geometry.weights.runs[i];
      Value* begin = emit.max(emit.i64(0), emit.sub(item.first_tile, emit.i64(tile_base)));
      Value* end = emit.min(emit.i64(run.tiles()), emit.sub(item.last_tile, emit.i64(tile_base)));
      emit.loop(begin, end, 1, [&](Value* tile) {
        Item at_run = item;
        at_run.weights = emit.at(item.weights, weight_base);
        at_run.biases = emit.at(item.biases, bias_base);
        emit_row_tile(at_run, run, tiles[i], tile, first_input, first_output);
      });
      tile_base += run.tiles();
      weight_base += run.tiles() * geometry.weights.tile_weights(run);
      bias_base += run.tiles() * run.rows;
    }
  }

  // Element e of a strip is the input `reach` before the strip's first column, plus e.
  void pack_strips(const Item& item, Value* first_input) {
    emit.loop(emit.i64(0), item.columns, plan.strip, [&](Value* column) {
      const auto pack = [&] {
        call_pack_panel(emit, pack_panel, strip_at(column), item.x, x_pitch, emit.add(first_input, column),
                        strip_width(item, column), input_length);
      };
      if (plan.input == plan::Input::packed) return pack();
      emit.branch(
          inside_input(item, column, first_input), [] {}, pack);
    });
  }

  // Inputs that the tiles of the strip at `column` read, those of a tail tile that runs past the block included.
  Value* strip_width(const Item& item, Value* column) {
    const std::int64_t reach = problem.polyphase.reach();
    Value* columns = emit.sub(item.columns, column);
    return emit.min(emit.add(columns, reach + geometry.tail_columns - 1), emit.i64(plan.strip + reach));
  }

  Value* inside_input(const Item& item, Value* column, Value* first_input) {
    Value* first = emit.add(first_input, column);
    return emit.builder.CreateAnd(emit.builder.CreateICmpSGE(first, emit.i64(0)),
                                  emit.builder.CreateICmpSLE(emit.add(first, strip_width(item, column)), input_length));
  }

  Value* strip_at(Value* column) {
    return emit.at(panel, emit.mul(emit.builder.CreateUDiv(column, emit.i64(plan.strip)), geometry.strip_elements));
  }

  Window window_at(const Item& item, Value* column, Value* first_input) {
    const Window packed{strip_at(column), emit.i64(geometry.panel_pitch)};
    if (plan.input == plan::Input::packed) return packed;
    Value* inside = inside_input(item, column, first_input);
    return {emit.builder.CreateSelect(inside, emit.at_stored(item.x, emit.add(first_input, column)), packed.x),
            emit.builder.CreateSelect(inside, x_pitch, packed.pitch)};
  }

  // Every output of the block, with the runs to come writing over those of the phases that have taps.
  void fill_with_biases(const Item& item, Value* first_output) {
    Value* begin = emit.max(emit.i64(0), first_output);
    Value* end = emit.min(output_length, emit.add(first_output, emit.mul(item.columns, spec.stride)));
    const plan::RowRun& run = geometry.weights.runs.front();
    emit.loop(emit.i64(0), emit.i64(problem.out_channels()), 1, [&](Value* channel) {
      Value* tile = emit.builder.CreateUDiv(channel, emit.i64(run.channels));
      Value* row = emit.mul(emit.sub(channel, emit.mul(tile, run.channels)), run.phases);
      Value* bias = emit.load_splat(emit.at(item.biases, emit.add(emit.mul(tile, run.rows), row)));
      bias = emit.rounded(emit.activate(spec.epilogue, bias));
      Value* y = emit.at_stored(item.y, emit.mul(channel, y_pitch));
      emit.loop(begin, end, problem.lanes, [&](Value* o) {
        Value* rest = emit.min(emit.sub(end, o), emit.i64(problem.lanes));
        emit.masked_store_rounded(bias, emit.at_stored(y, o), emit.lanes_within(emit.i64(0), emit.i64(0), rest));
      });
    });
  }

  void emit_row_tile(const Item& item, const plan::RowRun& run, const Tiles& functions, Value* tile, Value* first_input,
                     Value* first_output) {
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
    tile_arguments.y = emit.at_stored(item.y, emit.mul(channel, y_pitch));
    tile_arguments.y_pitch = y_pitch;
    tile_arguments.output_length = output_length;
    tile_arguments.live_channels =
        emit.min(emit.i64(run.channels), emit.sub(emit.i64(problem.out_channels()), channel));
    Value* weights = emit.at(item.weights, emit.mul(tile, geometry.weights.tile_weights(run)));
    Value* output = emit.add(first_output, phase);

    const std::int64_t all = problem.in_channels();
    emit.loop(emit.i64(0), emit.i64(all), plan.channel_block, [&](Value* first_channel) {
      tile_arguments.channels = emit.min(emit.i64(plan.channel_block), emit.sub(emit.i64(all), first_channel));
      tile_arguments.first = emit.builder.CreateICmpEQ(first_channel, emit.i64(0));
      tile_arguments.last = emit.builder.CreateICmpSGE(emit.add(first_channel, plan.channel_block), emit.i64(all));
      tile_arguments.weights = emit.at(weights, emit.mul(first_channel, geometry.weights.channel_weights(run)));
      const auto column_tiles = [&](Value* origin, llvm::Function* function, Value* begin, Value* end,
                                    std::int64_t columns) {
        emit.loop(begin, end, columns, [&](Value* column) {
          tile_arguments.x = emit.at(origin, emit.mul(column, geometry.column_step));
          tile_arguments.output = emit.add(output, emit.mul(column, spec.stride));
          tile_arguments.accumulators = emit.at(accumulators, emit.mul(column, run.rows));
          call_tile(emit, function, tile_arguments);
        });
      };
      emit.loop(emit.i64(0), item.columns, plan.strip, [&](Value* strip) {
        const Window window = window_at(item, strip, first_input);
        tile_arguments.x_pitch = window.pitch;
        Value* rows = emit.at(window.x, emit.mul(first_channel, window.pitch));
        // Tiles count columns from the block's first, strips from their own; a phase reads its delay further back.
        Value* before = emit.sub(emit.sub(emit.i64(p.reach()), delay), strip);
        Value* origin = emit.at(rows, emit.mul(before, geometry.column_step));
        Value* columns = emit.min(emit.i64(plan.strip), emit.sub(item.columns, strip));
        Value* whole =
            emit.mul(emit.builder.CreateUDiv(columns, emit.i64(geometry.tile_columns)), geometry.tile_columns);
        Value* tails = emit.add(strip, whole);
        column_tiles(origin, functions.whole, strip, tails, geometry.tile_columns);
        column_tiles(origin, functions.tail, tails, emit.add(strip, columns), geometry.tail_columns);
      });
    });
  }

  Emitter& emit;
  const plan::CpuProblem& problem;
  const LayerSpec& spec;
  const plan::CpuPlan& plan;
  const plan::CpuGeometry geometry;
  llvm::Function* pack_panel = nullptr;
  std::vector<Tiles> tiles;
  Value *arguments = nullptr, *x_pitch = nullptr, *y_pitch = nullptr, *input_length = nullptr, *output_length = nullptr;
  Value *panel = nullptr, *stage = nullptr, *accumulators = nullptr;
};

}  // namespace

void emit_kernel(Emitter& emit, const plan::CpuPlan& plan) {
  Driver(emit, plan).emit_all();
}

}  // namespace unstride::cpu
