// The folder <cache>/tuning: what this and other processes measured, here and, once merged, on other machines.
//
//   <name>.samples.jsonl   one line for each stretch of samples, written as they are taken
//   <name>.choices.jsonl   one line for each layer and length that was decided on
//
// Each tuner appends to two files of its own, a line at a time, so nobody waits for anybody, files of several machines
// can be put together by copying them, and whoever is killed leaves at most one torn line, which readers ignore.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cache/file_io.h"
#include "runtime/tuning/record.h"

namespace unstride::tuning {

inline constexpr std::string_view samples_suffix = ".samples.jsonl";
inline constexpr std::string_view choices_suffix = ".choices.jsonl";

/// The cache's root, and whether to use one that another user could have written.
struct JournalPlace {
  std::string root;
  bool trust_foreign = false;
};

/// Writes. Throws Error naming the path and the reason when the folder or a file cannot be written.
class Journal {
 public:
  explicit Journal(const JournalPlace& place);

  void add(const Unit& unit, const Sample& sample);
  void add(const Choice& choice);
  /// Of its files, without the suffix.
  const std::string& name() const { return name_; }

 private:
  cache::Fd& file(std::string_view suffix);
  void append(std::string_view suffix, std::string line);

  JournalPlace place_;
  std::string name_;
  cache::Fd folder_;
  std::map<std::string, cache::Fd, std::less<>> files_;
  std::string last_unit_;
};

/// All samples in the folder, by the key of their unit; of tuners that began at `since` or later, in seconds since
/// 1970. Nothing where there is no such folder.
std::map<std::string, History> read_samples(const JournalPlace& place, double since = 0);

/// All choices in the folder, found by their lookup key, of the same tuners. Lines are read when they are looked up.
class Choices {
 public:
  Choices() = default;
  explicit Choices(const JournalPlace& place, double since = 0);
  /// From text of the same lines.
  explicit Choices(std::string text);
  Choices(Choices&&) = default;
  Choices& operator=(Choices&&) = default;

  std::vector<Choice> find(std::string_view layer, std::string_view target) const;
  /// The last that was made for exactly this.
  std::optional<Choice> find(const Unit& unit) const;
  bool empty() const { return lines_.empty(); }

 private:
  void index(const std::string& text);

  std::vector<std::string> texts_;  // of whole files
  std::multimap<std::string_view, std::string_view> lines_;
};

}  // namespace unstride::tuning
