// The transport over libcurl: happy eyeballs (RFC 8305), a DNS thread, pooled connections.
#pragma once

#include <curl/curl.h>

#include "client.hpp"

namespace hotseat {

namespace detail {

// A connection that idled longer is not used again. Routers forget them after a minute, some
// much sooner, and libcurl cannot start a rival for one that is silent: a handshake after a
// pause costs less than a deadline.
inline long idle_seconds = 5;

class CurlPool {
 public:
  CurlPool() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~CurlPool() {
    for (CURL* one : idle_) curl_easy_cleanup(one);
  }
  CURL* take() {
    const std::lock_guard lock(gate_);
    if (idle_.empty()) return curl_easy_init();
    CURL* one = idle_.back();
    idle_.pop_back();
    curl_easy_reset(one);  // its connections stay open
    return one;
  }
  void give_back(CURL* one) {
    const std::lock_guard lock(gate_);
    idle_.push_back(one);
  }

 private:
  std::mutex gate_;
  std::vector<CURL*> idle_;
};

struct Sink {
  CURL* curl;
  const Request& request;
  Response& response;
};

inline std::size_t on_body(char* data, std::size_t size, std::size_t count, void* into) {
  Sink& sink = *static_cast<Sink*>(into);
  long status = 0;
  curl_easy_getinfo(sink.curl, CURLINFO_RESPONSE_CODE, &status);
  sink.response.status = static_cast<int>(status);
  if (sink.request.on_piece && sink.response.is_events()) {
    return sink.request.on_piece(std::string(data, size * count)) ? size * count : 0;
  }
  std::string& body = sink.response.body;
  if (body.size() + size * count > (64u << 20)) return 0;  // no answer is so large
  body.append(data, size * count);
  return size * count;
}

inline std::size_t on_header(char* data, std::size_t size, std::size_t count, void* into) {
  auto& headers = *static_cast<std::map<std::string, std::string>*>(into);
  const std::string line(data, size * count);
  if (line.rfind("HTTP/", 0) == 0) headers.clear();  // after an interim answer (1xx)
  const std::size_t colon = line.find(':');
  if (colon != std::string::npos) {
    std::string name = line.substr(0, colon), value = line.substr(colon + 1);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) { return std::tolower(letter); });
    value.erase(0, value.find_first_not_of(" \t"));
    value.erase(value.find_last_not_of(" \t\r\n") + 1);
    headers[name] = value;
  }
  return size * count;
}

inline int on_progress(void* from, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const Request*>(from)->is_cancelled() ? 1 : 0;
}

}  // namespace detail

// Requests over libcurl's pooled connections. `ca_file` (PEM) replaces the system's
// certificates. Safe for several threads.
inline Transport curl_transport(const std::string& ca_file = "", const std::string& proxy = "") {
  auto pool = std::make_shared<detail::CurlPool>();
  return [pool, ca_file, proxy](const Request& request, double seconds) {
    CURL* curl = pool->take();
    if (!curl) throw TransportError("libcurl could not start");
    Response response;
    detail::Sink sink{curl, request, response};
    curl_slist* lines = nullptr;
    for (const auto& [name, value] : request.headers) lines = curl_slist_append(lines, (name + ": " + value).c_str());
    lines = curl_slist_append(lines, "Expect:");  // it takes a round trip
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // a redirect would carry the key along
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, std::max(std::lround(1000 * seconds), 1L));
    curl_easy_setopt(curl, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 250L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, detail::idle_seconds);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // not to wait for a name that is still looked up
#endif
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy.c_str());  // not the environment's
    if (!ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
    if (request.method == "POST") {
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, detail::on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, detail::on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &response.headers);
    if (request.is_cancelled) {  // asked with each piece, and once a second
      curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
      curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, detail::on_progress);
      curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &request);
    }
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    curl_slist_free_all(lines);
    pool->give_back(curl);
    if (code == CURLE_OPERATION_TIMEDOUT) throw DeadlineError("no answer within " + std::to_string(seconds) + " s");
    if (code != CURLE_OK) throw TransportError(request.url + " cannot be reached: " + curl_easy_strerror(code));
    return response;
  };
}

}  // namespace hotseat
