// All errors of the SDK; all languages share the names (sdk/spec/errors.json).
#pragma once

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace hotseat {

class HotseatError : public std::runtime_error {
 public:
  HotseatError(const char* type, const std::string& detail) : std::runtime_error(detail), type(type) {}
  const char* type;        // the class's name
  std::string request_id;  // the service's name for the request; empty if no answer came
};

#define HOTSEAT_ERROR(name, base)                                                \
  class name : public base {                                                     \
   public:                                                                       \
    explicit name(const std::string& detail) : base(#name, detail) {}            \
                                                                                 \
   protected:                                                                    \
    name(const char* type, const std::string& detail) : base(type, detail) {}    \
  };

HOTSEAT_ERROR(ConfigError, HotseatError)       // options or arguments are invalid
HOTSEAT_ERROR(TransportError, HotseatError)    // no answer came, or another server's
HOTSEAT_ERROR(DeadlineError, TransportError)   // the deadline passed
HOTSEAT_ERROR(CircuitOpenError, TransportError)  // the circuit breaker is open
HOTSEAT_ERROR(TokenError, TransportError)      // the function for tokens failed
HOTSEAT_ERROR(NotReadyError, TransportError)   // a ticket's answer has not arrived
HOTSEAT_ERROR(CancelledError, TransportError)  // the ticket or the client was closed

// The service refused or failed.
class StatusError : public HotseatError {
 public:
  explicit StatusError(const std::string& detail) : HotseatError("StatusError", detail) {}
  int status = 0;
  std::string code;
  bool retryable = false;
  std::optional<std::string> pointer;  // JSON pointer to the invalid part of the input
  std::optional<double> retry_after;   // seconds
  bool is_foreign = false;             // another server answered, such as a login page

 protected:
  StatusError(const char* type, const std::string& detail) : HotseatError(type, detail) {}
};

HOTSEAT_ERROR(BadInputError, StatusError)      // 400, 405, 415, 422
HOTSEAT_ERROR(AuthError, StatusError)          // 401, 403
HOTSEAT_ERROR(NotFoundError, StatusError)      // 404
HOTSEAT_ERROR(TooLargeError, StatusError)      // 413
HOTSEAT_ERROR(RateLimitedError, StatusError)   // 429
HOTSEAT_ERROR(UnavailableError, StatusError)   // 5xx
#undef HOTSEAT_ERROR

// Whether the service is away, rather than refusing the request.
inline bool is_away(const HotseatError& error) {
  if (const auto* refused = dynamic_cast<const StatusError*>(&error)) {
    return refused->status >= 500 || refused->status == 429 || refused->is_foreign;
  }
  return dynamic_cast<const TransportError*>(&error) && !dynamic_cast<const CancelledError*>(&error);
}

// Call `use` with the error of a status; `use` throws it.
template <class Use>
[[noreturn]] void with_error_of(int status, const std::string& detail, Use&& use) {
  const auto raise = [&](auto error) {
    use(error);
    throw error;
  };
  if (status >= 500) raise(UnavailableError(detail));
  if (status == 400 || status == 405 || status == 415 || status == 422) raise(BadInputError(detail));
  if (status == 401 || status == 403) raise(AuthError(detail));
  if (status == 404) raise(NotFoundError(detail));
  if (status == 413) raise(TooLargeError(detail));
  if (status == 429) raise(RateLimitedError(detail));
  raise(StatusError(detail));
  std::abort();
}

}  // namespace hotseat
