#include "tools/support/corpus.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace unstride::tools {
namespace {

using Json = nlohmann::json;

// "relu", "leaky_relu(0.1)"; nothing for a function that a spec cannot say, or for several of them.
std::optional<Activation> parse_activation(std::string_view text) {
  if (text == "relu") return Activation{.op = Activation::Op::relu};
  constexpr std::string_view leaky = "leaky_relu(";
  if (!text.starts_with(leaky) || !text.ends_with(")")) return std::nullopt;
  const std::string_view number = text.substr(leaky.size(), text.size() - leaky.size() - 1);
  Activation activation{.op = Activation::Op::leaky_relu};
  const auto [end, error] = std::from_chars(number.begin(), number.end(), activation.negative_slope);
  if (error != std::errc{} || end != number.end()) return std::nullopt;
  return activation;
}

// Sets the activation if the spec can say it; lists it otherwise.
void read_activation(const Json& entry, const char* field, Activation& activation, std::vector<std::string>& outside) {
  const auto found = entry.find(field);
  if (found == entry.end() || found->is_null()) return;
  const auto text = found->get<std::string>();
  if (const auto known = parse_activation(text)) {
    activation = *known;
  } else {
    outside.push_back(fmt::format("{} {}", field, text));
  }
}

CorpusLayer read_layer(const Json& entry) {
  CorpusLayer layer;
  layer.id = entry.at("id");
  layer.model = entry.at("model");
  layer.layer = entry.at("layer");
  layer.lengths = entry.at("typical_input_lengths").get<std::vector<std::int64_t>>();
  layer.core = entry.value("core", false);
  layer.headline = entry.value("headline", false);

  LayerSpec& spec = layer.spec;
  spec.in_channels = entry.at("in_channels");
  spec.out_channels = entry.at("out_channels");
  spec.kernel_size = entry.at("kernel_size");
  spec.stride = entry.at("stride");
  spec.padding = entry.at("padding");
  spec.output_padding = entry.at("output_padding");
  spec.dilation = entry.at("dilation");
  spec.groups = entry.at("groups");
  spec.bias = entry.at("bias");
  spec.trim = entry.value("trim", spec.trim);

  if (const auto pad = entry.find("pre_pad"); pad != entry.end()) {
    layer.outside_spec.push_back("pre_pad " + pad->get<std::string>());
  }
  read_activation(entry, "prologue", spec.prologue, layer.outside_spec);
  read_activation(entry, "epilogue", spec.epilogue, layer.outside_spec);
  validate(spec);
  for (const std::int64_t length : layer.lengths) output_length(spec, length);
  return layer;
}

}  // namespace

std::vector<CorpusLayer> read_corpus(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw Error(fmt::format("{}: cannot open the corpus of layers", path.string()));
  Json entries;
  try {
    entries = Json::parse(file);
  } catch (const Json::exception& e) {
    throw Error(fmt::format("{}: {}", path.string(), e.what()));
  }
  if (!entries.is_array()) throw Error(fmt::format("{}: must be a JSON array of layers", path.string()));

  std::vector<CorpusLayer> layers;
  layers.reserve(entries.size());
  for (const Json& entry : entries) {
    try {
      layers.push_back(read_layer(entry));
    } catch (const std::exception& e) {  // a JSON type error, or a SpecError
      throw Error(fmt::format("{}: layer {}: {}", path.string(), layers.size(), e.what()));
    }
  }
  return layers;
}

}  // namespace unstride::tools
