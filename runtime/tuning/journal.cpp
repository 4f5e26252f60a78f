#include "runtime/tuning/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <functional>

#include "cache/safe_folder.h"
#include "unstride/error.hpp"

namespace unstride::tuning {

namespace {

constexpr const char* folder_name = "tuning";
constexpr std::size_t largest_file = std::size_t{1} << 30;

std::string host() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0) return "host";
  std::string name = buffer.data();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name.substr(0, 60);
}

// Empty where there is none.
cache::SafeFolder open_folder(const JournalPlace& place, bool create) {
  const cache::FolderRules rules{.create = create, .trust_foreign = place.trust_foreign};
  cache::SafeFolder root = cache::open_safe_folder(place.root, rules);
  if (!root.fd) return root;
  return cache::open_safe_subfolder(root.fd.get(), folder_name, rules);
}

// When its tuner began, in seconds since 1970, from <host>-<process>-<nanoseconds in hexadecimal><suffix>. 0 where the
// name says something else.
double began(std::string_view name, std::string_view suffix) {
  name.remove_suffix(suffix.size());
  name.remove_prefix(name.rfind('-') + 1);  // npos + 1 is 0
  std::int64_t nanoseconds = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), nanoseconds, 16);
  return error == std::errc{} && end == name.data() + name.size() ? 1e-9 * static_cast<double>(nanoseconds) : 0;
}

// Whole lines of all files with this suffix, in the order of their names. A line without an end is torn.
void for_each_text(const JournalPlace& place, std::string_view suffix, double since,
                   const std::function<void(const std::string& name, std::string text)>& f) {
  if (place.root.empty()) return;
  const cache::SafeFolder folder = open_folder(place, false);
  if (!folder.fd) return;
  std::vector<std::string> names;
  cache::for_each_name(folder.fd.get(), [&](const char* name) {
    if (std::string_view(name).ends_with(suffix) && began(name, suffix) >= since) names.emplace_back(name);
  });
  std::ranges::sort(names);
  for (const std::string& name : names) {
    const cache::Fd file = cache::open_at(folder.fd.get(), name.c_str(), O_RDONLY);
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    std::string text;
    if (!cache::read_until(file.get(), text, std::min(static_cast<std::size_t>(status.st_size), largest_file)))
      continue;
    text.resize(text.find_last_of('\n') + 1);  // npos + 1 is 0
    f(name, std::move(text));
  }
}

template <typename F>
void for_each_line(std::string_view text, const F& f) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    f(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
}

}  // namespace

Journal::Journal(const JournalPlace& place) : place_(place) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  name_ =
      fmt::format("{}-{}-{:x}", host(), getpid(), std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

cache::Fd& Journal::file(std::string_view suffix) {
  const auto found = files_.find(suffix);
  if (found != files_.end()) return found->second;
  const auto refuse = [&](const std::string& why) -> Error {
    return Error(fmt::format("tuning: cannot write to {}/{}: {}", place_.root, folder_name, why));
  };
  if (place_.root.empty()) throw Error("tuning: no cache folder is in use, so nothing would be kept; name one");
  if (!folder_) {
    cache::SafeFolder folder = open_folder(place_, true);
    if (!folder.fd) throw refuse(folder.reason);
    folder_ = std::move(folder.fd);
  }
  cache::Fd made = cache::open_at(folder_.get(), (name_ + std::string(suffix)).c_str(),
                                  O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
  if (!made) throw refuse(cache::error_text(errno));
  return files_.emplace(suffix, std::move(made)).first->second;
}

void Journal::append(std::string_view suffix, std::string line) {
  line += '\n';  // one write for a whole line
  if (!cache::write_all(file(suffix).get(), line))
    throw Error(
        fmt::format("tuning: {}/{}/{}{}: {}", place_.root, folder_name, name_, suffix, cache::error_text(errno)));
}

void Journal::add(const Unit& unit, const Sample& sample) {
  std::string key = unit.key();
  if (key != last_unit_) append(samples_suffix, to_line(unit));
  append(samples_suffix, to_line(key, sample));
  last_unit_ = std::move(key);
}

void Journal::add(const Choice& choice) {
  append(choices_suffix, to_line(choice));
}

std::map<std::string, History> read_samples(const JournalPlace& place, double since) {
  std::map<std::string, History> result;
  for_each_text(place, samples_suffix, since, [&](const std::string& name, const std::string& text) {
    for_each_line(text, [&](std::string_view line) {
      if (const auto sample = read_sample(line)) result[sample->unit].add(name, sample->sample);
    });
  });
  return result;
}

Choices::Choices(const JournalPlace& place, double since) {
  for_each_text(place, choices_suffix, since,
                [&](const std::string&, std::string text) { texts_.push_back(std::move(text)); });
  for (const std::string& text : texts_) index(text);
}

Choices::Choices(std::string text) : texts_{std::move(text)} {
  index(texts_.front());
}

void Choices::index(const std::string& text) {
  for_each_line(text, [&](std::string_view line) {
    if (const std::string_view key = lookup_key_of(line); !key.empty()) lines_.emplace(key, line);
  });
}

std::vector<Choice> Choices::find(std::string_view layer, std::string_view target) const {
  std::vector<Choice> result;
  if (lines_.empty()) return result;
  const std::string key = lookup_key(layer, target);
  const auto [begin, end] = lines_.equal_range(key);
  for (auto line = begin; line != end; ++line)
    if (auto choice = read_choice(line->second); choice && choice->unit.layer == layer && choice->unit.target == target)
      result.push_back(*std::move(choice));
  return result;
}

std::optional<Choice> Choices::find(const Unit& unit) const {
  std::optional<Choice> last;
  for (Choice& choice : find(unit.layer, unit.target))
    if (choice.unit == unit && (!last || choice.made >= last->made)) last = std::move(choice);
  return last;
}

}  // namespace unstride::tuning
