// The SDK's tests: `main vectors FILE...`, `main faults JSON`, `main networks JSON`,
// `main names PORT`, `main streams FILE JSON`, `main rules`.
#include <fstream>
#include <iostream>
#include <sstream>

#include "hotseat/curl.hpp"

using hotseat::Json;

static int passed = 0, failed = 0;

static void check(const std::string& name, bool holds, const std::string& more = "") {
  holds ? ++passed : ++failed;
  if (!holds) std::cout << "FAILED " << name << ": " << more << "\n";
}

static Json or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

static Json as_json(const hotseat::Prediction& found) {
  Json::Object all = found.raw.is_object() ? found.raw.object() : Json::Object();
  for (const char* name : {"label", "action", "value", "item", "labels", "embedding", "model", "version", "variant",
                           "request_id", "probability", "seed"}) {
    all.emplace(name, Json());
  }
  for (const char* name : {"scores", "actions", "outputs"}) if (all[name].is_null()) all[name] = Json(Json::Object{});
  if (all["parts"].is_null()) all["parts"] = Json(Json::List{});
  all["is_default"] = found.is_default;
  all["source"] = found.source;
  all["cold"] = found.cold;
  all["value"] = found.value;
  if (found.is_default) {
    all["label"] = or_null(found.label);
    all["action"] = or_null(found.action);
    all["item"] = found.item ? Json(*found.item) : Json();
  }
  return Json(all);
}

static hotseat::CallOptions options_of(const Json& call) {
  hotseat::CallOptions given;
  if (call["model"].is_text()) given.model = call["model"].text();
  if (call["version"].is_text()) given.version = call["version"].text();
  if (call["version"].is_whole()) given.version = std::to_string(call["version"].whole());
  if (call["options"].is_object()) given.options = call["options"].object();
  for (const char* name : {"level", "temperature", "seed"}) if (!call[name].is_null()) given.options[name] = call[name];
  if (call["player_id"].is_text()) given.player_id = call["player_id"].text();
  if (call["deadline"].is_number()) given.deadline = call["deadline"].number();
  if (call.object().count("default")) given.default_ = call["default"];
  given.legal = call["legal"];
  return given;
}

static Json called(hotseat::Client& client, const Json& call) {
  const std::string method = call["method"].text();
  const auto given = options_of(call);
  if (method == "predict") return as_json(client.predict(call["input"], given));
  if (method == "explain") return as_json(client.explain(call["input"], given));
  if (method == "choose") return as_json(client.choose(call["board"], given));
  if (method == "generate") return as_json(client.generate(call["wishes"].object(), given));
  if (method == "models") return client.models();
  if (method == "card") return client.card(given.model);
  if (method == "ready") return Json(client.ready());
  Json::List all;
  for (const auto& one : client.predict_many(call["inputs"].list(), given)) all.push_back(as_json(one));
  return Json(all);
}

static bool matches(const Json& found, const Json& wanted) {
  if (wanted.is_list() && found.is_list() && !wanted.list().empty() && wanted.list()[0].is_object()) {
    bool same = found.list().size() == wanted.list().size();
    for (std::size_t at = 0; same && at < wanted.list().size(); ++at) same = matches(found.list()[at], wanted.list()[at]);
    return same;
  }
  if (!wanted.is_object()) return found == wanted;
  for (const auto& [name, value] : wanted.object()) if (found[name] != value) return false;
  return true;
}

static Json error_json(const hotseat::HotseatError& error) {
  Json::Object all{{"class", error.type}, {"request_id", error.request_id}};
  if (const auto* refused = dynamic_cast<const hotseat::StatusError*>(&error)) {
    all["status"] = refused->status;
    all["code"] = refused->code;
    all["retryable"] = refused->retryable;
    all["detail"] = error.what();
    all["pointer"] = or_null(refused->pointer);
    all["retry_after"] = refused->retry_after ? Json(*refused->retry_after) : Json();
  }
  return Json(all);
}

static void replay(const Json& vector) {
  double now = 100;
  std::vector<double> waits;
  std::vector<hotseat::Request> requests;
  std::size_t answer_at = 0, draw_at = 0;
  hotseat::Options options;
  options.clock = [&] { return now; };
  options.sleep = [&](double seconds) { waits.push_back(seconds); now += seconds; };
  options.random = [&] {
    const Json& draws = vector["random"];
    return draws.is_list() && draw_at < draws.list().size() ? draws.list()[draw_at++].number() : 0.5;
  };
  options.transport = [&](const hotseat::Request& request, double) {
    requests.push_back(request);
    const Json answer = vector["server"].list().at(answer_at++);
    if (answer["takes"].is_number()) now += answer["takes"].number();
    if (answer["fault"] == Json("late")) throw hotseat::DeadlineError("late");
    if (answer["fault"].is_text()) throw hotseat::TransportError(answer["fault"].text());
    hotseat::Response response;
    response.status = static_cast<int>(answer["status"].whole());
    if (answer["headers"].is_object()) for (const auto& [name, value] : answer["headers"].object()) response.headers[name] = value.text();
    response.body = answer["text"].is_text() ? answer["text"].text() : answer["body"].dump();
    return response;
  };
  const Json& expect = vector["expect"];
  const std::string name = vector["name"].text();
  hotseat::Client client(options);
  try {
    const Json found = called(client, vector["call"]);
    check(name, expect["raises"].is_null() && matches(found, expect["returns"]), found.dump());
  } catch (const hotseat::HotseatError& error) {
    check(name, !expect["raises"].is_null() && matches(error_json(error), expect["raises"]), error_json(error).dump() + error.what());
  }
  if (expect["waits"].is_list()) {
    bool same = waits.size() == expect["waits"].list().size();
    for (std::size_t at = 0; same && at < waits.size(); ++at) same = std::abs(waits[at] - expect["waits"].list()[at].number()) < 1e-9;
    check(name + " (waits)", same);
  }
  if (expect["requests"].is_list()) {
    const auto& wanted = expect["requests"].list();
    check(name + " (requests)", requests.size() == wanted.size());
    for (std::size_t at = 0; at < std::min(requests.size(), wanted.size()); ++at) {
      auto& sent = requests[at];
      check(name + " (key)", sent.headers["idempotency-key"] == requests[0].headers["idempotency-key"]);
      if (!wanted[at]["path"].is_null()) {
        check(name + " (path)", sent.url == "http://localhost:8080" + wanted[at]["path"].text(), sent.url);
        check(name + " (method)", sent.method == wanted[at]["method"].text());
        check(name + " (body)", (sent.body.empty() ? Json() : Json::parse(sent.body)) == wanted[at]["body"], sent.body);
      }
      if (wanted[at]["headers"].is_object()) {
        for (const auto& [header, value] : wanted[at]["headers"].object()) check(name + " " + header, sent.headers[header] == value.text(), sent.headers[header]);
      }
    }
  }
  check(name + " (all answers)", answer_at == vector["server"].list().size());
}

static void faults(const Json& rows) {
  for (const Json& row : rows.list()) {
    hotseat::Options options;
    options.base_url = row["url"].text();
    options.deadline = 0.4;
    options.transport = hotseat::curl_transport();
    hotseat::Client client(options);
    hotseat::CallOptions with_default;
    with_default.default_ = "ok";
    const hotseat::Ticket ticket = client.submit("x", with_default);
    const auto began = std::chrono::steady_clock::now();
    const std::string name = row["name"].text();
    try {
      client.predict("x");
      check(name, false, "an answer");
    } catch (const hotseat::HotseatError& error) {
      const std::string wanted = row["error"].text();
      const bool is_subtype = wanted == "TransportError" && dynamic_cast<const hotseat::TransportError*>(&error);
      check(name, is_subtype || wanted == error.type, std::string(error.type) + ": " + error.what());
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    check(name + " (in time)", seconds < 3.4, std::to_string(seconds));
    check(name + " (default)", ticket.wait(3) && ticket.result().is_default);
  }
}

static void rules() {
  hotseat::Options options;
  options.transport = [](const hotseat::Request& request, double) -> hotseat::Response {
    if (request.url.find("/bad/") != std::string::npos) return {500, {}, "{}"};
    if (request.url.find("/slow/") != std::string::npos) throw hotseat::DeadlineError("late");
    if (request.url.find("/hang/") != std::string::npos) std::this_thread::sleep_for(std::chrono::seconds(1));
    return {200, {}, "{\"label\": \"ok\"}"};
  };
  hotseat::Client client(options);
  hotseat::CallOptions call;
  call.default_ = "d";
  call.model = "bad";
  for (int at = 0; at < 6; ++at) client.predict("x", call);
  check("one circuit opened", client.circuit_opened_count() == 1);
  call.model = "good";
  check("a broken model silences no other", !client.predict("x", call).is_default);
  call.model = "slow";
  call.deadline = 0.1;
  for (int at = 0; at < 20; ++at) client.predict("x", call);
  check("a tiny deadline does not open the circuit", client.circuit_opened_count() == 1);
  check("half a character becomes the default", client.predict("\xF0\x9F", call).is_default);
  try {
    client.predict(Json(std::nan("")), call);
    check("NaN", false);
  } catch (const hotseat::ConfigError& error) {
    check("NaN is named", std::string(error.what()).find("NaN") != std::string::npos);
  }
  hotseat::CallOptions old;
  old.model = "bad";
  old.or_else = "d";
  check("the old name of default_", client.predict("x", old).is_default);
  std::vector<std::string> lines;
  int asked = 0;
  hotseat::Options logged;
  logged.api_key = "s3cret";
  logged.deadline = 60;
  logged.random = [] { return 0.0; };
  logged.log = [&](const std::string& line) {
    lines.push_back(line);
    throw std::runtime_error("mine");
  };
  logged.transport = [&](const hotseat::Request&, double) -> hotseat::Response { return {++asked > 3 ? 200 : 503, {}, asked > 3 ? "{\"label\": \"ok\"}" : "{}"}; };
  hotseat::Client watched(logged);
  hotseat::CallOptions twice;
  twice.retries = 2;
  twice.default_ = "d";
  check("retries are limited", watched.predict("typed", twice).is_default && asked == 3 && lines.size() == 3);
  watched.predict("typed");
  check("a line for a try", lines.back() == "hotseat POST /model-service: try 1: 200", lines.back());
  for (const auto& line : lines) check("no secrets", line.find("s3cret") == std::string::npos && line.find("typed") == std::string::npos);
  int sent = 0, tokens = 0;
  hotseat::Options renewed;
  renewed.token = [&] { return std::to_string(++tokens); };
  renewed.transport = [&](const hotseat::Request& request, double) -> hotseat::Response {
    ++sent;
    if (request.headers.at("authorization") == "Bearer 2") return {200, {}, "{\"label\": \"ok\"}"};
    return {401, {}, "{\"code\": \"unauthorized\"}"};
  };
  hotseat::Client expired(renewed);
  check("an expired token is replaced at once", expired.predict("x").label == "ok" && sent == 2);
  try {
    expired.predict("x");
    check("once", false);
  } catch (const hotseat::AuthError&) {
    check("once", sent == 4);
  }
  hotseat::CallOptions hang;
  hang.model = "hang";
  const hotseat::Ticket open = client.submit("x", hang);
  check("not ready", !open.ready() && open.result("d").is_default);
  client.close();
  try {
    open.result();
    check("closed", false);
  } catch (const hotseat::CancelledError&) {
    check("closed", true);
  }
  for (const char* text : {"[1,]", "01", "\"\\ud83d\"", "nul", "{\"a\":1 \"b\":2}", "1e999", "\"\x01\""}) {
    try {
      Json::parse(text);
      check(std::string("not JSON: ") + text, false);
    } catch (const std::invalid_argument&) {
      check("refused", true);
    }
  }
  check("JSON", Json::parse(Json::parse("[1,-2.5,\"\\ud83d\\ude00\",{\"a\":null}]").dump()).dump() == "[1,-2.5,\"\xF0\x9F\x98\x80\",{\"a\":null}]");
}

static std::string label(hotseat::Client& client, double deadline = 10) {
  hotseat::CallOptions call;
  call.deadline = deadline;
  try {
    return client.predict("x", call).label.value_or("");
  } catch (const hotseat::HotseatError& error) {
    return std::string(error.type) + ": " + error.what();
  }
}

// Connections that idle, close or are forgotten; a label is the number of its connection.
static void networks(const Json& urls) {
  hotseat::detail::idle_seconds = 1;
  const auto ask = [&](const char* name, const std::vector<int>& pauses) {
    hotseat::Options options;
    options.base_url = urls[name].text();
    options.transport = hotseat::curl_transport();
    options.retries = 0;
    hotseat::Client client(options);
    std::string found;
    for (const int pause : pauses) {
      std::this_thread::sleep_for(std::chrono::milliseconds(pause));
      found += label(client) + " ";
    }
    return found;
  };
  const auto same = [](const char* name, const std::string& found, const char* wanted) { check(name, found == wanted, found); };
  same("closed", ask("closed", {0, 0, 0}), "1 2 3 ");
  same("forgotten", ask("forgotten", {0, 2500}), "1 2 ");
  same("kept", ask("kept", {0, 0, 2500}), "1 1 2 ");
  same("interim", ask("interim", {0, 0}), "1 1 ");
}

// The parser by its vectors, and streams that go on, break and are left.
static void streams(const Json& rows, const Json& urls) {
  for (const Json& row : rows.list()) {
    hotseat::EventReader reader;
    Json::List found;
    for (const Json& piece : row["pieces"].list()) {
      std::string bytes;  // each character is a byte
      const std::string& text = piece.text();
      for (std::size_t at = 0; at < text.size(); ++at) {
        const auto first = static_cast<unsigned char>(text[at]);
        bytes += first < 128 ? text[at] : static_cast<char>((first & 3) << 6 | (text[++at] & 63));
      }
      for (const auto& event : reader.read(bytes)) found.push_back(Json(Json::Object{{"name", event.name}, {"data", event.data}}));
    }
    check(row["name"].text(), Json(found) == row["events"], Json(found).dump());
  }
  const auto streamed = [&](const char* name, bool goes_on = true) {
    hotseat::Options options;
    options.base_url = urls[name].text();
    options.deadline = 20;
    options.transport = hotseat::curl_transport();
    hotseat::Client client(options);
    hotseat::CallOptions call;
    call.model = "npc";
    std::string found;
    try {
      const bool is_whole = client.stream("generate", {{"prompt", "say"}}, call, [&](const hotseat::ServerEvent& event) {
        found += event.name + ": " + event.data + "; ";
        return goes_on;
      });
      return found + (is_whole ? "end" : "left");
    } catch (const hotseat::HotseatError& error) {
      return found + error.type;
    }
  };
  const auto same = [](const std::string& found, const char* wanted) { check(wanted, found == wanted, found); };
  same(streamed("slow"), "token: gg; message: wp; end");
  same(streamed("broken"), "message: gg; TransportError");
  same(streamed("refused"), "BadInputError");
  same(streamed("endless", false), "message: gg; left");
}

static hotseat::SayOptions say_options(const Json& call) {
  hotseat::SayOptions options;
  options.model = "npc";
  if (call["version"].is_text()) options.version = call["version"].text();
  if (call["max_tokens"].is_number()) options.max_tokens = static_cast<int>(call["max_tokens"].whole());
  if (call["temperature"].is_number()) options.temperature = call["temperature"].number();
  if (call["top_p"].is_number()) options.top_p = call["top_p"].number();
  if (call["seed"].is_number()) options.seed = call["seed"].whole();
  if (call["stop"].is_list()) for (const Json& one : call["stop"].list()) options.stop.push_back(one.text());
  options.schema = call["schema"];
  if (call["grammar"].is_text()) options.grammar = call["grammar"].text();
  if (call["player_id"].is_text()) options.player_id = call["player_id"].text();
  if (!call["default"].is_null()) options.default_ = call["default"];
  return options;
}

static Json told(const hotseat::TextAnswer& answer) {
  const auto word = [](const std::optional<std::string>& one) { return one ? Json(*one) : Json(); };
  const auto whole = [](const std::optional<std::int64_t>& one) { return one ? Json(*one) : Json(); };
  return Json(Json::Object{
      {"text", answer.text}, {"finish_reason", answer.finish_reason}, {"value", answer.value},
      {"is_default", answer.is_default}, {"source", answer.source}, {"model", word(answer.model)},
      {"version", whole(answer.version)}, {"completion_tokens", whole(answer.completion_tokens)},
      {"reason", answer.reason.empty() ? Json() : Json(answer.reason.substr(0, answer.reason.find(':')))}});
}

// Texts against a stand-in that cuts their events anywhere: in the caller's thread and by tickets.
static void say(const Json& rows, const std::string& url) {
  hotseat::Options options;
  options.transport = hotseat::curl_transport();
  options.deadline = 20;
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  for (const char* mode : {"whole", "bytes", "slow"}) {
    for (std::size_t at = 0; at < rows.list().size(); ++at) {
      const Json& row = rows.list()[at];
      options.base_url = url + "/" + mode + "/" + std::to_string(at);
      hotseat::Client client(options);
      const hotseat::SayOptions given = say_options(row["call"]);
      const Json wanted = row["answer"].is_null() ? row["error"] : row["answer"];
      const std::string name = row["name"].text() + " (" + mode + ")";
      std::string shown;
      Json found;
      if (!row["first"].is_null()) client.say("First.", given);
      try {
        found = told(client.say(row["call"]["input"], given, [&](const std::string& piece) { shown += piece; return true; }));
      } catch (const hotseat::HotseatError& error) {
        found = Json(error.type);
      }
      check(name, found == wanted && shown == row["shown"].text(), found.dump() + " " + shown);
      shown.clear();
      hotseat::TextTicket ticket = client.submit_say(row["call"]["input"], given);
      for (bool is_over = false; !is_over; pause()) {
        is_over = ticket.ready();
        shown += ticket.take();
      }
      try {
        found = told(ticket.result());
      } catch (const hotseat::HotseatError& error) {
        found = Json(error.type);
      }
      check(name + " by ticket", found == wanted && shown == row["shown"].text(), found.dump() + " " + shown);
    }
  }
  options.base_url = url + "/endless";
  hotseat::Client client(options);
  hotseat::SayOptions given;
  given.model = "npc";
  given.default_ = "Hm.";
  hotseat::TextTicket ticket = client.submit_say("Sing.", given);
  const hotseat::TextAnswer early = ticket.result("...");
  check("a default before", early.is_default && early.text == "...", early.text);
  while (ticket.take().empty()) pause();
  check("was open", ticket.cancel());
  check("is not open", !ticket.cancel());
  check("what came stays", ticket.text().rfind("la ", 0) == 0, ticket.text());
  const auto type_of = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const hotseat::HotseatError& error) {
      return error.type;
    }
    return "none";
  };
  check("cancelled", type_of([&] { ticket.result(); }) == "CancelledError");
  check("left", type_of([&] { client.say("Sing.", given, [](const std::string&) { return false; }); }) == "CancelledError");
  hotseat::TextTicket open = client.submit_say("Sing.", given);
  client.close();
  check("closed", type_of([&] { open.result(); }) == "CancelledError");
  check("a number", type_of([&] { client.say(Json(3), given); }) == "ConfigError");
  given.deadline = 0;
  check("no time", type_of([&] { client.submit_say("Hi", given); }) == "ConfigError");
  check("no model", type_of([&] { client.say("Hi", {}); }) == "ConfigError");
}

// Names (LD_PRELOAD): one whose first address is dead, and one whose look-up hangs.
static void names(const std::string& port) {
  hotseat::Options options;
  options.base_url = "http://dual.test:" + port;
  options.transport = hotseat::curl_transport();
  hotseat::Client dual(options);
  const std::string passed_by = label(dual);
  check("a dead address is passed", passed_by == "1", passed_by);
  options.base_url = "http://slow.test";
  hotseat::Client slow(options);
  const auto began = std::chrono::steady_clock::now();
  const std::string late = label(slow, 0.3);
  check("a slow DNS", late.rfind("DeadlineError", 0) == 0, late);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  check("in time", seconds < 1.6, std::to_string(seconds));
}

static Json loaded(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return Json::parse(text.str());
}

int main(int count, char** words) {
  const std::string suite = count > 1 ? words[1] : "";
  if (suite == "rules") rules();
  for (int at = 2; at < count; ++at) {
    if (suite == "streams" && at == 2) streams(loaded(words[2]), Json::parse(words[3]));
    if (suite == "say" && at == 2) say(loaded(words[2]), words[3]);
    if (suite == "names") names(words[at]);
    if (suite == "faults") faults(Json::parse(words[at]));
    if (suite == "networks") networks(Json::parse(words[at]));
    if (suite != "vectors") continue;
    const Json vectors = loaded(words[at]);
    for (const Json& vector : vectors.list()) replay(vector);
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed || !passed;
}
