// Rules without a clock or a network: paths, retries, the circuit breaker.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "errors.hpp"

namespace hotseat {

using Clock = std::function<double()>;  // seconds; monotonic

// A retry budget and a circuit breaker: each retry takes a token, each success returns a
// tenth of one (gRFC A6); after five failures in a row, calls fail at once for a while
// (Nygard, "Release It!"). Safe for threads.
class CircuitBreaker {
 public:
  explicit CircuitBreaker(Clock clock) : clock_(std::move(clock)) {}

  // Whether a call may be sent now; an open circuit admits one probe.
  bool admit() {
    const std::lock_guard lock(gate_);
    if (failures_ < kFailures) return true;
    const double waits = until_ - clock_();
    // a clock that jumped back must not keep the circuit open for days
    if (probing_ || (waits > 0 && waits <= kLongest)) return false;
    return probing_ = true;
  }
  // Take a token for a retry; return whether one was left.
  bool may_retry() {
    const std::lock_guard lock(gate_);
    if (tokens_ < 10) return false;
    tokens_ -= 10;
    return true;
  }
  void succeeded() {
    const std::lock_guard lock(gate_);
    tokens_ = std::min(tokens_ + 1, 100);
    failures_ = 0;
    pause_ = 1;
    probing_ = false;
  }
  // `share` is how much it says about the service: a missed tiny deadline says little.
  void failed(double share = 1) {
    const std::lock_guard lock(gate_);
    if (failures_ >= kFailures && !probing_) return;  // was under way already
    failures_ += share;
    if (failures_ < kFailures) return;
    if (probing_) pause_ = std::min(2 * pause_, kLongest);
    probing_ = false;
    ++opened_count_;
    until_ = clock_() + pause_;
  }
  void gave_up() {
    const std::lock_guard lock(gate_);
    probing_ = false;
  }
  int opened_count() const {
    const std::lock_guard lock(gate_);
    return opened_count_;
  }

 private:
  static constexpr double kFailures = 5, kLongest = 30;
  mutable std::mutex gate_;
  Clock clock_;
  int tokens_ = 100, opened_count_ = 0;  // tokens in tenths
  double failures_ = 0, until_ = 0, pause_ = 1;
  bool probing_ = false;
};

// One circuit breaker a model, so that a broken model silences no other.
class CircuitBreakers {
 public:
  explicit CircuitBreakers(Clock clock) : clock_(std::move(clock)) {}
  CircuitBreaker& of(const std::string& model) {
    const std::lock_guard lock(gate_);
    auto& breaker = breakers_[model];
    if (!breaker) breaker = std::make_unique<CircuitBreaker>(clock_);
    return *breaker;
  }
  int opened_count() const {
    const std::lock_guard lock(gate_);
    int count = 0;
    for (const auto& one : breakers_) count += one.second->opened_count();
    return count;
  }

 private:
  mutable std::mutex gate_;
  Clock clock_;
  std::map<std::string, std::unique_ptr<CircuitBreaker>> breakers_;
};

// Whether the same request may succeed later: the service decides, failed connections may.
inline bool may_retry(const HotseatError& error) {
  if (const auto* refused = dynamic_cast<const StatusError*>(&error)) return refused->retryable;
  return std::string(error.type) == "TransportError";  // its subclasses are final
}

// Seconds to wait after attempt 0, 1, 2 ...: full jitter, at least what Retry-After says.
inline double pause_after(int attempt, double drawn, const HotseatError& error) {
  const double jittered = drawn * std::min(1.0, 0.05 * std::pow(2.0, std::min(attempt, 10)));
  const auto* refused = dynamic_cast<const StatusError*>(&error);
  return std::max(refused ? refused->retry_after.value_or(0) : 0, jittered);
}

// Quote a segment of a path; throws ConfigError for dots alone.
inline std::string part(const std::string& name) {
  if (name.empty() || name == "." || name == "..") throw ConfigError("'" + name + "' names no model or version");
  static const char* hex = "0123456789ABCDEF";
  std::string quoted;
  for (const unsigned char byte : name) {
    const bool is_plain = (byte < 128 && std::isalnum(byte)) || std::string("-_.~").find(static_cast<char>(byte)) != std::string::npos;
    if (is_plain) quoted += static_cast<char>(byte);
    else ((quoted += '%') += hex[byte >> 4]) += hex[byte & 15];
  }
  return quoted;
}

// A base URL without its last slash; throws ConfigError.
inline std::string base_of(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  const std::size_t start = url.rfind("https://", 0) == 0 ? 8 : url.rfind("http://", 0) == 0 ? 7 : 0;
  const std::string host = url.substr(start, url.find('/', start) - start);
  if (!start || host.empty() || url.find_first_of("?# @") != std::string::npos) {
    throw ConfigError("'" + url + "' is not a base URL, such as https://models.example/prod");
  }
  return url;
}

// Throws ConfigError for a key that is invalid in a header.
inline const std::string& sendable(const std::string& key) {
  for (const unsigned char byte : key) {
    if (byte < 32 || byte > 126) throw ConfigError("the API key has a character that is not valid in a header, such as a line break at its end");
  }
  return key;
}

inline std::string unique_id() {
  static thread_local std::mt19937_64 engine{std::random_device{}()};
  std::string id;
  for (int digit = 0; digit < 32; ++digit) id += "0123456789abcdef"[engine() & 15];
  return id;
}

}  // namespace hotseat
