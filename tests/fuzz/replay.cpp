// Runs a fuzz entry point without libFuzzer: over every seed, and over a fixed number of mutated seeds. The same
// arguments give the same inputs on every machine, so a failure repeats; the input that failed is left in the file
// fuzz_replay_last_input.
//
//     replay CORPUS_FOLDER DICTIONARY [MUTATIONS [SEED]]
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path.string()));
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_corpus(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());  // the order of a folder's entries differs between machines
  std::vector<std::string> seeds;
  seeds.reserve(paths.size());
  for (const fs::path& path : paths) seeds.push_back(read_file(path));
  if (seeds.empty()) throw std::runtime_error(fmt::format("no seeds in {}", folder.string()));
  return seeds;
}

// libFuzzer's format as far as it is used here: one "token" a line, backslash before '"' and '\', '#' for comments.
std::vector<std::string> read_dictionary(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(fmt::format("cannot read {}", path.string()));
  std::vector<std::string> tokens;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() != '"') continue;
    std::string token;
    for (std::size_t i = 1; i + 1 < line.size(); ++i) token += line[i] == '\\' ? line[++i] : line[i];
    tokens.push_back(token);
  }
  if (tokens.empty()) throw std::runtime_error(fmt::format("no tokens in {}", path.string()));
  return tokens;
}

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, std::vector<std::string> tokens, std::uint64_t seed)
      : seeds_(std::move(seeds)), tokens_(std::move(tokens)), random_(seed) {}

  std::string next() {
    std::string text = any_of(seeds_);
    do mutate(text);
    while (below(3) == 0);  // mostly one edit: few inputs survive many
    return text;
  }

 private:
  // Not std::uniform_int_distribution, whose numbers the standard leaves open.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  const std::string& any_of(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }

  void mutate(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    switch (below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 2:
        text.erase(at, 1 + below(8));
        break;
      case 3: {
        const std::size_t from = below(text.size() + 1);
        text.insert(at, text.substr(from, 1 + below(32)));
        break;
      }
      case 4:
        text.insert(at, any_of(tokens_));
        break;
      case 5: {  // the head of one seed, the tail of another
        const std::string& other = any_of(seeds_);
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
        break;
      }
      default:
        replace_number(text, at);
    }
  }

  // Keeps the JSON intact, so that the rules behind the parser are reached.
  void replace_number(std::string& text, std::size_t at) {
    constexpr const char* digits = "0123456789";
    const std::size_t begin = text.find_first_of(digits, at);
    if (begin == text.npos) return;
    const std::size_t end = std::min(text.find_first_not_of(digits, begin), text.size());
    const std::uint64_t any_magnitude = random_() >> below(64);
    text.replace(begin, end - begin, std::to_string(any_magnitude));
  }

  std::vector<std::string> seeds_, tokens_;
  std::mt19937_64 random_;
};

constexpr const char* last_input = "fuzz_replay_last_input";

void run(const std::string& input) {
  // Written first: a violated property, or a sanitizer, ends the process.
  std::ofstream(last_input, std::ios::binary) << input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

void replay(int argc, char** argv) {
  if (argc < 3) throw std::runtime_error(fmt::format("usage: {} CORPUS_FOLDER DICTIONARY [MUTATIONS [SEED]]", argv[0]));
  const std::vector<std::string> seeds = read_corpus(argv[1]);
  const std::uint64_t mutations = argc > 3 ? std::stoull(argv[3]) : 5'000;
  const std::uint64_t seed = argc > 4 ? std::stoull(argv[4]) : 1;
  fmt::print("{} seeds, then {} mutations of them from seed {}\n", seeds.size(), mutations, seed);
  for (const std::string& text : seeds) run(text);
  Mutator mutator(seeds, read_dictionary(argv[2]), seed);
  for (std::uint64_t i = 0; i < mutations; ++i) run(mutator.next());
  fs::remove(last_input);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    replay(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
