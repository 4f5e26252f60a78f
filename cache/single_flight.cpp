#include "cache/single_flight.h"

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>

namespace unstride::cache {

namespace {

// What one thread does and the others wait for.
struct Flight {
  bool landed = false;
  SingleFlight::Result result;
  std::exception_ptr failure;
};

}  // namespace

struct SingleFlight::Impl {
  explicit Impl(SingleFlightOptions given) : options(std::move(given)) {}

  Result find_or_build(const Key& key, const std::function<Result()>& find, const std::function<Result()>& build) {
    if (Result found = find()) return found;
    const auto lock =
        KeyLock::acquire(locks(), key, options.lock_limit, [this](const std::string& line) { report(line, line); });
    // Again, even where the lock came at once: its last holder may have published since the first look.
    if (Result found = find()) return found;
    return build();
  }

  // Not before the first miss: the root need not exist earlier.
  std::string locks() {
    std::call_once(folder_chosen, [&] { folder = lock_folder(options.xdg_runtime_dir, options.root); });
    return folder;
  }

  SingleFlightOptions options;
  ReportOnce report{options.report};
  std::once_flag folder_chosen;
  std::string folder;
  std::mutex mutex;  // of all below
  std::condition_variable landed;
  std::map<std::string, std::shared_ptr<Flight>> flights;  // by hex, while they last
};

SingleFlight::SingleFlight(SingleFlightOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
SingleFlight::~SingleFlight() = default;

SingleFlight::Result SingleFlight::run(const Key& key, const std::function<Result()>& find,
                                       const std::function<Result()>& build) {
  std::unique_lock lock(impl_->mutex);
  const auto [place, first] = impl_->flights.try_emplace(key.hex());
  if (first) place->second = std::make_shared<Flight>();
  const std::shared_ptr<Flight> flight = place->second;

  if (first) {
    lock.unlock();
    Result result;
    std::exception_ptr failure;
    try {
      result = impl_->find_or_build(key, find, build);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    flight->landed = true;
    flight->result = std::move(result);
    flight->failure = std::move(failure);
    impl_->flights.erase(key.hex());
    impl_->landed.notify_all();
  } else {
    impl_->landed.wait(lock, [&] { return flight->landed; });
  }
  lock.unlock();
  if (flight->failure) std::rethrow_exception(flight->failure);
  return flight->result;
}

}  // namespace unstride::cache
