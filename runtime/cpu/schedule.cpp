#include "runtime/cpu/schedule.h"

#include <algorithm>
#include <limits>

#include "support/checked_math.h"

namespace unstride::cpu {

namespace {

using support::ceil_div;
using support::round_up;

// Waking a thread that spins, and waiting for it at the end, takes some thousand cycles: less work than this for each
// is done sooner by one.
constexpr double least_cycles_per_thread = 5.4e3;

// An item's own loop, and the border of its block. Whole groups that read x themselves follow each other in one loop.
constexpr double cycles_per_item = 500, cycles_per_joined_group = 4;

// A thread that is held up leaves what it has not begun to the others: of two divisions that cost nearly the same, the
// one with more items for each thread.
constexpr double held_up = 0.03;

/// Of one group of one batch element: its columns into blocks, the row tiles of each into chunks.
struct Division {
  std::int64_t blocks, chunks;
  std::int64_t chunk_work;  ///< KernelArguments::chunk_work
};

class Divider {
 public:
  Divider(const plan::CpuProblem& problem, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry,
          const plan::CallCost& cost, std::int64_t batch, std::int64_t columns)
      : cost_(cost),
        outer_(std::max<std::int64_t>(1, batch * problem.spec.groups)),
        columns_(columns),
        tile_columns_(geometry.tile_columns),
        column_block_(plan.column_block),
        fewest_(ceil_div(columns, plan.column_block)),
        joins_groups_(plan::strategy_of(plan).reads_x) {
    ends_ = columns > plan.strip ? 2 : 1;
    // A block of few columns is mostly tail and repeated reach.
    const std::int64_t narrowest =
        round_up(std::max(2 * geometry.tile_columns, 2 * problem.polyphase.reach()), geometry.tile_columns);
    most_ = std::max(fewest_, columns / narrowest);
    // Outputs without taps are filled by whoever has all rows.
    row_tiles_ = problem.polyphase.has_bias_only_phases() ? 1 : geometry.weights.tiles();
    work_ = geometry.weights.work();
    for (const plan::RowRun& run : geometry.weights.runs) most_work_ = std::max(most_work_, run.work());
    last_work_ = geometry.weights.runs.back().work();
  }

  std::int64_t outer() const { return outer_; }
  Division for_one_thread() const { return divided(fewest_, 1); }
  double cycles_of_one_thread() const { return cycles(for_one_thread(), 1); }
  /// Of all blocks but the last: whole tiles.
  std::int64_t block_columns(std::int64_t blocks) const {
    return std::min(round_up(ceil_div(columns_, blocks), tile_columns_), column_block_);
  }

  Division for_threads(std::int64_t threads) const {
    // Fewest, evenly shared, and some for each thread.
    Division best = for_one_thread();
    double least = std::numeric_limits<double>::infinity();
    for (const std::int64_t blocks : {fewest_, round_up(fewest_, threads), ceil_div(threads, outer_),
                                      ceil_div(2 * threads, outer_), ceil_div(4 * threads, outer_)}) {
      if (blocks < fewest_ || blocks > most_) continue;
      for (std::int64_t chunks = 1; chunks <= std::min(row_tiles_, 4 * threads); ++chunks) {
        const Division division = divided(blocks, chunks);
        const std::int64_t items = outer_ * division.blocks * division.chunks;
        const double share = static_cast<double>(threads) / static_cast<double>(items);
        const double expected = cycles(division, threads) * (1 + held_up * std::min(1.0, share));
        if (expected < least) best = division, least = expected;
        if (items >= 4 * threads) break;
      }
    }
    return best;
  }

 private:
  // A tile goes to the chunk that its work starts in. Chunks are never less than the greatest tile: none is empty.
  Division divided(std::int64_t blocks, std::int64_t chunks) const {
    const std::int64_t chunk_work = std::max(most_work_, ceil_div(work_, chunks));
    return {blocks, (work_ - last_work_) / chunk_work + 1, chunk_work};
  }

  // Until the last thread is done: of items that are equal, in rounds; of others, the largest may be the last.
  double cycles(const Division& division, std::int64_t threads) const {
    // Of the largest chunk, which has whole tiles.
    const double work = static_cast<double>(round_up(division.chunk_work, most_work_));
    const double share = std::min(1.0, work / static_cast<double>(work_));
    // An item with an end of the input is among the last to be done.
    const double ends = cost_.end * (division.blocks == 1 ? ends_ : 1);
    const double own =
        joins_groups_ && division.blocks * division.chunks == 1 ? cycles_per_joined_group : cycles_per_item;
    const double weights = threads == 1 ? 0 : cost_.weights;
    // A block's, of its row tiles, and what each of its chunks repeats.
    const auto rows = [&](double columns) {
      return std::max(0.0, cost_.block + weights - ends) + (cost_.column - cost_.packing) * columns;
    };
    const auto repeated = [&](double columns) { return own + ends + cost_.packing * columns; };

    const auto widest = static_cast<double>(std::min(columns_, block_columns(division.blocks)));
    const double mean = static_cast<double>(columns_) / static_cast<double>(division.blocks);
    const double largest = repeated(widest) + rows(widest) * share;
    const std::int64_t blocks = outer_ * division.blocks;
    const double all =
        static_cast<double>(blocks) * (rows(mean) + repeated(mean) * static_cast<double>(division.chunks));
    const double shared = all / static_cast<double>(threads);
    const double in_rounds = largest * static_cast<double>(ceil_div(blocks * division.chunks, threads));
    return std::min(in_rounds, shared + largest * (1 - 1 / static_cast<double>(threads)));
  }

  const plan::CallCost& cost_;
  std::int64_t outer_, columns_, tile_columns_, column_block_, fewest_, most_, row_tiles_;
  bool joins_groups_;
  double ends_;                                            // of the input, in strips of their own
  std::int64_t work_ = 0, most_work_ = 0, last_work_ = 0;  // of all row tiles, the greatest, the last
};

}  // namespace

Schedule schedule(const plan::CpuProblem& problem, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry,
                  const plan::CallCost& cost, std::int64_t batch, int threads, KernelArguments& arguments) {
  const Divider divider(problem, plan, geometry, cost, batch, arguments.columns);
  Schedule result;
  if (threads > 1)
    result.threads = static_cast<int>(
        std::clamp(divider.cycles_of_one_thread() / least_cycles_per_thread, 1.0, static_cast<double>(threads)));
  const Division division = result.threads == 1 ? divider.for_one_thread() : divider.for_threads(result.threads);

  // Blocks and chunks of equal size, which whole tiles may leave fewer of.
  arguments.block_columns = divider.block_columns(division.blocks);
  arguments.column_blocks = ceil_div(arguments.columns, arguments.block_columns);
  arguments.strip_columns = arguments.column_blocks == 1 ? plan.strip_columns(arguments.columns) : plan.strip;
  arguments.chunk_work = division.chunk_work;
  arguments.row_chunks = division.chunks;

  result.items = divider.outer() * arguments.column_blocks * arguments.row_chunks;
  result.threads = static_cast<int>(std::min<std::int64_t>(result.threads, result.items));
  result.grain = std::max<std::int64_t>(1, result.items / (std::int64_t{8} * result.threads));
  return result;
}

}  // namespace unstride::cpu
