// The frame of every kernel: the exported function that walks over work items.
#pragma once

#include <functional>
#include <string>

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// One work item: a row chunk of a column block, of one batch element and group; or several at once (join_groups).
struct WorkItem {
  llvm::Value *x, *y, *weights, *biases;  ///< of the first group; x and y of the batch element too
  llvm::Value* groups;                    ///< 1, unless groups are joined
  llvm::Value *column, *columns;          ///< the first one's q on the grid (plan::Columns), and how many
  llvm::Value *first_tile, *last_tile;    ///< row tiles
};

/// Emits a KernelFunction (kernel_abi.h). The values that all items share are valid while `body` emits one.
class KernelFrame {
 public:
  KernelFrame(Emitter& e, const plan::CpuGeometry& g) : emit_(e), geometry_(g) {}

  void emit(const std::string& symbol, const std::function<void(const WorkItem&)>& body);

  llvm::Value *x_pitch = nullptr, *y_pitch = nullptr, *input_length = nullptr, *output_length = nullptr;
  llvm::Value *strip_columns = nullptr, *border_counts = nullptr;
  llvm::Value* scratch = nullptr;

  /// Hands the body groups that follow each other as one item, where items are whole groups: for layers whose groups
  /// are so small that what an item costs by itself would count.
  bool join_groups = false;

  /// Emit what a call does once.
  std::function<void()> before_items = [] {}, after_items = [] {};

 private:
  llvm::Value* argument(std::size_t offset, llvm::Type* type);
  llvm::Value* number(std::size_t offset);
  llvm::Value* pointer(std::size_t offset);
  WorkItem item_at(const Values& position, llvm::Value* groups);
  llvm::Value* tiles_before(llvm::Value* work);

  Emitter& emit_;
  const plan::CpuGeometry& geometry_;
  llvm::Value* arguments_ = nullptr;
};

}  // namespace unstride::cpu
