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
    Parameter{"ahead", &TileArguments::ahead, &Emitter::pointer_type},
    Parameter{"ahead_channel_step", &TileArguments::ahead_channel_step, &Emitter::i64_type},
    Parameter{"ahead_tap_step", &TileArguments::ahead_tap_step, &Emitter::i64_type},
    Parameter{"columns", &TileArguments::columns, &Emitter::i64_type},
    Parameter{"first_tap", &TileArguments::first_tap, &Emitter::i64_type},
    Parameter{"last_tap", &TileArguments::last_tap, &Emitter::i64_type},
};

}  // namespace

EmitTile tile_emitter(const plan::CpuPlan& plan) {
  static const std::map<std::string_view, EmitTile> registry = {
      {plan::RowLanes::name, emit_row_lanes_tile},
      {plan::RowLanes::name_of_pairs, emit_row_lanes_tile},
      {plan::RowLanes::name_of_one_phase, emit_row_lanes_tile},
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

void call_tile(Emitter& emit, llvm::FunctionType* type, Value* tile, const TileArguments& arguments) {
  Values values;
  for (const Parameter& parameter : parameters) values.push_back(arguments.*parameter.value);
  emit.builder.CreateCall(type, tile, values);
}

Values emit_reduction(Emitter& emit, const TileArguments& arguments, const TapLoop& taps, const Values& initial,
                      const TapBody& body) {
  const std::size_t sum_count = initial.size();
  Values carried = initial;
  carried.insert(carried.end(), {arguments.x, arguments.weights});
  if (taps.prefetches) carried.push_back(arguments.ahead);
  Values results = emit.loop(emit.i64(0), arguments.channels, 1, carried, [&](Value*, const Values& round) {
    Values sums(round.begin(), round.begin() + static_cast<std::ptrdiff_t>(sum_count));
    Value *x = round[sum_count], *weights = round[sum_count + 1];
    const auto tap = [&](Value* number, const Values& before, bool partial) {
      Value* window = emit.at(x, emit.mul(number, -taps.input_step));
      Value* rows = emit.at(weights, emit.mul(number, taps.weight_step));
      Values after = body(emit.opaque(window), rows, before, partial);
      // Behind the multiplications: in front of them it costs LLVM a register.
      if (taps.prefetches)
        emit.prefetch(emit.bytes_at(round[sum_count + 2], emit.mul(number, arguments.ahead_tap_step)));
      return after;
    };
    if (taps.first) {
      sums = emit.loop(taps.first, taps.last, 1, Values(sums),
                       [&](Value* t, const Values& inner) { return tap(t, inner, false); });
    } else if (taps.taps <= taps.unrolled) {
      for (std::int64_t t = 0; t < taps.taps; ++t) sums = tap(emit.i64(t), sums, false);
    } else {
      sums = emit.loop(emit.i64(0), emit.i64(taps.taps), 1, Values(sums),
                       [&](Value* t, const Values& inner) { return tap(t, inner, false); });
    }
    if (taps.partial_tap) sums = tap(emit.i64(taps.taps), sums, true);
    sums.push_back(emit.at(x, arguments.x_pitch));
    sums.push_back(emit.at(weights, taps.channel_step));
    if (taps.prefetches) sums.push_back(emit.bytes_at(round[sum_count + 2], arguments.ahead_channel_step));
    return sums;
  });
  results.resize(sum_count);
  return results;
}

}  // namespace unstride::cpu
