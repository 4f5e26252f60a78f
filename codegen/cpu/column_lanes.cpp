// The tile of column_lanes: inputs as vectors, weights broadcast. Accumulators [row][vector], row = channel*phases +
// first tap. A vector of each phase, interleaved, is a contiguous piece of the output.
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <array>
#include <map>

#include "codegen/cpu/interleave.h"
#include "codegen/cpu/tile.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// void copy_clamped(ptr y, ptr from, i64 output, i64 count, i64 output_length): y[output + e] = from[e] for every e in
// [0, count) that falls into [0, output_length). `from` may be read up to a vector past its end. One for all tiles.
llvm::Function* copy_clamped_function(Emitter& emit) {
  constexpr const char* name = "copy_clamped";
  if (llvm::Function* emitted = emit.module.getFunction(name)) return emitted;
  const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.i64_type(), emit.i64_type(),
                            emit.i64_type()};
  llvm::Function* function = emit.begin_function(name, types);
  Value *y = function->getArg(0), *from = function->getArg(1), *output = function->getArg(2);
  Value* low = emit.max(emit.i64(0), emit.sub(emit.i64(0), output));
  Value* high = emit.min(function->getArg(3), emit.sub(function->getArg(4), output));
  emit.loop(low, high, emit.problem.lanes, [&](Value* e) {
    Value* mask =
        emit.lanes_within(emit.i64(0), emit.i64(0), emit.min(emit.sub(high, e), emit.i64(emit.problem.lanes)));
    emit.masked_copy_stored(emit.at_stored(from, e), emit.at_stored(y, emit.add(output, e)), mask);
  });
  emit.end_function();
  return function;
}

class ColumnLanesTile {
 public:
  ColumnLanesTile(Emitter& e, const TileShape& s)
      : emit(e),
        shape(s),
        run(s.run),
        polyphase(e.problem.polyphase),
        vectors(s.columns / e.problem.lanes),
        copy_clamped(copy_clamped_function(e)) {}

  llvm::Function* function() {
    llvm::Function* result = begin_tile_function(emit, shape, arguments);
    const Values initial = emit.select(
        arguments.first, [&] { return sums_from_biases(); }, [&] { return sums_from_accumulators(); });
    const bool ragged = polyphase.taps(polyphase.phases() - 1) < run.taps;
    const TapLoop taps{run.taps - (ragged ? 1 : 0),
                       ragged,
                       polyphase.input_step,
                       shape.geometry.weights.tap_step(run),
                       shape.geometry.weights.channel_step(run),
                       shape.plan.unrolled_taps,
                       shape.plan.prefetch != plan::Prefetch::none};
    const Values sums = emit_reduction(
        emit, arguments, taps, initial,
        [&](Value* x, Value* weights, const Values& acc, bool partial) { return tap(x, weights, acc, partial); });
    emit.branch(
        arguments.last, [&] { store(sums); },
        [&] {
          for (std::size_t i = 0; i < sums.size(); ++i)
            emit.store_vector(sums[i],
                              emit.at(arguments.accumulators, static_cast<std::int64_t>(i) * emit.problem.lanes), true);
        });
    emit.end_function();
    return result;
  }

 private:
  std::size_t slot(std::int64_t row, std::int64_t vector) const {
    return static_cast<std::size_t>(row * vectors + vector);
  }

  Values sums_from_biases() {
    Values sums;
    for (std::int64_t row = 0; row < run.rows; ++row)
      sums.resize(sums.size() + static_cast<std::size_t>(vectors), emit.load_splat(emit.at(arguments.biases, row)));
    return sums;
  }

  Values sums_from_accumulators() {
    Values sums;
    for (std::int64_t i = 0; i < run.rows * vectors; ++i)
      sums.push_back(emit.load_vector(emit.at(arguments.accumulators, i * emit.problem.lanes), true));
    return sums;
  }

  // One tap of every row that has it. Phases of one delay read the same window.
  Values tap(Value* x, Value* weights, Values acc, bool partial) {
    const std::int64_t phases = partial ? polyphase.kernel_size - (run.taps - 1) * polyphase.tap_step : run.phases;
    std::map<std::int64_t, Values> windows;
    for (std::int64_t channel = 0; channel < run.channels; ++channel)
      for (std::int64_t phase = 0; phase < phases; ++phase) {
        const std::int64_t delay = polyphase.delay(phase);
        Values& window = windows[delay];
        for (std::int64_t v = static_cast<std::int64_t>(window.size()); v < vectors; ++v)
          window.push_back(emit.load_vector(emit.at(x, v * emit.problem.lanes - delay), false));
        const std::int64_t row = channel * run.phases + phase;
        Value* weight = emit.load_splat(emit.at(weights, row));
        for (std::int64_t v = 0; v < vectors; ++v)
          acc[slot(row, v)] = emit.fma(weight, window[static_cast<std::size_t>(v)], acc[slot(row, v)]);
      }
    return acc;
  }

  // The outputs of one channel, in order.
  Values outputs(const Values& sums, std::int64_t channel) {
    // Phases without taps hold the bias: any row of the channel has it.
    Value* bias = nullptr;
    if (polyphase.has_bias_only_phases())
      bias =
          emit.activate(emit.problem.spec.epilogue, emit.load_splat(emit.at(arguments.biases, channel * run.phases)));
    Values result;
    for (std::int64_t v = 0; v < vectors; ++v) {
      Values by_phase(static_cast<std::size_t>(polyphase.stride), bias);
      for (std::int64_t first_tap = 0; first_tap < run.phases; ++first_tap)
        by_phase[static_cast<std::size_t>(polyphase.phase(first_tap))] =
            emit.activate(emit.problem.spec.epilogue, sums[slot(channel * run.phases + first_tap, v)]);
      for (Value* piece : interleave(emit, by_phase)) result.push_back(piece);
    }
    return result;
  }

  void write(const Values& pieces, Value* to, bool aligned) {
    for (std::size_t i = 0; i < pieces.size(); ++i)
      emit.store_rounded(emit.rounded(pieces[i]), emit.at_stored(to, static_cast<std::int64_t>(i) * emit.problem.lanes),
                         aligned);
  }

  void store(const Values& sums) {
    const std::int64_t count = shape.columns * polyphase.stride;
    Value* inside = emit.inside(arguments.output, emit.i64(count), arguments.output_length);
    for (std::int64_t channel = 0; channel < run.channels; ++channel) {
      Value* live = emit.builder.CreateICmpSLT(emit.i64(channel), arguments.live_channels);
      emit.branch(live, [&] {
        const Values pieces = outputs(sums, channel);
        Value* y = emit.at_stored(arguments.y, emit.mul(arguments.y_pitch, channel));
        emit.branch(
            inside, [&] { write(pieces, emit.at_stored(y, arguments.output), false); },
            [&] {
              write(pieces, arguments.stage, true);
              emit.builder.CreateCall(copy_clamped,
                                      {y, arguments.stage, arguments.output, emit.i64(count), arguments.output_length});
            });
      });
    }
  }

  Emitter& emit;
  const TileShape& shape;
  const plan::RowRun& run;
  const plan::Polyphase& polyphase;
  const std::int64_t vectors;
  llvm::Function* copy_clamped;
  TileArguments arguments;
};

}  // namespace

llvm::Function* emit_column_lanes_tile(Emitter& emit, const TileShape& shape) {
  return ColumnLanesTile(emit, shape).function();
}

}  // namespace unstride::cpu
