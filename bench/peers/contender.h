// What takes part in the comparison: one way to compute a case, made ready beforehand, callable again and again.
//
// A contender keeps weights in whatever form suits it; packing them and generating code count as preparation. Input and
// output are dense NCL as the caller holds them, so converting them to a layout of its own counts as running.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/case.h"

namespace unstride::bench {

class Contender {
 public:
  Contender() = default;
  virtual ~Contender() = default;
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  /// Computes y (batch, out_channels, output_length) from x (batch, in_channels, length), elements of the layer's type.
  virtual void run(const void* x, void* y) = 0;

  /// The implementation behind it, as it names itself.
  virtual std::string implementation() const = 0;
};

/// One of several ways in which a peer can do a case; the fastest counts. Making it is its preparation. It may throw
/// Error with the reason why the peer cannot do the case, or not within reason.
struct Variant {
  std::string name;
  std::function<std::unique_ptr<Contender>()> make;
};

/// A library to compare with.
struct Peer {
  std::string name;     ///< "onednn"
  std::string version;  ///< "oneDNN 2.6.3"
  std::function<std::vector<Variant>(const Case&, int threads)> variants;
};

/// unstride itself.
std::unique_ptr<Contender> make_unstride(const Engine& engine, const Case& layer, int threads);

}  // namespace unstride::bench
