// unstride compile: show or save what the compiler makes of specs, from the plan to the object file or the cubin.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/support/output_file.h"
#include "tools/support/progress.h"
#include "tools/unstride/cache_options.h"
#include "tools/unstride/describe.h"
#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"
#include "tools/unstride/subcommand.h"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  CacheArguments cache;
  std::vector<std::string> specs;
  std::string target = "cpu";
  std::string plan;
  std::string emit = "plan";
  std::string folder;
};

struct Product {
  std::string_view name;  // as --emit takes it
  Emit emit;
  std::string_view target;     // the kind of target that has it; empty: every one
  std::string_view extension;  // of its files
  std::string_view comment;    // what begins a comment in it; empty for binary products
};

constexpr std::array products = {
    Product{"plan", Emit::plan, "", ".plan.txt", "#"},   Product{"ir", Emit::ir, "cpu", ".ll", ";"},
    Product{"asm", Emit::assembly, "cpu", ".s", "#"},    Product{"obj", Emit::object, "cpu", ".o", ""},
    Product{"cuda", Emit::cuda, "cuda", ".cu", "//"},    Product{"ptx", Emit::ptx, "cuda", ".ptx", "//"},
    Product{"cubin", Emit::cubin, "cuda", ".cubin", ""},
};

const Product& find_product(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Product& product : products) {
    if (product.name == name) return product;
    names.push_back(product.name);
  }
  throw UsageError(fmt::format("--emit: {}: must be one of {}", name, fmt::join(names, ", ")));
}

// Refuses what cannot be made or has nowhere to go, before any work.
void require_usable(const Product& product, const Arguments& arguments, std::size_t count, bool json) {
  const std::string kind = arguments.target.substr(0, arguments.target.find(':'));
  if (!product.target.empty() && product.target != kind) {
    std::vector<std::string_view> names;
    for (const Product& other : products)
      if (other.target.empty() || other.target == kind) names.push_back(other.name);
    throw UsageError(fmt::format("--emit: {}: is made for {} targets; for {} it must be one of {}", product.name,
                                 product.target, arguments.target, fmt::join(names, ", ")));
  }
  const bool is_binary = product.comment.empty();
  if (!is_binary || !arguments.folder.empty()) return;
  const auto refuse = [&](std::string_view reason) {
    throw UsageError(fmt::format("--emit: {}: {}; give a folder with -o", product.name, reason));
  };
  if (json) refuse("is binary, and --json prints text");
  if (count > 1) refuse(fmt::format("is binary, and there are {} specs", count));
  if (isatty(STDOUT_FILENO) == 1) refuse("is binary, and standard output is a terminal");
}

// Where each spec's product goes. Two specs never share a file.
std::vector<fs::path> output_paths(const std::vector<NamedSpec>& specs, const Product& product,
                                   const fs::path& folder) {
  std::vector<fs::path> paths;
  std::map<fs::path, std::string> owners;
  for (const NamedSpec& named : specs) {
    paths.push_back(folder / (named.stem + std::string(product.extension)));
    const auto [owner, is_new] = owners.emplace(paths.back(), named.source);
    if (!is_new) {
      throw UsageError(fmt::format("-o {}: {} and {} would both be {}; rename one of the files", folder.string(),
                                   owner->second, named.source, paths.back().string()));
    }
  }
  return paths;
}

Outcome compile(const Arguments& arguments, bool json) {
  const Product& product = find_product(arguments.emit);
  SpecInput input = read_specs(arguments.specs);
  // emit() makes everything anew, but by the plan of a bundle where there is one, as `run` does.
  const Engine engine = open_cache(arguments.cache, CacheMode::read_only);
  require_known_target(engine, arguments.target);
  require_usable(product, arguments, input.specs.size(), json);
  const bool to_files = !arguments.folder.empty();
  std::vector<fs::path> paths;
  if (to_files) {
    paths = output_paths(input.specs, product, arguments.folder);
    fs::create_directories(arguments.folder);
  }

  Outcome outcome;
  outcome.failures = std::move(input.failures);
  outcome.json()["target"] = arguments.target;
  outcome.json()["emit"] = product.name;
  outcome.json()["outputs"] = Json::array();
  tools::Progress progress("compile", std::ssize(input.specs));
  for (std::size_t k = 0; k < input.specs.size(); ++k) {
    const NamedSpec& named = input.specs[k];
    progress.update(static_cast<std::int64_t>(k), named.source);
    try {
      std::string made = engine.emit(named.spec, product.emit, {.target = arguments.target, .plan = arguments.plan});
      Json entry = {{"source", named.source}, {"spec", Json::parse(to_json(named.spec))}, {"bytes", made.size()}};
      if (to_files) {
        tools::write_file(paths[k], {made});
        entry["file"] = paths[k].string();
        outcome.text += fmt::format("{}  {} bytes\n", paths[k].string(), made.size());
      } else {
        if (input.specs.size() > 1) {
          outcome.text += fmt::format("{} {}: {}\n", product.comment, named.source, describe(named.spec));
        }
        outcome.text += made;
        entry["text"] = std::move(made);
      }
      outcome.json()["outputs"].push_back(std::move(entry));
    } catch (...) {
      outcome.failures.push_back(failure_from(std::current_exception(), named.source));
    }
  }
  return outcome;
}

}  // namespace

Subcommand add_compile(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("compile", "Print or save what is made of specs: plan, IR, assembly, CUDA C++, binary");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->specs, "a JSON file with a spec or an array of specs, or - for standard input")
      ->required()
      ->type_name("");
  add_compile_options(*app, arguments->target, arguments->plan);
  app->add_option("--emit", arguments->emit, "plan; for cpu ir, asm or obj; for cuda cuda, ptx or cubin")
      ->type_name("KIND")
      ->capture_default_str();
  app->add_option("-o", arguments->folder, "write one file per spec into this folder")->type_name("DIR");
  add_bundle_places(*app, arguments->cache);
  app->footer(
      "Examples:\n"
      "  unstride compile layer.json\n"
      "  unstride compile layer.json --target cpu:x86-64-v4 --emit asm | less\n"
      "  unstride compile layers.json --emit obj -o build/kernels\n"
      "  unstride compile layer.json --target cuda:sm_90a --emit cuda");
  return {app, [arguments](bool json) { return compile(*arguments, json); }};
}

}  // namespace unstride::command
