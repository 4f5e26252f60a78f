#include "bench/serve.h"

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

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
    prepare({request.at("id"), request.at("length"), request.at("threads"), request.at("dtype") == "bfloat16",
             request.at("fast")});
    if (request.at("do") == "sample") return {{"us", 1e6 * ready_->timer->sample()}};
    if (request.at("do") != "output") throw Error("\"do\": must be \"sample\" or \"output\"");
    const std::int64_t outputs = ready_->layer.output_count();
    std::vector<char> y(static_cast<std::size_t>(outputs * size_in_bytes(ready_->layer.spec.dtype)));
    ready_->contender->run(ready_->layer.x_elements.data(), y.data());
    tools::write_file(request.at("to").get<std::string>(), {std::string_view(y.data(), y.size())});
    return {{"outputs", outputs}};
  }

 private:
  struct Name {
    std::int64_t id = 0, length = 0;
    int threads = 0;
    bool bfloat16 = false, fast = false;

    friend bool operator==(const Name&, const Name&) = default;
  };

  struct Ready {
    Ready(const Engine& engine, const LayerSpec& spec, const Name& name)
        : layer(spec, 1, name.length, name.bfloat16 ? DType::bfloat16 : DType::float32,
                name.fast ? Math::fast : Math::strict),
          buffers(layer, false, name.threads),
          contender(make_unstride(engine, layer, name.threads)) {}

    Case layer;
    Buffers buffers;
    std::unique_ptr<Contender> contender;
    std::optional<CallTimer> timer;
  };

  void prepare(const Name& name) {
    if (ready_ && name_ == name) return;
    const auto layer = std::ranges::find(layers_, name.id, &tools::CorpusLayer::id);
    if (layer == layers_.end()) throw Error("\"id\": no such layer in the corpus");
    ready_.reset();
    ready_ = std::make_unique<Ready>(engine_, layer->spec, name);
    ready_->timer.emplace([ready = ready_.get()] { ready->buffers.run(*ready->contender); });
    name_ = name;
  }

  std::vector<tools::CorpusLayer> layers_;
  Engine engine_{EngineOptions{.threads = 0, .cache = {.mode = CacheMode::off}}};
  std::unique_ptr<Ready> ready_;
  Name name_;
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
