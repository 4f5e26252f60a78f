// What a subcommand hands back: a value. Only main.cpp prints, so the contract of --json is kept in one place.
#pragma once

#include <exception>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "unstride/error.hpp"

namespace unstride::command {

using Json = nlohmann::ordered_json;

enum Status { done = 0, work_failed = 1, wrong_usage = 2 };

/// Arguments that do not fit each other or the spec. what() names the option and what is allowed.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// One thing that went wrong.
struct Failure {
  std::string source;   ///< the spec or file it happened to; may be empty
  std::string field;    ///< the field of the spec at fault; may be empty
  std::string message;  ///< one line or, with a compiler's log, several
  Status status = work_failed;
};

/// A caught exception as a failure: a bad spec or argument is wrong usage, anything else is failed work.
Failure failure_from(std::exception_ptr exception, std::string source = {});

class Outcome {
 public:
  Outcome();
  Outcome(Outcome&&) noexcept;
  ~Outcome();

  Json& json() { return *json_; }  ///< what --json prints, an object; main adds "failures"
  std::string text;                ///< what is printed otherwise
  std::vector<Failure> failures;   ///< printed on standard error; the worst decides the exit status

 private:
  std::unique_ptr<Json> json_;
};

}  // namespace unstride::command
