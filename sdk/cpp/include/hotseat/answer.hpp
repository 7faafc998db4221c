// Parser of responses. Strict: they may come from a server between client and service.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "errors.hpp"
#include "json.hpp"

namespace hotseat {

struct Request {
  std::string method, url;
  std::map<std::string, std::string> headers;  // they include the key: do not log them
  std::string body;
  // If set, it gets the body of an answer with events (text/event-stream) as it comes, and the
  // response is without it; false ends the request. A transport may return the whole instead.
  std::function<bool(const std::string&)> on_piece = {};
  // If set, it says whether to end the request, also while nothing comes; a transport may not ask.
  std::function<bool()> is_cancelled = {};
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  bool is_events() const { return status == 200 && header("content-type").rfind("text/event-stream", 0) == 0; }
  std::string request_id() const {
    for (const char* name : {"x-request-id", "apigw-requestid", "x-amzn-requestid"}) {
      if (headers.count(name)) return header(name);
    }
    return "";
  }
};

// The answer to one input; its fields depend on the model's kind.
struct Prediction {
  std::optional<std::string> label, action, model, variant, request_id;
  std::optional<double> probability;
  std::optional<std::int64_t> version, seed;
  Json value;
  std::map<std::string, double> scores, actions;
  std::optional<std::vector<std::string>> item, labels;
  std::optional<std::vector<double>> embedding;
  Json parts, raw;
  double latency = 0;            // seconds from call to answer, including retries
  bool cold = false;
  bool is_default = false;       // no model answered
  std::string source = "service";  // or "default"
  std::string reason;            // why the default was used
};

inline TransportError strange(const std::string& what) {
  return TransportError("the answer " + what + ": is this a Hotseat service?");
}

// The answer's JSON object; throws StatusError, TransportError.
inline Json read(const Response& response) {
  Json body;
  try {
    body = Json::parse(response.body);
  } catch (const std::invalid_argument&) {
  }
  if (response.status >= 200 && response.status < 300) {
    if (body.is_object()) return body;
    TransportError error = strange("is no JSON object");
    error.request_id = response.request_id();
    throw error;
  }
  std::string detail = "the service gave no reason";
  if (response.status >= 300 && response.status < 400) {
    detail = "it redirects to " + response.header("location") + ": give that as base URL";
  }
  for (const char* name : {"message", "detail"}) if (body[name].is_text()) detail = body[name].text();
  with_error_of(response.status, detail, [&](StatusError& error) {
    const int status = error.status = response.status;
    if (body["code"].is_text()) error.code = body["code"].text();
    const bool is_passing = status == 429 || status == 502 || status == 503 || status == 504;
    error.retryable = body["retryable"].is_bool() ? body["retryable"].boolean() : is_passing;
    error.request_id = body["request_id"].is_text() ? body["request_id"].text() : response.request_id();
    if (body["pointer"].is_text()) error.pointer = body["pointer"].text();
    const std::string after = response.header("retry-after");
    const bool is_count = !after.empty() && after.size() < 10 && after.find_first_not_of("0123456789") == std::string::npos;
    if (is_count) error.retry_after = std::stod(after);
    error.is_foreign = !body.is_object() && status < 500;
  });
}

namespace detail {

template <class T, class Is, class Get>
void take(const Json& answer, const char* name, std::optional<T>& into, Is is, Get get) {
  const Json& value = answer[name];
  if (value.is_null()) return;
  if (!is(value)) throw strange(std::string("has a ") + name + " of the wrong type");
  into = get(value);
}

template <class T>
std::vector<T> all(const Json& list, const char* name, T (*get)(const Json&), bool (*is)(const Json&)) {
  std::vector<T> found;
  for (const Json& one : list.list()) {
    if (!is(one)) throw strange(std::string("has a ") + name + " of the wrong type");
    found.push_back(get(one));
  }
  return found;
}

inline std::map<std::string, double> shares(const Json& answer, const char* name) {
  std::map<std::string, double> found;
  if (answer[name].is_null()) return found;
  if (!answer[name].is_object()) throw strange(std::string("has ") + name + " of the wrong type");
  for (const auto& [label, share] : answer[name].object()) {
    if (!share.is_number()) throw strange(std::string("has ") + name + " of the wrong type");
    found[label] = share.number();
  }
  return found;
}

inline bool is_text(const Json& one) { return one.is_text(); }
inline bool is_number(const Json& one) { return one.is_number(); }
inline bool is_list(const Json& one) { return one.is_list(); }
inline std::string text(const Json& one) { return one.text(); }
inline double number(const Json& one) { return one.number(); }

}  // namespace detail

// The prediction of an answer; throws TransportError.
inline Prediction prediction(const Json& answer, double latency) {
  bool has_answer = false;
  for (const char* name : {"label", "labels", "value", "embedding", "action", "item", "outputs", "matches", "steps"}) {
    has_answer = has_answer || !answer[name].is_null();
  }
  if (answer["warnings"].is_list()) { // a number that is not finite is null, with a warning
    for (const Json& one : answer["warnings"].list()) has_answer = has_answer || one["code"] == Json("not_finite");
  }
  if (!has_answer) throw strange("holds no prediction");
  Prediction found;
  using namespace detail;
  take(answer, "label", found.label, is_text, text);
  take(answer, "action", found.action, is_text, text);
  take(answer, "model", found.model, is_text, text);
  take(answer, "variant", found.variant, is_text, text);
  take(answer, "request_id", found.request_id, is_text, text);
  take(answer, "probability", found.probability, is_number, number);
  const auto whole = [](const Json& one) { return one.whole(); };
  take(answer, "version", found.version, is_number, whole);
  take(answer, "seed", found.seed, is_number, whole);
  take(answer, "item", found.item, is_list, [](const Json& one) { return all<std::string>(one, "item", text, is_text); });
  take(answer, "labels", found.labels, is_list, [](const Json& one) { return all<std::string>(one, "labels", text, is_text); });
  take(answer, "embedding", found.embedding, is_list, [](const Json& one) { return all<double>(one, "embedding", number, is_number); });
  std::optional<Json> parts;
  take(answer, "parts", parts, is_list, [](const Json& one) { return one; });
  found.parts = parts.value_or(Json(Json::List{}));
  found.scores = shares(answer, "scores");
  found.actions = shares(answer, "actions");
  found.value = answer["value"];
  found.cold = answer["cold"] == Json(true);
  found.latency = latency;
  found.raw = answer;
  return found;
}

// The `count` predictions of an answer; throws TransportError.
inline std::vector<Prediction> predictions(const Json& answer, std::size_t count, double latency) {
  if (!answer["predictions"].is_list()) throw strange("has no list of predictions");
  const Json::List& items = answer["predictions"].list();
  if (items.size() != count) {
    throw strange("holds " + std::to_string(items.size()) + " predictions for " + std::to_string(count) + " inputs");
  }
  std::vector<Prediction> found;
  for (const Json& item : items) {
    if (!item.is_object()) throw strange("has no list of predictions");
    Json::Object whole = answer.object();
    whole.erase("predictions");
    for (const auto& [name, value] : item.object()) whole[name] = value;
    found.push_back(prediction(Json(whole), latency));
  }
  return found;
}

// A prediction with a default: a text becomes label and action, rows the item, every
// default the value.
inline Prediction stand_in(const Json& value, double latency, const HotseatError& error) {
  Prediction found;
  if (value.is_text()) found.label = found.action = value.text();
  if (value.is_list()) {
    found.item.emplace();
    for (const Json& row : value.list()) if (row.is_text()) found.item->push_back(row.text());
  }
  found.value = value;
  found.latency = latency;
  found.is_default = true;
  found.source = "default";
  found.reason = std::string(error.type) + ": " + error.what();
  return found;
}

}  // namespace hotseat
