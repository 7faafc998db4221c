// The plugin's transport against a live service: main URL.
#include <iostream>

#include "HotseatTransport.h"

static int passed = 0, failed = 0;

static void check(const char* name, bool holds) {
  holds ? ++passed : ++failed;
  if (!holds) std::cout << "FAILED " << name << "\n";
}

static std::string error_of(const std::string& url, const std::string& model, double deadline) {
  hotseat::Options options;
  options.base_url = url;
  options.deadline = deadline;
  options.transport = MakeHotseatTransport();
  hotseat::Client client(options);
  hotseat::CallOptions call;
  call.model = model;
  try {
    return client.predict("good", call).label.value_or("?");
  } catch (const hotseat::HotseatError& error) {
    return error.type;
  }
}

int main(int, char** words) {
  check("answers", error_of(words[1], "", 20) == "positive");
  check("refuses", error_of(words[1], "nobody", 20) == "NotFoundError");
  check("is away", error_of("http://127.0.0.1:1", "", 2) == "TransportError");
  // nobody answers on an address of documentation (RFC 5737)
  const std::string late = error_of("http://192.0.2.1:9", "", 0.3);
  check("is late", late == "DeadlineError" || late == "TransportError");
  std::cout << passed << " passed, " << failed << " failed\n";
}
