#include "tools/unstride/outcome.h"

#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace unstride::command {

Failure failure_from(std::exception_ptr exception, std::string source) {
  const auto failure = [&](std::string message, Status status, std::string field = {}) {
    return Failure{std::move(source), std::move(field), std::move(message), status};
  };
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const SpecError& e) {
    return failure(e.what(), wrong_usage, e.field());
  } catch (const UsageError& e) {
    return failure(e.what(), wrong_usage);
  } catch (const ArgumentError& e) {
    return failure(e.what(), wrong_usage);
  } catch (const std::bad_alloc&) {
    return failure("not enough memory", work_failed);
  } catch (const std::exception& e) {
    return failure(e.what(), work_failed);
  }
}

Outcome::Outcome() : json_(std::make_unique<Json>(Json::object())) {}
Outcome::Outcome(Outcome&&) noexcept = default;
Outcome::~Outcome() = default;

}  // namespace unstride::command
