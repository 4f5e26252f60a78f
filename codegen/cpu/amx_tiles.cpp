// The tile of amx_tiles. The matrix unit has eight registers of 16 rows of 64 bytes and one product:
//
//   sums[16 columns][16 rows] += inputs[16 columns][32 channels] * weights[16 pairs of channels][16 rows][2]
//
// Inputs of one column lie side by side (amx_panel.cpp), so a tap is an offset of whole cache lines; weights lie as the
// product reads them (runtime/cpu/pack_parts.cpp). Sums leave their registers through memory, to be activated, rounded
// and stored.
//
// The instructions are asked for by register number: LLVM neither allocates nor moves these registers.
#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "codegen/cpu/amx.h"
#include "codegen/cpu/tile.h"
#include "codegen/plan/bfloat16_parts.h"
#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

constexpr std::int64_t size = plan::AmxTiles::size;
constexpr std::int64_t register_elements = 256;  // 1 KiB, in elements of the sums
constexpr std::int64_t line_elements = 16;

class AmxTile {
 public:
  AmxTile(Emitter& e, const TileShape& s)
      : emit(e),
        shape(s),
        rows(s.run.rows / size),
        columns(s.columns / size),
        parts(plan::bfloat16_parts(e.problem.spec.dtype)) {}

  llvm::Function* function() {
    llvm::Function* result = begin_tile_function(emit, shape, arguments);
    load_sums();
    reduce();
    store_sums();
    emit.branch(arguments.last, [&] { finish(); });
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

  void store_sums() {
    Value* to = emit.builder.CreateSelect(arguments.last, arguments.stage, arguments.accumulators);
    for (std::int64_t column = 0; column < columns; ++column)
      for (std::int64_t row = 0; row < rows; ++row)
        emit.builder.CreateIntrinsic(llvm::Intrinsic::x86_tilestored64, {},
                                     {number(sum(column, row)), kept(to, column, row), kept_pitch()});
  }

  void reduce() {
    const plan::RowRun& run = shape.run;
    const std::int64_t tap_weights = parts.weights * run.rows * line_elements;
    const std::int64_t tap_inputs = -emit.problem.polyphase.input_step * line_elements;
    Value* blocks = emit.builder.CreateLShr(emit.add(arguments.channels, plan::AmxTiles::channels - 1), 5);
    const Values from = {arguments.x, arguments.weights, arguments.ahead};
    emit.loop(emit.i64(0), blocks, 1, from, [&](Value*, const Values& at) -> Values {
      if (run.taps <= shape.plan.unrolled_taps) {
        for (std::int64_t t = 0; t < run.taps; ++t)
          tap(emit.at(at[0], t * tap_inputs), emit.at(at[1], t * tap_weights),
              emit.bytes_at(at[2], emit.mul(arguments.ahead_tap_step, t)));
      } else {
        emit.loop(emit.i64(0), emit.i64(run.taps), 1, at, [&](Value*, const Values& here) -> Values {
          tap(here[0], here[1], here[2]);
          return {emit.at(here[0], tap_inputs), emit.at(here[1], tap_weights),
                  emit.bytes_at(here[2], arguments.ahead_tap_step)};
        });
      }
      return {emit.at(at[0], plan::AmxTiles::channels * shape.geometry.panel_pitch),
              emit.at(at[1], run.taps * tap_weights), emit.bytes_at(at[2], arguments.ahead_channel_step)};
    });
  }

  // Lines that a tap asks for, so that a whole column block asks for all that comes next.
  std::int64_t lines_ahead() const {
    if (shape.plan.prefetch != plan::Prefetch::weights) return 0;
    const std::int64_t tap_lines = parts.weights * shape.run.rows;
    return support::ceil_div(tap_lines * shape.columns, shape.plan.column_block);
  }

  void tap(Value* x, Value* weights, Value* ahead) {
    const std::int64_t input_part = plan::AmxTiles::channels * shape.geometry.panel_pitch / parts.inputs;
    const std::int64_t weight_part = shape.run.rows * line_elements;
    Value* pitch = emit.i64(64);
    int loaded_input = -1, loaded_weight = -1;
    for (const auto& product : parts.products) {
      const bool new_input = std::exchange(loaded_input, product.input) != product.input;
      const bool new_weight = std::exchange(loaded_weight, product.weight) != product.weight;
      for (std::int64_t column = 0; column < columns; ++column) {
        if (new_input) load(input(column), emit.at(x, product.input * input_part + column * register_elements), pitch);
        for (std::int64_t row = 0; row < rows; ++row) {
          if (new_weight && column == 0)
            load(weight(row), emit.at(weights, product.weight * weight_part + row * register_elements), pitch);
          multiply_add(sum(column, row), input(column), weight(row));
        }
      }
    }
    for (std::int64_t i = 0; i < lines_ahead(); ++i) emit.prefetch(emit.at(ahead, i * line_elements));
  }

  void finish() {
    if (!pieces_join()) return finish_through_memory();
    Value* end = emit.add(arguments.output, shape.columns * shape.run.phases);
    Value* inside = emit.builder.CreateAnd(emit.builder.CreateICmpSGE(arguments.output, emit.i64(0)),
                                           emit.builder.CreateICmpSLE(end, arguments.output_length));
    emit.branch(
        inside, [&] { finish_in_registers(); }, [&] { finish_through_memory(); });
  }

  // Whether the outputs of neighbouring columns follow each other, and whole columns fill a vector or the reverse.
  bool pieces_join() const {
    const std::int64_t phases = shape.run.phases, lanes = emit.problem.lanes;
    return phases == emit.problem.spec.stride && (lanes % phases == 0 || phases % lanes == 0);
  }

  // A vector of outputs at a time, of one column or of several.
  void finish_in_registers() {
    const std::int64_t phases = shape.run.phases, lanes = emit.problem.lanes;
    const std::int64_t piece = std::min(phases, lanes), vectors = shape.columns * phases / lanes;
    const std::int64_t unrolled = std::gcd(vectors, std::int64_t{8});
    emit.loop(emit.i64(0), arguments.live_channels, 1, [&](Value* channel) {
      Value* y = emit.at_stored(arguments.y, emit.add(emit.mul(channel, arguments.y_pitch), arguments.output));
      Value* sums = emit.at(arguments.stage, emit.mul(channel, phases));
      emit.loop(emit.i64(0), emit.i64(vectors), unrolled, [&](Value* first) {
        for (std::int64_t i = 0; i < unrolled; ++i) {
          Value* output = emit.mul(emit.add(first, i), lanes);
          Value* column = emit.builder.CreateUDiv(output, emit.i64(phases));
          Value* from = emit.at(sums, emit.add(emit.mul(column, shape.run.rows - phases), output));
          Value* value = emit.activate(emit.problem.spec.epilogue, joined(from, piece, lanes / piece));
          emit.store_rounded(emit.rounded(value), emit.at_stored(y, output), false);
        }
      });
    });
  }

  // A vector of so many pieces, a column of the stage apart. Halves are joined to wholes: an even number of pieces.
  Value* joined(Value* from, std::int64_t piece, std::int64_t pieces) {
    if (pieces == 1)
      return emit.builder.CreateAlignedLoad(llvm::FixedVectorType::get(emit.element, static_cast<unsigned>(piece)),
                                            from, llvm::Align(4));
    const std::int64_t half = pieces / 2;
    Value* low = joined(from, piece, half);
    Value* high = joined(emit.at(from, half * shape.run.rows), piece, half);
    std::vector<int> lanes(static_cast<std::size_t>(piece * pieces));
    std::iota(lanes.begin(), lanes.end(), 0);
    return emit.shuffle(low, high, lanes);
  }

  // Outputs from the sums in the stage: behind them where they are of another size, else in their place.
  void finish_through_memory() {
    const std::int64_t count = shape.run.rows * shape.columns;
    const Activation& epilogue = emit.problem.spec.epilogue;
    Value* sums = arguments.stage;
    Value* outputs = emit.problem.converts() ? emit.at(sums, count) : sums;
    if (emit.problem.converts() || epilogue.op != Activation::Op::none) {
      constexpr std::int64_t unrolled = 4;
      emit.loop(emit.i64(0), emit.i64(count), unrolled * emit.problem.lanes, [&](Value* e) {
        for (std::int64_t i = 0; i < unrolled; ++i) {
          Value* at = emit.add(e, i * emit.problem.lanes);
          Value* value = emit.rounded(emit.activate(epilogue, emit.load_vector(emit.at(sums, at), true)));
          emit.store_rounded(value, emit.at_stored(outputs, at), true);
        }
      });
    }
    TileArguments staged = arguments;
    staged.stage = outputs;
    store_staged_tile(emit, shape, staged, emit.i64(shape.columns));
  }

  Emitter& emit;
  const TileShape& shape;
  const std::int64_t rows, columns;  // in matrix tiles
  const plan::Bfloat16Parts parts;
  TileArguments arguments;
};

}  // namespace

llvm::Function* emit_amx_tile(Emitter& emit, const TileShape& shape) {
  return AmxTile(emit, shape).function();
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
