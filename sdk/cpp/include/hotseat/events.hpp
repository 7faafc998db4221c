// Server-sent events, read as they come.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace hotseat {

// One event; its name is "message" if the service gave none.
struct ServerEvent {
  std::string name, data;
};

// Gets each event as it comes, in the thread of the call; false ends the stream.
using OnEvent = std::function<bool(const ServerEvent&)>;

// Parses events however their bytes are cut (WHATWG HTML, "Parsing an event stream"). Keeps
// no ids: a broken stream is not resumed.
class EventReader {
 public:
  // The events that end in a piece.
  std::vector<ServerEvent> read(const std::string& piece) {
    std::vector<ServerEvent> found;
    for (const char letter : piece) {
      if (letter == '\r' || (letter == '\n' && !after_return_)) take(found);
      else if (letter != '\n') line_ += letter;
      after_return_ = letter == '\r';
    }
    return found;
  }

 private:
  void take(std::vector<ServerEvent>& found) {
    std::string line;
    line.swap(line_);
    if (is_first_ && line.rfind("\xEF\xBB\xBF", 0) == 0) line.erase(0, 3);
    is_first_ = false;
    if (line.empty()) {
      if (has_data_) found.push_back({name_.empty() ? "message" : name_, data_});
      has_data_ = false;
      data_.clear();
      name_.clear();
      return;
    }
    const std::size_t colon = line.find(':');
    const std::string field = line.substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line.substr(colon + 1);
    if (value.rfind(' ', 0) == 0) value.erase(0, 1);
    if (field == "data") {
      data_ += (has_data_ ? "\n" : "") + value;
      has_data_ = true;
    } else if (field == "event") {
      name_ = value;
    }
  }

  std::string line_, data_, name_;
  bool after_return_ = false, is_first_ = true, has_data_ = false;
};

}  // namespace hotseat
