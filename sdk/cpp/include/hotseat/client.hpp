// The client of a model service. Needs a transport: hotseat/curl.hpp, or your engine's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "answer.hpp"
#include "events.hpp"
#include "rules.hpp"
#include "text.hpp"

namespace hotseat {

// Sends a request within some seconds; throws TransportError, DeadlineError.
using Transport = std::function<Response(const Request&, double seconds)>;

struct Options {
  std::string base_url;             // default: HOTSEAT_URL, else `hotseat serve`
  double deadline = 2;              // seconds of a call, with connecting and retries
  std::string api_key;              // default: HOTSEAT_API_KEY; sent as x-api-key
  std::function<std::string()> token;  // a player's short-lived token, called for each try
  int retries = 1000;               // the most retries of a call
  std::function<void(const std::string&)> log;  // a line for each try, without keys and inputs;
                                                // default: nothing, or stderr with HOTSEAT_LOG=debug
  Transport transport;
  Clock clock;
  std::function<void(double)> sleep;
  std::function<double()> random;   // in [0, 1)
};

struct CallOptions {
  std::string model;                // empty: the service's default model
  std::string version;              // a number or an alias
  Json::Object options;             // temperature, seed, level
  std::string player_id;
  std::optional<double> deadline;
  std::optional<int> retries;       // the most retries; default: the client's
  std::optional<Json> default_;     // used if no answer comes or input is refused
  std::optional<Json> or_else;      // the old name of default_, for one release
  Json legal;                       // of `choose`: the legal actions
};

// A pending answer. Only `wait` waits.
class Ticket {
 public:
  bool ready() const { return state_->ready(); }
  // The answer; throws the call's error, or NotReadyError.
  Prediction result() const { return state_->result(); }
  // The answer, or a prediction with the default; never throws HotseatError.
  Prediction result(const Json& default_) const {
    try {
      return state_->result();
    } catch (const HotseatError& error) {
      return stand_in(default_, 0, error);
    }
  }
  // Wait at most some seconds; return whether it is ready.
  bool wait(double seconds) const { return state_->wait(seconds); }
  bool cancel() { return state_->settle({}, std::make_exception_ptr(CancelledError("the ticket was cancelled"))); }

 private:
  friend class Client;
  struct State {
    std::mutex gate;
    std::condition_variable changed;
    std::optional<Prediction> answer;
    std::exception_ptr error;

    bool ready() {
      const std::lock_guard lock(gate);
      return answer || error;
    }
    Prediction result() {
      const std::lock_guard lock(gate);
      if (answer) return *answer;
      if (error) std::rethrow_exception(error);
      throw NotReadyError("the answer has not arrived");
    }
    bool wait(double seconds) {
      std::unique_lock lock(gate);
      return changed.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return answer || error; });
    }
    bool settle(std::optional<Prediction> found, std::exception_ptr failed) {
      const std::lock_guard lock(gate);
      if (answer || error) return false;
      answer = std::move(found);
      error = failed;
      changed.notify_all();
      return true;
    }
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A client of a model service. Safe for several threads.
class Client {
 public:
  explicit Client(Options options) : core_(std::make_shared<Core>(std::move(options))) {}
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int circuit_opened_count() const { return core_->breakers.opened_count(); }

  Prediction predict(const Json& input, const CallOptions& call = {}) {
    const bool is_text = call.model.empty() && input.is_text();
    return core_->one("predict", is_text ? "text" : "input", input, call);
  }
  std::vector<Prediction> predict_many(const Json::List& inputs, const CallOptions& call = {}) {
    return core_->many(inputs, call);
  }
  Prediction explain(const Json& input, const CallOptions& call) { return core_->one("explain", "input", input, named(call)); }
  // Choose a policy's action; `options` may hold level, temperature and seed.
  Prediction choose(const Json& board, CallOptions call) {
    if (!call.default_) call.default_ = call.or_else;
    if (call.default_ && call.default_->is_whole()) call.default_ = std::to_string(call.default_->whole());
    return core_->one("predict", "input", position(board, call), named(call));
  }
  // Generate an item; the same seed in `options` and wishes repeat it.
  Prediction generate(const Json::Object& wishes, const CallOptions& call) {
    return core_->one("predict", "input", Json(wishes), named(call));
  }
  // Ask a model for server-sent events, in the caller's thread: `verb` such as "generate", and
  // the fields of the request. The deadline counts to the end of the stream; a start that fails
  // is retried, a stream that has begun is not. Returns false if `on_event` ended it. `say`
  // is for texts.
  bool stream(const std::string& verb, Json::Object body, const CallOptions& call, const OnEvent& on_event) {
    return core_->stream(verb, std::move(body), named(call), on_event);
  }
  // Let a model write a text, in the caller's thread: an object with the slots of the version's
  // template, a prompt, or a list of messages (objects with role and content).
  TextAnswer say(const Json& input, const SayOptions& options, const OnText& on_text = {}) {
    return core_->say(detail::say_body(input, options), options, on_text);
  }
  Json models(std::optional<double> deadline = {}) {
    const Json answer = core_->call("GET", "/v1/models", "", "", deadline);
    if (!answer["models"].is_list()) throw strange("has no list of models");
    return answer["models"];
  }
  Json card(const std::string& model, std::optional<double> deadline = {}) {
    const Json answer = core_->call("GET", "/v1/models/" + part(model), "", model, deadline);
    for (const char* name : {"name", "kind", "version"}) if (answer[name].is_null()) throw strange("does not describe a model");
    return answer;
  }
  bool ready(std::optional<double> deadline = {}) {
    try {
      return core_->call("GET", "/v2/health/ready", "", "", deadline)["ready"] == Json(true);
    } catch (const HotseatError&) {
      return false;
    }
  }

  // Submit an input without waiting; the ticket's answer is that of `predict`.
  Ticket submit(Json input, CallOptions call = {}) {
    return later(call, [input](Core& core, const CallOptions& given) {
      const bool is_text = given.model.empty() && input.is_text();
      return core.one("predict", is_text ? "text" : "input", input, given);
    });
  }
  Ticket submit_choose(const Json& board, CallOptions call) {
    return later(call, [input = position(board, call)](Core& core, const CallOptions& given) {
      return core.one("predict", "input", input, named(given));
    });
  }
  Ticket submit_generate(Json::Object wishes, CallOptions call) {
    return later(call, [wishes](Core& core, const CallOptions& given) {
      return core.one("predict", "input", Json(wishes), named(given));
    });
  }
  Ticket submit_explain(Json input, CallOptions call) {
    return later(call, [input](Core& core, const CallOptions& given) { return core.one("explain", "input", input, named(given)); });
  }

  // Let a model write a text without waiting: `take` of the ticket in each frame.
  TextTicket submit_say(const Json& input, const SayOptions& options) {
    TextTicket ticket;
    const Json::Object body = detail::say_body(input, options);
    {
      const std::lock_guard lock(gate_);
      texts_.erase(std::remove_if(texts_.begin(), texts_.end(), [](const TextTicket& one) { return one.ready(); }), texts_.end());
      texts_.push_back(ticket);
    }
    std::thread([core = core_, state = ticket.state_, body, options] {
      const auto on_text = [&](const std::string& piece) { return state->add(piece); };
      try {
        state->settle(core->say(body, options, on_text, [&] { return state->is_cancelled.load(); }), nullptr);
      } catch (const HotseatError&) {
        state->settle({}, std::current_exception());
      } catch (const std::exception& error) {
        state->settle({}, std::make_exception_ptr(TransportError(std::string("the SDK failed: ") + error.what())));
      }
    }).detach();
    return ticket;
  }

  // Cancel open tickets at once. A call under way ends by its deadline, in its thread.
  void close() {
    const std::lock_guard lock(gate_);
    for (Ticket& ticket : open_) {
      ticket.state_->settle({}, std::make_exception_ptr(CancelledError("the client was closed")));
    }
    open_.clear();
    for (TextTicket& text : texts_) {
      text.state_->settle({}, std::make_exception_ptr(CancelledError("the client was closed")));
    }
    texts_.clear();
  }

 private:
  // What threads of tickets share with the client: it lives until the last one ends.
  struct Core {
    Options options;
    CircuitBreakers breakers;
    detail::CannedLines lines;

    explicit Core(Options given) : options(defaults(std::move(given))), breakers(options.clock) {}

    static Options defaults(Options all) {
      const auto environment = [](const char* name) { const char* value = std::getenv(name); return std::string(value ? value : ""); };
      if (all.base_url.empty()) all.base_url = environment("HOTSEAT_URL");
      if (all.base_url.empty()) all.base_url = "http://localhost:8080";
      all.base_url = base_of(all.base_url);
      if (all.api_key.empty() && !all.token) all.api_key = environment("HOTSEAT_API_KEY");
      sendable(all.api_key);
      if (!(all.deadline > 0 && all.deadline <= 86400)) throw ConfigError("a deadline is more than 0 seconds and at most a day");
      if (!all.log && environment("HOTSEAT_LOG") == "debug") {
        all.log = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
      }
      if (!all.transport) throw ConfigError("no transport: pass hotseat::curl_transport()");
      if (!all.clock) {
        all.clock = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
      }
      if (!all.sleep) all.sleep = [](double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); };
      if (!all.random) {
        all.random = [] { static thread_local std::mt19937_64 engine{std::random_device{}()}; return std::uniform_real_distribution<>()(engine); };
      }
      return all;
    }

    Prediction one(const std::string& verb, const std::string& name, const Json& input, const CallOptions& call) {
      const double start = options.clock();
      try {
        Json::Object body{{name, input}};
        return prediction(ask(verb, std::move(body), call), options.clock() - start);
      } catch (const ConfigError&) {
        throw;
      } catch (const HotseatError& error) {
        if (!default_of(call)) throw;
        return stand_in(*default_of(call), options.clock() - start, error);
      }
    }

    static const std::optional<Json>& default_of(const CallOptions& call) {
      return call.default_ ? call.default_ : call.or_else;
    }

    std::vector<Prediction> many(const Json::List& inputs, const CallOptions& call) {
      const double start = options.clock();
      try {
        return predictions(ask("predict", {{"inputs", Json(inputs)}}, call), inputs.size(), options.clock() - start);
      } catch (const ConfigError&) {
        throw;
      } catch (const HotseatError& error) {
        if (!default_of(call)) throw;
        return std::vector<Prediction>(inputs.size(), stand_in(*default_of(call), options.clock() - start, error));
      }
    }

    bool stream(const std::string& verb, Json::Object body, const CallOptions& call, const OnEvent& on_event,
                const std::function<bool()>& is_cancelled = {}) {
      EventReader reader;
      bool is_left = false;
      const auto on_piece = [&](const std::string& piece) {
        for (const ServerEvent& event : reader.read(piece)) {
          if (is_left || !on_event(event)) return !(is_left = true);
        }
        return true;
      };
      try {
        ask(verb, std::move(body), call, on_piece, is_cancelled);
      } catch (const CancelledError&) {
        if (!is_left) throw;
      }
      return !is_left;
    }

    TextAnswer say(const Json::Object& body, const SayOptions& given, const OnText& on_text,
                   const std::function<bool()>& is_cancelled = {}) {
      detail::TextProgress progress(given, lines, options.clock);
      CallOptions call;
      call.model = given.model;
      call.version = given.version;
      call.player_id = given.player_id;
      call.deadline = given.deadline;
      call.retries = given.retries;
      const auto show = [&](const std::string& piece) {
        if (!piece.empty() && on_text && !on_text(piece)) throw CancelledError("the caller ended the text");
      };
      std::exception_ptr broken;  // no exception passes through a transport
      const auto on_event = [&](const ServerEvent& event) {
        if (progress.is_over()) return true;  // to the stream's end: the connection is used again
        try {
          show(progress.read(event));
        } catch (...) {
          broken = std::current_exception();
        }
        return !broken;
      };
      try {
        stream("generate", body, named(call), on_event, is_cancelled);
        if (broken) std::rethrow_exception(broken);
        if (!progress.is_over()) throw TransportError("the text ended without its last event");
      } catch (const HotseatError& error) {
        if (!progress.is_over()) show(progress.fail(error));
      }
      return progress.answer();
    }

    using OnPiece = std::function<bool(const std::string&)>;

    Json ask(const std::string& verb, Json::Object body, const CallOptions& given, const OnPiece& on_piece = {},
             const std::function<bool()>& is_cancelled = {}) {
      std::string path = "/model-service";
      if (!given.model.empty()) {
        path = "/v1/models/" + part(given.model);
        if (!given.version.empty()) path += "/versions/" + part(given.version);
        path += "/" + verb;
      } else if (!given.version.empty()) {
        throw ConfigError("version without model: pass model as well");
      }
      if (!given.options.empty()) body["options"] = Json(given.options);
      if (!given.player_id.empty()) body["player_id"] = given.player_id;
      std::string text;
      try {
        text = Json(std::move(body)).dump();
      } catch (const std::invalid_argument& error) {
        throw ConfigError(std::string("the input is not JSON: ") + error.what());
      } catch (const std::domain_error& error) {  // what a player typed
        BadInputError refused(error.what());
        refused.code = "text_not_unicode";
        throw refused;
      }
      return call("POST", path, text, given.model, given.deadline, given.retries, on_piece, is_cancelled);
    }

    // Send until an answer, a final error or the deadline.
    Json call(const std::string& method, const std::string& path, const std::string& body, const std::string& model,
              std::optional<double> deadline, std::optional<int> retries = {}, const OnPiece& on_piece = {},
              const std::function<bool()>& is_cancelled = {}) {
      const double allowed = deadline.value_or(options.deadline);
      if (!(allowed <= 86400)) throw ConfigError("a deadline is at most a day");
      const double end = options.clock() + allowed, share = std::min(allowed / options.deadline, 1.0);
      CircuitBreaker& breaker = breakers.of(model);
      if (!breaker.admit()) throw CircuitOpenError(path + ": the service failed often; the circuit breaker is open");
      Request request{method, options.base_url + path, {{"accept", "application/json"}, {"user-agent", "hotseat-cpp"}}, body};
      bool has_begun = false, is_left = false;
      request.is_cancelled = is_cancelled;
      if (on_piece) {
        request.headers["accept"] = "text/event-stream";
        request.on_piece = [&](const std::string& piece) {
          has_begun = true;
          return !(is_left = !on_piece(piece));
        };
      }
      if (method == "POST") {
        request.headers["content-type"] = "application/json";
        request.headers["idempotency-key"] = unique_id();  // the same for every try of a call
      }
      bool is_renewed = false;
      for (int tries = 1;; ++tries) {
        const double left = end - options.clock();
        if (left <= 0) {
          if (tries == 1) breaker.gave_up();
          throw DeadlineError(path + ": no answer within the deadline");
        }
        request.headers["deadline-ms"] = std::to_string(std::max<long long>(std::llround(1000 * left), 1));
        double wait = 0;
        try {
          sign(request);
          const Response response = sent(request, left);
          Json answer = on_piece ? ended(response, request) : read(response);
          breaker.succeeded();
          log(request, path, tries, std::to_string(response.status));
          return answer;
        } catch (const ConfigError&) {
          breaker.gave_up();
          throw;
        } catch (const HotseatError& error) {
          if (is_left || (is_cancelled && is_cancelled())) {
            breaker.succeeded();
            throw CancelledError("the caller ended the stream");
          }
          record(breaker, error, share);
          log(request, path, tries, std::string(error.type) + ": " + error.what());
          const auto* refused = dynamic_cast<const AuthError*>(&error);
          if (refused && refused->status == 401 && options.token && !is_renewed) {
            is_renewed = true;  // the token may have expired: at once, with a new one
            continue;
          }
          wait = pause_after(tries - 1, options.random(), error);
          const bool again = !has_begun && may_retry(error) && options.clock() + wait < end && tries <= retries.value_or(options.retries);
          if (!again || !breaker.may_retry()) throw;
        }
        options.sleep(wait);
      }
    }

    // The end of a stream; of a transport that cannot stream, all of it. Throws a refusal.
    static Json ended(const Response& response, const Request& request) {
      if (!response.is_events()) {
        read(response);
        throw TransportError("the answer is no stream of events: does the model write text?");
      }
      if (!response.body.empty() && !request.on_piece(response.body)) throw CancelledError("the caller ended the stream");
      return Json();
    }

    void log(const Request& request, const std::string& path, int tries, const std::string& how) const {
      if (!options.log) return;
      try {
        options.log("hotseat " + request.method + " " + path + ": try " + std::to_string(tries) + ": " + how);
      } catch (const std::exception&) {
        // a failing log must not stop the game
      }
    }

    // An error of a transport of one's own must not stop the game.
    Response sent(const Request& request, double seconds) {
      try {
        return options.transport(request, seconds);
      } catch (const HotseatError&) {
        throw;
      } catch (const std::exception& error) {
        throw TransportError(std::string("the transport failed: ") + error.what());
      }
    }

    void sign(Request& request) {
      if (options.token) {
        std::string token;
        try {
          token = options.token();
        } catch (const std::exception&) {
          throw TokenError("no token: the function token failed");  // its text may hold a secret
        }
        if (token.empty()) throw TokenError("no token: the function token returned none");
        request.headers["authorization"] = "Bearer " + sendable(token);
      } else if (!options.api_key.empty()) {
        request.headers["x-api-key"] = options.api_key;
      }
    }

    static void record(CircuitBreaker& breaker, const HotseatError& error, double share) {
      const auto* refused = dynamic_cast<const StatusError*>(&error);
      if (dynamic_cast<const TokenError*>(&error) || dynamic_cast<const CancelledError*>(&error)) breaker.gave_up();
      else if (dynamic_cast<const DeadlineError*>(&error) || (refused && refused->code == "deadline_exceeded")) breaker.failed(share);
      else if (!refused || refused->status >= 500 || refused->is_foreign) breaker.failed();
      else breaker.succeeded();
    }
  };

  static const CallOptions& named(const CallOptions& call) {
    if (call.model.empty()) throw ConfigError("no model: pass model");
    return call;
  }
  static Json position(const Json& board, const CallOptions& call) {
    Json::Object input{{"board", board}};
    if (!call.legal.is_null()) input["legal"] = call.legal;
    return Json(std::move(input));
  }

  template <class Act>
  Ticket later(const CallOptions& call, Act act) {
    Ticket ticket;
    {
      const std::lock_guard lock(gate_);
      open_.erase(std::remove_if(open_.begin(), open_.end(), [](const Ticket& one) { return one.ready(); }), open_.end());
      open_.push_back(ticket);
    }
    std::thread([core = core_, state = ticket.state_, call, act] {
      try {
        state->settle(act(*core, call), nullptr);
      } catch (const HotseatError&) {
        state->settle({}, std::current_exception());
      } catch (const std::exception& error) {
        state->settle({}, std::make_exception_ptr(TransportError(std::string("the SDK failed: ") + error.what())));
      }
    }).detach();
    return ticket;
  }

  std::shared_ptr<Core> core_;
  std::mutex gate_;
  std::vector<Ticket> open_;
  std::vector<TextTicket> texts_;
};

}  // namespace hotseat
