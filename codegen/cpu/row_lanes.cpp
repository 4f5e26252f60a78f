// The tile of row_lanes: weights as vectors, inputs broadcast. Accumulators [column][vector].
//
// The store goes through memory: a column's rows are a handful of contiguous pieces of the output, one for each
// channel, and a long reduction hides the copy. So one piece of code serves every stride.
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <algorithm>

#include "codegen/cpu/tile.h"

namespace unstride::cpu {

using llvm::Value;

void store_staged_tile(Emitter& emit, const TileShape& shape, const TileArguments& arguments) {
  const plan::RowRun& run = shape.run;
  const std::int64_t stride = emit.problem.spec.stride;
  Value* end = emit.add(arguments.output, (shape.columns - 1) * stride + run.phases);
  Value* inside = emit.builder.CreateAnd(emit.builder.CreateICmpSGE(arguments.output, emit.i64(0)),
                                         emit.builder.CreateICmpSLE(end, arguments.output_length));
  const auto rows_of = [&](Value* channel, Value* column) {
    return emit.at_stored(arguments.stage, emit.add(emit.mul(channel, run.phases), emit.mul(column, run.rows)));
  };
  const auto y_of = [&](Value* channel, Value* output) {
    return emit.at_stored(arguments.y, emit.add(emit.mul(channel, arguments.y_pitch), output));
  };
  const auto copy_whole_pieces = [&] {
    emit.loop(emit.i64(0), arguments.live_channels, 1, [&](Value* channel) {
      // The matrix unit's tiles have many columns and little else to hide the copies behind.
      const std::int64_t unrolled = shape.plan.uses_matrix_unit() ? 8 : 1;
      emit.loop(emit.i64(0), emit.i64(shape.columns), unrolled, [&](Value* first) {
        for (std::int64_t i = 0; i < unrolled; ++i) {
          Value* column = emit.add(first, i);
          Value* output = emit.add(arguments.output, emit.mul(column, stride));
          emit.copy_stored(rows_of(channel, column), y_of(channel, output), run.phases);
        }
      });
    });
  };
  // Short calls are nothing else, so that what a piece lacks is found once for all channels.
  const auto copy_what_is_inside = [&] {
    emit.loop(emit.i64(0), emit.i64(shape.columns), 1, [&](Value* column) {
      for (std::int64_t done = 0; done < run.phases; done += emit.problem.lanes) {
        const std::int64_t count = std::min<std::int64_t>(emit.problem.lanes, run.phases - done);
        Value* output = emit.add(arguments.output, emit.add(emit.mul(column, stride), done));
        Value* mask = emit.lanes_inside(output, arguments.output_length, count);
        emit.loop(emit.i64(0), arguments.live_channels, 1, [&](Value* channel) {
          emit.masked_copy_stored(emit.at_stored(rows_of(channel, column), done), y_of(channel, output), mask);
        });
      }
    });
  };
  emit.branch(inside, copy_whole_pieces, copy_what_is_inside);
}

llvm::Function* emit_row_lanes_tile(Emitter& emit, const TileShape& shape) {
  TileArguments arguments{};
  llvm::Function* function = begin_tile_function(emit, shape, arguments);
  const plan::RowRun& run = shape.run;
  const std::int64_t vectors = run.rows / emit.problem.lanes;
  const auto slot = [&](Value* base, std::int64_t column, std::int64_t v) {
    return emit.at(base, column * run.rows + v * emit.problem.lanes);
  };

  const auto from_biases = [&] {
    Values biases, sums;
    for (std::int64_t v = 0; v < vectors; ++v) biases.push_back(emit.load_vector(slot(arguments.biases, 0, v), true));
    for (std::int64_t column = 0; column < shape.columns; ++column)
      sums.insert(sums.end(), biases.begin(), biases.end());
    return sums;
  };
  const auto from_accumulators = [&] {
    Values sums;
    for (std::int64_t column = 0; column < shape.columns; ++column)
      for (std::int64_t v = 0; v < vectors; ++v)
        sums.push_back(emit.load_vector(slot(arguments.accumulators, column, v), true));
    return sums;
  };
  const Values initial = emit.select(arguments.first, from_biases, from_accumulators);

  const TapLoop taps{run.taps,
                     false,
                     emit.problem.polyphase.input_step,
                     run.rows,
                     shape.plan.unrolled_taps,
                     shape.plan.prefetch != plan::Prefetch::none};
  const Values sums = emit_reduction(emit, arguments, taps, initial, [&](Value* x, Value* weights, Values acc, bool) {
    Values w;
    for (std::int64_t v = 0; v < vectors; ++v) w.push_back(emit.load_vector(slot(weights, 0, v), true));
    for (std::int64_t column = 0; column < shape.columns; ++column) {
      Value* input = emit.load_splat(emit.at(x, column));
      for (std::int64_t v = 0; v < vectors; ++v) {
        Value*& sum = acc[static_cast<std::size_t>(column * vectors + v)];
        sum = emit.fma(w[static_cast<std::size_t>(v)], input, sum);
      }
    }
    return acc;
  });

  const auto for_each_sum = [&](const std::function<void(std::int64_t offset, Value * sum)>& write) {
    for (std::int64_t column = 0; column < shape.columns; ++column)
      for (std::int64_t v = 0; v < vectors; ++v)
        write(column * run.rows + v * emit.problem.lanes, sums[static_cast<std::size_t>(column * vectors + v)]);
  };
  emit.branch(
      arguments.last,
      [&] {
        for_each_sum([&](std::int64_t offset, Value* sum) {
          Value* output = emit.rounded(emit.activate(emit.problem.spec.epilogue, sum));
          emit.store_rounded(output, emit.at_stored(arguments.stage, offset), true);
        });
        store_staged_tile(emit, shape, arguments);
      },
      [&] {
        for_each_sum([&](std::int64_t offset, Value* sum) {
          emit.store_vector(sum, emit.at(arguments.accumulators, offset), true);
        });
      });
  emit.end_function();
  return function;
}

}  // namespace unstride::cpu
