// The tile of row_lanes: weights as vectors, inputs broadcast. Accumulators [column][vector]. That of row_pairs: the
// same, with pairs of input channels in bfloat16 for elements. That of phase_lanes: the same, with some taps left out.
//
// The store goes through memory: a column's rows are a handful of contiguous pieces of the output, one for each
// channel, and a long reduction hides the copy. So one piece of code serves every stride.
#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <functional>

#include "codegen/cpu/tile.h"

namespace unstride::cpu {

using llvm::Value;

void store_staged_tile(Emitter& emit, const TileShape& shape, const TileArguments& arguments, Value* columns) {
  const plan::RowRun& run = shape.run;
  const std::int64_t stride = emit.problem.spec.stride;
  Value* last_column = emit.mul(emit.sub(columns, emit.i64(1)), stride);
  Value* inside = emit.inside(arguments.output, emit.add(last_column, run.phases), arguments.output_length);
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
      emit.loop(emit.i64(0), columns, unrolled, [&](Value* first) {
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
    emit.loop(emit.i64(0), columns, 1, [&](Value* column) {
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

namespace {

class RowLanesTile {
 public:
  RowLanesTile(Emitter& e, const TileShape& s)
      : emit(e),
        shape(s),
        run(s.run),
        tile(std::get<plan::RowLanes>(s.plan.tile)),
        whole(s.columns == tile.columns),
        vectors(s.run.rows / e.problem.lanes) {}

  llvm::Function* function() {
    llvm::Function* result = begin_tile_function(emit, shape, arguments);
    if (tile.pairs) {
      arguments.channels = emit.builder.CreateLShr(emit.add(arguments.channels, 1), 1);
      arguments.x_pitch = emit.mul(arguments.x_pitch, 2);
    }
    const Values initial = emit.select(
        arguments.first, [&] { return sums_from_biases(); }, [&] { return sums_from_accumulators(); });
    const Values sums = tile.one_phase ? sums_without_border(initial) : reduction(initial, nullptr, nullptr);
    emit.branch(
        arguments.last, [&] { store(sums); }, [&] { keep(sums); });
    emit.end_function();
    return result;
  }

 private:
  using NewSum = std::function<Value*(std::int64_t column, std::int64_t v, Value* sum)>;

  // The sums of the columns that are wanted, and some more: whole steps.
  Values updated(const Values& sums, const NewSum& new_sum) {
    if (whole) return updated_step(sums, 0, shape.columns, new_sum);
    return updated_from(sums, 0, tile.narrowest(), new_sum);
  }

  Values updated_step(const Values& sums, std::int64_t first, std::int64_t last, const NewSum& new_sum) {
    Values result;
    for (std::int64_t column = first; column < last; ++column)
      for (std::int64_t v = 0; v < vectors; ++v)
        result.push_back(new_sum(column, v, sums[static_cast<std::size_t>(column * vectors + v)]));
    return result;
  }

  Values reduction(const Values& initial, Value* first_tap, Value* last_tap) {
    const TapLoop taps{run.taps,
                       false,
                       emit.problem.polyphase.input_step,
                       shape.geometry.weights.tap_step(run),
                       shape.geometry.weights.channel_step(run),
                       shape.plan.unrolled_taps,
                       shape.plan.prefetch != plan::Prefetch::none,
                       first_tap,
                       last_tap};
    return emit_reduction(emit, arguments, taps, initial,
                          [&](Value* x, Value* weights, const Values& acc, bool) { return tap(x, weights, acc); });
  }

  // Products of finite weights with the border's zeros are zeros, which change no sum but -0: to +0, or not, as their
  // signs are. A sum that comes out as -0 without them, which takes an underflow or a bias of -0, is computed again
  // with all taps. One that was -0 on its way and is not at the end needs nothing.
  Values sums_without_border(const Values& initial) {
    auto& b = emit.builder;
    Value* all_taps = emit.i64(run.taps);
    Values carried = {arguments.first_tap, arguments.last_tap};
    carried.insert(carried.end(), initial.begin(), initial.end());
    Values results = emit.loop(emit.i64(0), emit.i64(1), carried, [&](Value*, const Values& round) -> Emitter::Step {
      Value *first_tap = round[0], *last_tap = round[1];
      const Values sums = reduction(initial, first_tap, last_tap);
      Value* left_out = b.CreateOr(b.CreateICmpNE(first_tap, emit.i64(0)), b.CreateICmpNE(last_tap, all_taps));
      Value* again = b.CreateAnd(left_out, emit.any_is_minus_zero(sums));
      Values next = {b.CreateSelect(again, emit.i64(0), first_tap), b.CreateSelect(again, all_taps, last_tap)};
      next.insert(next.end(), sums.begin(), sums.end());
      return {b.CreateSelect(again, emit.i64(0), emit.i64(1)), next};
    });
    return {results.begin() + 2, results.end()};
  }

  // Those from `first` on, in steps, the first of which ends at `last`. The branches around them always go the same way
  // in a tile, and beside so many multiplications there is room to issue them. Even the first step has one, which keeps
  // its multiplications where they are: LLVM would move them behind those of other taps and run out of registers.
  Values updated_from(const Values& sums, std::int64_t first, std::int64_t last, const NewSum& new_sum) {
    if (first == shape.columns) return {};
    const auto step_and_rest = [&] {
      Values result = updated_step(sums, first, last, new_sum);
      const Values rest = updated_from(sums, last, last + tile.step(), new_sum);
      result.insert(result.end(), rest.begin(), rest.end());
      return result;
    };
    const auto unchanged = [&] { return Values(sums.begin() + first * vectors, sums.end()); };
    return emit.select(emit.builder.CreateICmpSGT(arguments.columns, emit.i64(first)), step_and_rest, unchanged,
                       /*likely=*/true);
  }

  std::int64_t offset(std::int64_t column, std::int64_t v) const { return column * run.rows + v * emit.problem.lanes; }

  Values sums_from_biases() {
    Values biases, sums;
    for (std::int64_t v = 0; v < vectors; ++v)
      biases.push_back(emit.load_vector(emit.at(arguments.biases, offset(0, v)), true));
    for (std::int64_t column = 0; column < shape.columns; ++column)
      sums.insert(sums.end(), biases.begin(), biases.end());
    return sums;
  }

  Values sums_from_accumulators() {
    const Values none(static_cast<std::size_t>(shape.columns * vectors), llvm::Constant::getNullValue(emit.vector));
    return updated(none, [&](std::int64_t column, std::int64_t v, Value*) {
      return emit.load_vector(emit.at(arguments.accumulators, offset(column, v)), true);
    });
  }

  Values tap(Value* x, Value* weights, const Values& acc) {
    Values w;
    for (std::int64_t v = 0; v < vectors; ++v) w.push_back(emit.load_vector(emit.at(weights, offset(0, v)), true));
    Value* input = nullptr;
    return updated(acc, [&](std::int64_t column, std::int64_t v, Value* sum) {
      if (v == 0) input = emit.load_splat(emit.at(x, column));
      Value* weight = w[static_cast<std::size_t>(v)];
      return tile.pairs ? emit.bfloat16_dot(weight, input, sum) : emit.fma(weight, input, sum);
    });
  }

  void store(const Values& sums) {
    updated(sums, [&](std::int64_t column, std::int64_t v, Value* sum) {
      Value* output = emit.rounded(emit.activate(emit.problem.spec.epilogue, sum));
      emit.store_rounded(output, emit.at_stored(arguments.stage, offset(column, v)), true);
      return sum;
    });
    store_staged_tile(emit, shape, arguments, whole ? emit.i64(shape.columns) : arguments.columns);
  }

  void keep(const Values& sums) {
    updated(sums, [&](std::int64_t column, std::int64_t v, Value* sum) {
      emit.store_vector(sum, emit.at(arguments.accumulators, offset(column, v)), true);
      return sum;
    });
  }

  Emitter& emit;
  const TileShape& shape;
  const plan::RowRun& run;
  const plan::RowLanes& tile;
  const bool whole;  // computes all its columns, whatever is wanted: constants are faster
  const std::int64_t vectors;
  TileArguments arguments;
};

}  // namespace

llvm::Function* emit_row_lanes_tile(Emitter& emit, const TileShape& shape) {
  return RowLanesTile(emit, shape).function();
}

}  // namespace unstride::cpu
