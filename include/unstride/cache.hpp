// The kernel cache: what is compiled once is kept on disk, and trusted only as far as it can be checked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unstride/error.hpp"
#include "unstride/export.hpp"
#include "unstride/spec.hpp"

namespace unstride {

enum class CacheMode {
  read_write,  ///< "rw", the default
  read_only,   ///< "ro": look up, never write
  off,         ///< "off": compile everything, every time
  require,     ///< "require": a miss is an error (CacheMissError). Proves that a machine never compiles. For the target
               ///< "cpu", a kernel of a lower level that this machine can run serves too, and one line says so
  refresh,     ///< "refresh": compile everything and write it, whatever is there
  verify,      ///< "verify": compile everything and compare: an entry that differs is an error
};

/// "rw", "ro", ... Throws ArgumentError that lists the modes.
UNSTRIDE_API CacheMode parse_cache_mode(std::string_view text);
UNSTRIDE_API std::string_view name(CacheMode mode) noexcept;

/// Mode require, and no entry. what() says which entry comes nearest and how it differs.
class UNSTRIDE_API CacheMissError : public Error {
 public:
  using Error::Error;
};

/// What is set here wins over the environment, which is read once, when an Engine is made.
struct CacheOptions {
  std::optional<CacheMode> mode = {};  ///< else $UNSTRIDE_CACHE, else read_write
  /// Else $UNSTRIDE_CACHE_DIR, $XDG_CACHE_HOME/unstride, $HOME/.cache/unstride, or .cache/unstride in the user's home
  /// by the password file. With none of these nothing is kept.
  std::string directory = {};
  /// Read-only bundles, looked up after the directory in this order. Else $UNSTRIDE_BUNDLE_PATH, separated by colons.
  std::optional<std::vector<std::string>> bundles = {};
  /// Ed25519 public keys, 32 bytes each. Where there are any, only bundles signed by one of them are used.
  std::vector<std::string> trusted_keys = {};
  /// Use a directory or a bundle that another user could have written. Loading a kernel runs its code.
  bool trust_foreign = false;
  std::int64_t max_bytes = std::int64_t{2} << 30;  ///< of the directory; beyond, the least recently used go
  std::int64_t max_entries = 100'000;
  double lock_timeout_s = 60;  ///< how long to wait for another process that compiles the same; then compile too
  /// Gets one line for each thing worth knowing, once. Else they go to standard error.
  std::function<void(const std::string& line)> log = {};
};

struct CacheField {
  std::string label, value;
  friend bool operator==(const CacheField&, const CacheField&) = default;
};

struct CacheEntry {
  std::string key;  ///< 64 hexadecimal digits
  std::int64_t bytes = 0;
  std::int64_t last_used = 0;      ///< seconds since the epoch; 0 in a bundle
  std::string where;               ///< the directory or the bundle
  std::vector<CacheField> fields;  ///< all that the key is made of
  std::vector<CacheField> notes;   ///< "compile_ms", ...
};

struct CacheStats {
  std::string directory;  ///< empty: nothing is kept
  CacheMode mode = CacheMode::off;
  std::int64_t entries = 0, bytes = 0, temp_files = 0;
  std::int64_t max_entries = 0, max_bytes = 0;
  struct Bundle {
    std::string path;
    std::int64_t entries = 0;
  };
  std::vector<Bundle> bundles;
};

struct CacheCheck {
  std::int64_t checked = 0, bytes = 0, removed = 0;
  std::vector<std::string> corrupt;  ///< "<key>: why"
};

/// Why a layer is found in the cache, or is not.
struct CacheExplanation {
  bool hit = false;
  std::string key;
  std::string where;  ///< of the entry, or of the nearest one
  std::vector<CacheField> fields;
  struct Difference {
    std::string label;          ///< "target"; of a spec the field that differs, "spec.stride"
    std::string wanted, found;  ///< empty: no such field
  };
  std::string nearest;                  ///< key of the entry that differs in the fewest fields; empty: there is none
  std::vector<Difference> differences;  ///< between the key looked for and the nearest
  std::string plan;                     ///< that the layer would be computed by
  std::string plan_source;              ///< who chose it, as CompileInfo::plan_source
  /// Of a tuned plan: "lengths 32 to 512: exact, measured at 128".
  std::vector<std::string> tuned;
};

/// "spec.stride: wanted 4, found 2". Of long values, the parts that differ.
UNSTRIDE_API std::string to_string(const CacheExplanation::Difference& difference);

/// What an engine has done since it was made.
struct EngineStatistics {
  std::int64_t compilations = 0;  ///< how often a compiler was entered: LLVM's code generation, or NVRTC
  std::int64_t hits = 0;          ///< kernels found on disk or in a bundle
  std::int64_t misses = 0;
  std::int64_t reused = 0;  ///< compile() calls that were answered from memory
};

/// Collects compiled kernels and the plans chosen for them, and writes them as one file to be used read-only elsewhere.
/// Engine::precompile may fill one from many threads at once. The same kernels give the same file, in any order.
class UNSTRIDE_API BundleBuilder {
 public:
  BundleBuilder();
  ~BundleBuilder();
  BundleBuilder(BundleBuilder&&) noexcept;
  BundleBuilder& operator=(BundleBuilder&&) noexcept;

  std::int64_t entries() const noexcept;
  /// secret_key: an Ed25519 secret key of 64 bytes to sign with, or empty. Throws Error naming path and reason.
  void write(const std::string& path, const std::string& secret_key = {}) const;

  class Impl;
  Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Makes a pair of Ed25519 keys, to sign bundles with and to check them by: two files of one line of text each, the
/// secret one readable by this user only. Throws Error, naming the file and the reason, where one of them exists
/// already or cannot be written; then neither is left.
UNSTRIDE_API void generate_signing_keys(const std::string& secret_path, const std::string& public_path);
/// The 64 bytes that BundleBuilder::write takes. Throws Error, also for a file that other users have access to.
UNSTRIDE_API std::string read_secret_key(const std::string& path);
/// The 32 bytes that CacheOptions::trusted_keys takes. Throws Error.
UNSTRIDE_API std::string read_public_key(const std::string& path);

}  // namespace unstride
