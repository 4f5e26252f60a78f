#include "bench/serve.h"

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "bench/buffers.h"
#include "bench/interleaved.h"
#include "bench/peers/contender.h"
#include "tools/support/corpus.h"
#include "tools/support/output_file.h"

namespace unstride::bench {

namespace {

using Json = nlohmann::json;

class Server {
 public:
  explicit Server(const std::filesystem::path& corpus) : layers_(tools::read_corpus(corpus)) {}

  Json answer(const Json& request) {
    prepare(request.at("id"), request.at("length"), request.at("threads"));
    if (request.at("do") == "sample") return {{"us", 1e6 * ready_->timer->sample()}};
    if (request.at("do") != "output") throw Error("\"do\": must be \"sample\" or \"output\"");
    std::vector<float> y(static_cast<std::size_t>(ready_->layer.output_count()));
    ready_->contender->run(ready_->layer.x_elements.data(), y.data());
    tools::write_file(request.at("to").get<std::string>(),
                      {std::string_view(reinterpret_cast<const char*>(y.data()), y.size() * sizeof(float))});
    return {{"outputs", y.size()}};
  }

 private:
  struct Ready {
    Ready(const Engine& engine, const LayerSpec& spec, std::int64_t length, int threads)
        : layer(spec, 1, length), buffers(layer, false, threads), contender(make_unstride(engine, layer, threads)) {}

    Case layer;
    Buffers buffers;
    std::unique_ptr<Contender> contender;
    std::optional<CallTimer> timer;
  };

  void prepare(std::int64_t id, std::int64_t length, int threads) {
    const std::tuple name(id, length, threads);
    if (ready_ && name_ == name) return;
    const auto layer = std::ranges::find(layers_, id, &tools::CorpusLayer::id);
    if (layer == layers_.end()) throw Error("\"id\": no such layer in the corpus");
    ready_.reset();
    ready_ = std::make_unique<Ready>(engine_, layer->spec, length, threads);
    ready_->timer.emplace([ready = ready_.get()] { ready->buffers.run(*ready->contender); });
    name_ = name;
  }

  std::vector<tools::CorpusLayer> layers_;
  Engine engine_{EngineOptions{.threads = 0, .cache = {.mode = CacheMode::off}}};
  std::unique_ptr<Ready> ready_;
  std::tuple<std::int64_t, std::int64_t, int> name_;
};

}  // namespace

void serve(const std::filesystem::path& corpus, std::istream& in, std::ostream& out) {
  Server server(corpus);
  for (std::string line; std::getline(in, line);) {
    Json answer;
    try {
      answer = server.answer(Json::parse(line));
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    out << answer.dump() << std::endl;
  }
}

}  // namespace unstride::bench
