// Texts as they are written: options, answer, and the ticket of `submit_say`.
#pragma once

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "answer.hpp"
#include "events.hpp"

namespace hotseat {

struct SayOptions {
  std::string model;
  std::string version;                // a number or an alias
  std::optional<int> max_tokens;
  std::optional<double> temperature;  // 0 takes the most probable
  std::optional<double> top_p;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;      // texts at which the model stops
  Json schema;                        // a JSON schema: `value` of the answer keeps to it
  std::string grammar;                // a grammar (Lark) in place of a schema
  std::string player_id;
  double deadline = 20;               // seconds to the end of the text
  std::optional<int> retries;         // of a start that fails; default: the client's
  std::optional<Json> default_;       // the line to use if no text comes: a text, or with a
                                      // schema its value; what came of a text stays. While the
                                      // service is away, the version's canned line comes before
                                      // it, if an earlier answer has brought one
  bool has_format() const { return !schema.is_null() || !grammar.empty(); }
};

struct TextAnswer {
  std::string text;
  // stop, length (max_tokens), deadline (ended in time), filtered, canned (a prepared line in its
  // place) or broken_off (the text so far, with `reason`); others may follow
  std::string finish_reason;
  Json value;                         // the parsed text, if the call had a schema
  std::optional<std::string> model, request_id;
  std::optional<std::int64_t> version, prompt_tokens, completion_tokens;
  double latency = 0;                 // seconds from call to end, including retries
  std::optional<double> first_latency;  // seconds from call to the first piece
  bool is_default = false;            // no model answered
  std::string source = "service";     // or "default"
  std::string reason;                 // why the default was used or the text broke off
  Json raw;
};

// Gets each piece as it comes, in the thread of the call; false ends the text.
using OnText = std::function<bool(const std::string&)>;

namespace detail {

inline TransportError strange_stream(const std::string& what) {
  return TransportError("the stream has " + what + ": is this a Hotseat service?");
}

inline TextAnswer text_answer(const Json& fields) {
  if (!fields["text"].is_text() || !fields["finish_reason"].is_text()) {
    throw strange_stream("an end without text and finish_reason");
  }
  TextAnswer found;
  found.text = fields["text"].text();
  found.finish_reason = fields["finish_reason"].text();
  found.value = fields["value"];
  const auto whole = [](const Json& one) { return one.is_number() ? std::optional(one.whole()) : std::nullopt; };
  const auto word = [](const Json& one) { return one.is_text() ? std::optional(one.text()) : std::nullopt; };
  found.model = word(fields["model"]);
  found.request_id = word(fields["request_id"]);
  found.version = whole(fields["version"]);
  found.prompt_tokens = whole(fields["usage"]["prompt_tokens"]);
  found.completion_tokens = whole(fields["usage"]["completion_tokens"]);
  found.raw = fields;
  return found;
}

inline std::string reason_of(const HotseatError& error) { return std::string(error.type) + ": " + error.what(); }

inline TextAnswer text_stand_in(const Json& value, const HotseatError& error) {
  TextAnswer found;
  found.text = value.is_text() ? value.text() : value.dump();
  if (!value.is_text()) found.value = value;
  found.finish_reason = "canned";
  found.is_default = true;
  found.source = "default";
  found.reason = reason_of(error);
  return found;
}

// The fields of a request; throws ConfigError.
inline Json::Object say_body(const Json& input, const SayOptions& given) {
  if (!(given.deadline > 0 && given.deadline <= 86400)) throw ConfigError("a deadline is more than 0 seconds and at most a day");
  if (!given.schema.is_null() && !given.grammar.empty()) throw ConfigError("set schema or grammar, not both");
  const char* name = input.is_text() ? "prompt" : input.is_object() ? "context" : input.is_list() ? "messages" : nullptr;
  if (!name) throw ConfigError("expected a prompt, a list of messages or an object of slots");
  // the sentence ends before the caller gives up
  const auto limit = static_cast<std::int64_t>(std::max<long long>(std::llround(given.deadline * 900), 1));
  Json::Object chosen{{"deadline_ms", Json(limit)}, {"stream", Json(true)}};
  if (given.max_tokens) chosen["max_tokens"] = Json(static_cast<std::int64_t>(*given.max_tokens));
  if (given.temperature) chosen["temperature"] = Json(*given.temperature);
  if (given.top_p) chosen["top_p"] = Json(*given.top_p);
  if (given.seed) chosen["seed"] = Json(*given.seed);
  if (!given.stop.empty()) {
    Json::List stops;
    for (const std::string& one : given.stop) stops.push_back(Json(one));
    chosen["stop"] = Json(stops);
  }
  if (!given.schema.is_null()) chosen["schema"] = given.schema;
  if (!given.grammar.empty()) chosen["grammar"] = Json(given.grammar);
  return {{"input", Json(Json::Object{{name, input}})}, {"options", Json(chosen)}};
}

// The canned lines of versions, as their answers have brought them. Safe for several threads.
class CannedLines {
 public:
  void keep(const SayOptions& call, const Json& line) {
    const std::lock_guard lock(gate_);
    if (line.is_text() && lines_.size() < 1000) lines_[{call.model, call.version}] = line.text();
  }
  std::optional<std::string> line(const SayOptions& call) const {
    const std::lock_guard lock(gate_);
    const auto found = lines_.find({call.model, call.version});
    return found == lines_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable std::mutex gate_;
  std::map<std::pair<std::string, std::string>, std::string> lines_;
};

// The rules of a text without a network: what came, how it ended.
class TextProgress {
 public:
  TextProgress(const SayOptions& options, CannedLines& lines, std::function<double()> clock)
      : options_(options), lines_(lines), clock_(std::move(clock)), start_(clock_()) {}

  bool is_over() const { return answer_.has_value(); }
  const std::string& text() const { return text_; }
  TextAnswer answer() const { return *answer_; }

  // The text that an event adds; throws HotseatError.
  std::string read(const ServerEvent& event) {
    if (event.name != "token" && event.name != "done" && event.name != "error") return "";  // of a later service
    Json fields;
    try {
      fields = Json::parse(event.data);
    } catch (const std::invalid_argument&) {
    }
    if (!fields.is_object()) throw strange_stream("an event " + event.name + " that is no JSON object");
    if (event.name == "token") {
      if (!fields["text"].is_text()) throw strange_stream("a token without a text");
      return shown(fields["text"].text());
    }
    if (event.name == "done") {
      TextAnswer whole = text_answer(fields);
      const bool goes_on = whole.text.compare(0, text_.size(), text_) == 0;
      const std::string rest = goes_on ? shown(whole.text.substr(text_.size())) : "";
      lines_.keep(options_, fields["canned"]);
      settle(std::move(whole));
      return rest;
    }
    Response problem;
    problem.status = fields["status"].is_number() && fields["status"].whole() >= 400 ? static_cast<int>(fields["status"].whole()) : 500;
    problem.body = event.data;
    hotseat::read(problem);
    return "";
  }

  // The text that a failure adds; throws its error where nothing stands for it.
  std::string fail(const HotseatError& error) {
    const bool is_final = dynamic_cast<const ConfigError*>(&error) || dynamic_cast<const CancelledError*>(&error);
    std::optional<Json> instead = options_.default_;
    if (is_away(error) && !options_.has_format()) {
      if (const auto line = lines_.line(options_)) instead = Json(*line);
    }
    if (!instead || is_final) throw;
    if (!text_.empty() && !options_.has_format()) {
      TextAnswer rest;
      rest.text = text_;
      rest.finish_reason = "broken_off";
      rest.reason = reason_of(error);
      settle(std::move(rest));
      return "";
    }
    TextAnswer canned = text_stand_in(*instead, error);
    const std::string piece = text_.empty() ? shown(canned.text) : "";
    settle(std::move(canned));
    return piece;
  }

 private:
  std::string shown(std::string piece) {
    if (!piece.empty() && !first_) first_ = clock_() - start_;
    text_ += piece;
    return piece;
  }
  void settle(TextAnswer whole) {
    whole.latency = clock_() - start_;
    whole.first_latency = first_;
    text_ = whole.text;
    answer_ = std::move(whole);
  }

  const SayOptions options_;
  CannedLines& lines_;
  const std::function<double()> clock_;
  const double start_;
  std::string text_;
  std::optional<double> first_;
  std::optional<TextAnswer> answer_;
};

}  // namespace detail

// A text that is being written. Only `wait` waits.
class TextTicket {
 public:
  bool ready() const {
    const std::lock_guard lock(state_->gate);
    return state_->is_over();
  }
  // The text since the last call; "" if none came.
  std::string take() {
    const std::lock_guard lock(state_->gate);
    std::string piece;
    piece.swap(state_->fresh);
    return piece;
  }
  // The text so far; it stays when the stream breaks off.
  std::string text() const {
    const std::lock_guard lock(state_->gate);
    return state_->answer ? state_->answer->text : state_->text;
  }
  // The answer; throws the call's error, or NotReadyError.
  TextAnswer result() const {
    const std::lock_guard lock(state_->gate);
    if (state_->answer) return *state_->answer;
    if (state_->error) std::rethrow_exception(state_->error);
    throw NotReadyError("the text has not ended");
  }
  // The answer, or one with the default; never throws HotseatError.
  TextAnswer result(const Json& default_) const {
    try {
      return result();
    } catch (const HotseatError& error) {
      return detail::text_stand_in(default_, error);
    }
  }
  // Wait at most some seconds; return whether it has ended.
  bool wait(double seconds) const {
    std::unique_lock lock(state_->gate);
    return state_->changed.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return state_->is_over(); });
  }
  // End the text; the service stops, too. Returns whether it was open.
  bool cancel() { return state_->settle({}, std::make_exception_ptr(CancelledError("the text was cancelled"))); }

 private:
  friend class Client;
  struct State {
    std::mutex gate;
    std::condition_variable changed;
    std::string text, fresh;
    std::optional<TextAnswer> answer;
    std::exception_ptr error;
    std::atomic<bool> is_cancelled{false};

    bool is_over() const { return answer || error; }
    bool add(const std::string& piece) {
      const std::lock_guard lock(gate);
      if (is_over()) return false;
      text += piece;
      fresh += piece;
      return true;
    }
    bool settle(std::optional<TextAnswer> found, std::exception_ptr failed) {
      const std::lock_guard lock(gate);
      if (is_over()) return false;
      is_cancelled = failed != nullptr;
      answer = std::move(found);
      error = failed;
      changed.notify_all();
      return true;
    }
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace hotseat
