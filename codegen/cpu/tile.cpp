#include "codegen/cpu/tile.h"

#include <fmt/format.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>
#include <map>

namespace unstride::cpu {

using llvm::Value;

namespace {

struct Parameter {
  const char* name;
  Value* TileArguments::*value;
  llvm::Type* (Emitter::*type)() const;
};

constexpr std::array parameters = {
    Parameter{"x", &TileArguments::x, &Emitter::pointer_type},
    Parameter{"x_pitch", &TileArguments::x_pitch, &Emitter::i64_type},
    Parameter{"weights", &TileArguments::weights, &Emitter::pointer_type},
    Parameter{"biases", &TileArguments::biases, &Emitter::pointer_type},
    Parameter{"accumulators", &TileArguments::accumulators, &Emitter::pointer_type},
    Parameter{"stage", &TileArguments::stage, &Emitter::pointer_type},
    Parameter{"channels", &TileArguments::channels, &Emitter::i64_type},
    Parameter{"first", &TileArguments::first, &Emitter::i1_type},
    Parameter{"last", &TileArguments::last, &Emitter::i1_type},
    Parameter{"y", &TileArguments::y, &Emitter::pointer_type},
    Parameter{"y_pitch", &TileArguments::y_pitch, &Emitter::i64_type},
    Parameter{"output", &TileArguments::output, &Emitter::i64_type},
    Parameter{"output_length", &TileArguments::output_length, &Emitter::i64_type},
    Parameter{"live_channels", &TileArguments::live_channels, &Emitter::i64_type},
};

}  // namespace

EmitTile tile_emitter(const plan::CpuPlan& plan) {
  static const std::map<std::string_view, EmitTile> registry = {
      {plan::RowLanes::name, emit_row_lanes_tile},
      {plan::ColumnLanes::name, emit_column_lanes_tile},
      {plan::AmxTiles::name, emit_amx_tile},
  };
  return registry.at(plan.strategy());
}

llvm::Function* begin_tile_function(Emitter& emit, const TileShape& shape, TileArguments& arguments) {
  std::vector<llvm::Type*> types;
  for (const Parameter& parameter : parameters) types.push_back((emit.*parameter.type)());
  const std::string name = fmt::format("{}_{}phases_{}taps_{}columns", shape.plan.strategy(), shape.run.phases,
                                       shape.run.taps, shape.columns);
  llvm::Function* function = emit.begin_function(name, types);
  for (unsigned i = 0; i < parameters.size(); ++i) {
    function->getArg(i)->setName(parameters[i].name);
    arguments.*parameters[i].value = function->getArg(i);
  }
  return function;
}

void call_tile(Emitter& emit, llvm::Function* tile, const TileArguments& arguments) {
  Values values;
  for (const Parameter& parameter : parameters) values.push_back(arguments.*parameter.value);
  emit.builder.CreateCall(tile, values);
}

llvm::Function* emit_copy_clamped(Emitter& emit) {
  const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.i64_type(), emit.i64_type(),
                            emit.i64_type()};
  llvm::Function* function = emit.begin_function("copy_clamped", types);
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

void call_copy_clamped(Emitter& emit, llvm::Function* copy, Value* y, Value* from, Value* output, Value* count,
                       Value* output_length) {
  emit.builder.CreateCall(copy, {y, from, output, count, output_length});
}

Values emit_reduction(Emitter& emit, const TileArguments& arguments, const TapLoop& taps, const Values& initial,
                      const TapBody& body) {
  Values carried = initial;
  carried.push_back(arguments.x);
  carried.push_back(arguments.weights);
  Values results = emit.loop(emit.i64(0), arguments.channels, 1, carried, [&](Value*, const Values& round) {
    Values sums(round.begin(), round.end() - 2);
    Value* x = round[round.size() - 2];
    Value* weights = round.back();
    const auto tap = [&](Value* back, std::int64_t number, bool partial) {
      Value* window = back ? emit.at(x, emit.mul(back, -taps.input_step)) : emit.at(x, -number * taps.input_step);
      Value* rows =
          back ? emit.at(weights, emit.mul(back, taps.weight_step)) : emit.at(weights, number * taps.weight_step);
      return body(emit.opaque(window), rows, sums, partial);
    };
    if (taps.taps <= taps.unrolled) {
      for (std::int64_t t = 0; t < taps.taps; ++t) sums = tap(nullptr, t, false);
    } else {
      sums = emit.loop(emit.i64(0), emit.i64(taps.taps), 1, Values(sums), [&](Value* t, const Values& inner) {
        sums = inner;
        return tap(t, 0, false);
      });
    }
    if (taps.partial_tap) sums = tap(nullptr, taps.taps, true);
    sums.push_back(emit.at(x, arguments.x_pitch));
    sums.push_back(emit.at(weights, (taps.taps + (taps.partial_tap ? 1 : 0)) * taps.weight_step));
    return sums;
  });
  results.resize(initial.size());
  return results;
}

}  // namespace unstride::cpu
