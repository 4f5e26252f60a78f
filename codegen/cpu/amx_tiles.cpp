// The tile of amx_tiles. The matrix unit has eight registers of 16 rows of 64 bytes and one product:
//
//   sums[16 columns][16 rows] += inputs[16 columns][32 channels] * weights[16 pairs of channels][16 rows][2]
//
// Inputs of one column lie side by side (amx_panel.cpp), so a tap is an offset of whole cache lines; weights lie as the
// product reads them (runtime/cpu/pack_parts.cpp). Sums leave their registers through memory. Those of a whole tile
// wait there until the next tile makes outputs of them between its products, which leave the vector units idle.
//
// The instructions are asked for by register number: LLVM neither allocates nor moves these registers.
#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <utility>

#include "codegen/cpu/amx.h"
#include "codegen/cpu/amx_outputs.h"
#include "codegen/cpu/tile.h"
#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

constexpr std::int64_t size = plan::AmxTiles::size;
constexpr std::int64_t register_elements = 256;  // 1 KiB, in elements of the sums
constexpr std::int64_t line_elements = plan::AmxTiles::line_elements, line_bytes = 64;

// What a tile asks for lies in one piece, but is asked for in so many places by turns. The second-level cache's own
// prefetching runs at most some lines ahead in each; and what it has under way holds none of the few buffers in which
// the first-level cache waits for lines, its own from the second among them.
constexpr int streams_ahead = 2;

// The stage: a line that says which tile waits, two halves for sums, of which one may be waiting while the other is
// written, and room for outputs of another size.
class Stage {
 public:
  Stage(Emitter& e, const plan::CpuPlan& plan, Value* begin) : emit(e), line(begin) {
    const auto& tile = std::get<plan::AmxTiles>(plan.tile);
    half = register_elements * tile.rows * tile.columns;
  }

  WaitingTile waiting(Value* y_pitch) {
    return {get(0, emit.i64_type()), waiting_sums(), get(1, emit.pointer_type()), y_pitch};
  }
  void set_waiting(Value* batches, Value* y, Value* sums) {
    set(0, batches);
    set(1, y);
    set(2, sums);
  }
  void set_none_waiting() { set_waiting(emit.i64(0), line, sums(0)); }

  /// The half where no sums wait.
  Value* free_sums() {
    return emit.builder.CreateSelect(emit.builder.CreateICmpEQ(waiting_sums(), sums(0)), sums(1), sums(0));
  }
  Value* rounded() { return sums(2); }

 private:
  Value* waiting_sums() { return get(2, emit.pointer_type()); }
  Value* sums(std::int64_t number) { return emit.at(line, plan::AmxTiles::line_elements + number * half); }
  Value* field(std::int64_t number) { return emit.bytes_at(line, emit.i64(number * 8)); }
  Value* get(std::int64_t number, llvm::Type* type) { return emit.builder.CreateLoad(type, field(number)); }
  void set(std::int64_t number, Value* value) { emit.builder.CreateStore(value, field(number)); }

  Emitter& emit;
  Value* line;
  std::int64_t half;
};

class AmxTile {
 public:
  AmxTile(Emitter& e, const TileShape& s)
      : emit(e),
        shape(s),
        rows(s.run.rows / size),
        columns(s.columns / size),
        parts(plan::amx_parts(e.problem, s.plan)),
        outputs(e, s) {}

  llvm::Function* function() {
    llvm::Function* result = begin_tile_function(emit, shape, arguments);
    Stage stage(emit, shape.plan, arguments.stage);
    const WaitingTile waiting = stage.waiting(arguments.y_pitch);
    Value* sums = stage.free_sums();
    load_sums();
    outputs.emit_batches(waiting, reduce(waiting), waiting.batches);
    store_sums(emit.builder.CreateSelect(arguments.last, sums, arguments.accumulators));
    stage.set_none_waiting();
    emit.branch(arguments.last, [&] { finish(stage, sums); });
    emit.end_function();
    return result;
  }

 private:
  std::int64_t sum(std::int64_t column, std::int64_t row) const { return column * rows + row; }
  std::int64_t input(std::int64_t column) const { return rows * columns + column; }
  std::int64_t weight(std::int64_t row) const { return rows * columns + columns + row; }

  llvm::Constant* number(std::int64_t tile) { return emit.builder.getInt8(static_cast<std::uint8_t>(tile)); }
  void load(std::int64_t tile, Value* pointer, Value* pitch_bytes) {
    emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_tileloadd64, {}, {number(tile), pointer, pitch_bytes});
  }
  void multiply_add(std::int64_t sums, std::int64_t a, std::int64_t b) {
    emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_tdpbf16ps, {}, {number(sums), number(a), number(b)});
  }

  // Where the sums of one matrix tile are kept: [column][row].
  Value* kept(Value* base, std::int64_t column, std::int64_t row) {
    return emit.at(base, column * size * shape.run.rows + row * size);
  }
  Value* kept_pitch() { return emit.i64(shape.run.rows * emit.problem.element_bytes()); }

  // Every column starts from the same biases: a pitch of nothing.
  void load_sums() {
    auto& b = emit.builder;
    Value* pitch = b.CreateSelect(arguments.first, emit.i64(0), kept_pitch());
    for (std::int64_t column = 0; column < columns; ++column)
      for (std::int64_t row = 0; row < rows; ++row) {
        Value* biases = emit.at(arguments.biases, row * size);
        load(sum(column, row), b.CreateSelect(arguments.first, biases, kept(arguments.accumulators, column, row)),
             pitch);
      }
  }

  void store_sums(Value* to) {
    for (std::int64_t column = 0; column < columns; ++column)
      for (std::int64_t row = 0; row < rows; ++row)
        emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_tilestored64, {},
                                     {number(sum(column, row)), kept(to, column, row), kept_pitch()});
  }

  // Where the next tap reads, and what is next to be asked for and to be made outputs of.
  struct Position {
    Value *x, *weights, *ahead, *batch;
  };
  static Values values(const Position& p) { return {p.x, p.weights, p.ahead, p.batch}; }
  static Position position(const Values& v) { return {v[0], v[1], v[2], v[3]}; }

  // Returns the first batch of the waiting tile that is left.
  Value* reduce(const WaitingTile& waiting) {
    const std::int64_t block_inputs = plan::AmxTiles::channels * shape.geometry.panel_pitch;
    Value* blocks = emit.builder.CreateLShr(emit.add(arguments.channels, plan::AmxTiles::channels - 1), 5);
    ahead_step = emit.builder.CreateUDiv(arguments.ahead_tap_step, emit.i64(streams_ahead));
    ahead_share = emit.mul(emit.mul(ahead_step, shape.run.taps), blocks);
    const Position begin{arguments.x, arguments.weights, arguments.ahead, emit.i64(0)};
    return emit.loop(emit.i64(0), blocks, 1, values(begin), [&](Value*, const Values& at) -> Values {
      Position now = position(at);
      if (shape.run.taps <= shape.plan.unrolled_taps)
        for (std::int64_t t = 0; t < shape.run.taps; ++t) now = tap(now, waiting);
      else
        now = position(emit.loop(emit.i64(0), emit.i64(shape.run.taps), 1, at,
                                 [&](Value*, const Values& here) { return values(tap(position(here), waiting)); }));
      now.x = emit.at(at[0], block_inputs);
      return values(now);
    })[3];
  }

  // Batches of the waiting tile for each tap, so that a reduction has time for them all.
  std::int64_t batches_a_tap() const {
    const std::int64_t channels = std::min(shape.plan.channel_block, emit.problem.in_channels());
    const std::int64_t steps = support::ceil_div(channels, plan::AmxTiles::channels) * shape.run.taps;
    return support::ceil_div(outputs.batches(), steps);
  }

  Position tap(const Position& at, const WaitingTile& waiting) {
    const std::int64_t input_part = plan::AmxTiles::channels * shape.geometry.panel_pitch / parts.inputs;
    const std::int64_t weight_part = shape.run.rows * line_elements;
    Value* pitch = emit.i64(line_bytes);
    int loaded_input = -1, loaded_weight = -1;
    for (const auto& product : parts.products) {
      const bool new_input = std::exchange(loaded_input, product.input) != product.input;
      const bool new_weight = std::exchange(loaded_weight, product.weight) != product.weight;
      for (std::int64_t column = 0; column < columns; ++column) {
        if (new_input)
          load(input(column), emit.at(at.x, product.input * input_part + column * register_elements), pitch);
        for (std::int64_t row = 0; row < rows; ++row) {
          if (new_weight && column == 0)
            load(weight(row), emit.at(at.weights, product.weight * weight_part + row * register_elements), pitch);
          multiply_add(sum(column, row), input(column), weight(row));
        }
      }
    }
    if (shape.plan.prefetch == plan::Prefetch::weights) ask_for(at.ahead);
    return {emit.at(at.x, -emit.problem.polyphase.input_step * line_elements),
            emit.at(at.weights, parts.weights * weight_part), emit.bytes_at(at.ahead, ahead_step),
            outputs.emit_some(waiting, at.batch, batches_a_tap())};
  }

  // A tap's share of what the tiles of a row ask for, large where there are few columns: some of each stream.
  void ask_for(Value* ahead) {
    emit.loop(emit.i64(0), ahead_step, line_bytes, [&](Value* line) {
      Value* at = emit.bytes_at(ahead, line);
      for (int stream = 0; stream < streams_ahead; ++stream, at = emit.bytes_at(at, ahead_share)) emit.prefetch(at);
    });
  }

  void finish(Stage& stage, Value* sums) {
    emit.branch(
        outputs.possible(arguments),
        [&] {
          stage.set_waiting(outputs.batches_of(arguments.live_channels), emit.at_stored(arguments.y, arguments.output),
                            sums);
        },
        [&] { finish_through_memory(sums, emit.problem.converts() ? stage.rounded() : sums); });
  }

  // Tiles with few columns, or at the ends of y.
  void finish_through_memory(Value* sums, Value* finished) {
    const std::int64_t count = shape.run.rows * shape.columns;
    const Activation& epilogue = emit.problem.spec.epilogue;
    if (emit.problem.converts() || epilogue.op != Activation::Op::none) {
      constexpr std::int64_t unrolled = 4;
      emit.loop(emit.i64(0), emit.i64(count), unrolled * emit.problem.lanes, [&](Value* e) {
        for (std::int64_t i = 0; i < unrolled; ++i) {
          Value* at = emit.add(e, i * emit.problem.lanes);
          Value* value = emit.rounded_by_unit(emit.activate(epilogue, emit.load_vector(emit.at(sums, at), true)));
          emit.store_rounded(value, emit.at_stored(finished, at), true);
        }
      });
    }
    TileArguments staged = arguments;
    staged.stage = finished;
    store_staged_tile(emit, shape, staged, emit.i64(shape.columns));
  }

  Emitter& emit;
  const TileShape& shape;
  const std::int64_t rows, columns;  // in matrix tiles
  const plan::Bfloat16Parts& parts;
  AmxOutputs outputs;
  TileArguments arguments;
  Value *ahead_step = nullptr, *ahead_share = nullptr;  // of one stream: bytes of a tap, and of the tile
};

}  // namespace

llvm::Function* emit_amx_tile(Emitter& emit, const TileShape& shape) {
  return AmxTile(emit, shape).function();
}

llvm::Function* emit_finish_amx_tile(Emitter& emit, const TileShape& shape) {
  const std::array types = {emit.pointer_type(), emit.i64_type()};
  llvm::Function* function = emit.begin_function("finish", types);
  Stage stage(emit, shape.plan, function->getArg(0));
  const WaitingTile waiting = stage.waiting(function->getArg(1));
  AmxOutputs(emit, shape).emit_batches(waiting, emit.i64(0), waiting.batches);
  stage.set_none_waiting();
  emit.end_function();
  return function;
}

void emit_no_amx_tile_waits(Emitter& emit, const plan::CpuPlan& plan, Value* stage) {
  Stage(emit, plan, stage).set_none_waiting();
}

void emit_configure_tiles(Emitter& emit) {
  // Palette 1: 8 registers; from byte 16 on the bytes of a row (16 bits each), from byte 48 on the rows.
  std::array<std::uint8_t, 64> bytes{};
  bytes[0] = 1;
  for (std::size_t tile = 0; tile < 8; ++tile) {
    bytes[16 + 2 * tile] = 64;
    bytes[48 + tile] = 16;
  }
  auto* value = llvm::ConstantDataArray::get(emit.module.getContext(), bytes);
  auto* global = new llvm::GlobalVariable(emit.module, value->getType(), /*isConstant=*/true,
                                          llvm::GlobalValue::PrivateLinkage, value, "tile_configuration");
  global->setAlignment(llvm::Align(64));
  emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_ldtilecfg, {}, {global});
}

void emit_release_tiles(Emitter& emit) {
  emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_tilerelease, {}, {});
}

}  // namespace unstride::cpu
