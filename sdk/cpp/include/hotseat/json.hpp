// JSON values: a strict reader and a writer. NaN has no JSON; texts are UTF-8.
#pragma once

#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hotseat {

class Json {
 public:
  using List = std::vector<Json>;
  using Object = std::map<std::string, Json>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(List value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  template <class N, std::enable_if_t<std::is_arithmetic_v<N> && !std::is_same_v<N, bool>, int> = 0>
  Json(N value) {
    if constexpr (std::is_floating_point_v<N>) value_ = static_cast<double>(value);
    else value_ = static_cast<std::int64_t>(value);
  }
  template <class T>
  Json(const std::vector<T>& values) : value_(List(values.begin(), values.end())) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_whole() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_whole() || std::holds_alternative<double>(value_); }
  bool is_text() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  bool boolean() const { return std::get<bool>(value_); }
  std::int64_t whole() const {
    return is_whole() ? std::get<std::int64_t>(value_) : static_cast<std::int64_t>(std::get<double>(value_));
  }
  double number() const {
    return is_whole() ? static_cast<double>(std::get<std::int64_t>(value_)) : std::get<double>(value_);
  }
  const std::string& text() const { return std::get<std::string>(value_); }
  const List& list() const { return std::get<List>(value_); }
  const Object& object() const { return std::get<Object>(value_); }
  Object& object() { return std::get<Object>(value_); }

  // The member of an object; null if there is none.
  const Json& operator[](const std::string& name) const {
    static const Json none;
    if (!is_object()) return none;
    const auto found = object().find(name);
    return found == object().end() ? none : found->second;
  }

  friend bool operator==(const Json& one, const Json& other) {
    if (one.is_number() && other.is_number()) return one.number() == other.number();
    return one.value_ == other.value_;
  }
  friend bool operator!=(const Json& one, const Json& other) { return !(one == other); }

  // The JSON text; throws std::invalid_argument for NaN and std::domain_error for a text
  // that is not UTF-8.
  std::string dump() const {
    std::string out;
    write(out);
    return out;
  }

  // Read a text; throws std::invalid_argument.
  static Json parse(std::string_view text) {
    Reader reader{text};
    Json value = reader.value(0);
    reader.space();
    if (reader.at != text.size()) throw std::invalid_argument("text after the JSON value");
    return value;
  }

 private:
  static constexpr int kDeepest = 128;

  void write(std::string& out) const {
    if (is_null()) out += "null";
    else if (is_bool()) out += boolean() ? "true" : "false";
    else if (is_whole()) out += std::to_string(std::get<std::int64_t>(value_));
    else if (is_number()) write_number(out, std::get<double>(value_));
    else if (is_text()) quote(out, text());
    else if (is_list()) {
      out += '[';
      for (const Json& one : list()) {
        if (out.back() != '[') out += ',';
        one.write(out);
      }
      out += ']';
    } else {
      out += '{';
      for (const auto& [name, one] : object()) {
        if (out.back() != '{') out += ',';
        quote(out, name);
        out += ':';
        one.write(out);
      }
      out += '}';
    }
  }

  static void write_number(std::string& out, double number) {
    if (!std::isfinite(number)) throw std::invalid_argument("NaN or infinity has no JSON");
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", number);
    for (char* letter = text; *letter; ++letter) if (*letter == ',') *letter = '.';  // the locale's
    out += text;
  }

  static void quote(std::string& out, const std::string& text) {
    static const char* hex = "0123456789abcdef";
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
      const unsigned char byte = text[at];
      if (byte == '"' || byte == '\\') (out += '\\') += text[at++];
      else if (byte < 0x20) {
        ((out += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
        ++at;
      } else if (byte < 0x80) out += text[at++];
      else {
        const std::size_t length = utf8_length(text, at);
        out.append(text, at, length);
        at += length;
      }
    }
    out += '"';
  }

  // The bytes of the character at `at`; throws std::domain_error if it is none.
  static std::size_t utf8_length(const std::string& text, std::size_t at) {
    const unsigned char first = text[at];
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    std::uint32_t code = first & (0xFF >> (length + 1));
    bool good = first >= 0xC2 && first < 0xF5 && at + length <= text.size();
    for (std::size_t more = 1; good && more < length; ++more) {
      const unsigned char byte = text[at + more];
      good = (byte & 0xC0) == 0x80;
      code = code << 6 | (byte & 0x3F);
    }
    const bool is_long = length == 3 ? code < 0x800 : length == 4 && (code < 0x10000 || code > 0x10FFFF);
    if (!good || is_long || (code >= 0xD800 && code < 0xE000)) {
      throw std::domain_error("the text is not UTF-8: cut texts between characters");
    }
    return length;
  }

  struct Reader {
    std::string_view text;
    std::size_t at = 0;

    [[noreturn]] void wrong() const { throw std::invalid_argument("not JSON at byte " + std::to_string(at)); }
    void space() {
      while (at < text.size() && std::string_view(" \t\r\n").find(text[at]) != std::string_view::npos) ++at;
    }
    char peek() const { return at < text.size() ? text[at] : '\0'; }
    bool take(char wanted) {
      space();
      if (peek() != wanted) return false;
      ++at;
      return true;
    }
    void word(std::string_view wanted) {
      if (text.substr(at, wanted.size()) != wanted) wrong();
      at += wanted.size();
    }

    Json value(int depth) {
      space();
      if (depth > kDeepest) wrong();
      switch (peek()) {
        case '{': return object(depth);
        case '[': return list(depth);
        case '"': return Json(string());
        case 't': word("true"); return Json(true);
        case 'f': word("false"); return Json(false);
        case 'n': word("null"); return Json();
        default: return number();
      }
    }
    Json object(int depth) {
      Object members;
      ++at;
      if (take('}')) return Json(std::move(members));
      do {
        space();
        if (peek() != '"') wrong();
        std::string name = string();
        if (!take(':')) wrong();
        members[std::move(name)] = value(depth + 1);
      } while (take(','));
      if (!take('}')) wrong();
      return Json(std::move(members));
    }
    Json list(int depth) {
      List items;
      ++at;
      if (take(']')) return Json(std::move(items));
      do items.push_back(value(depth + 1));
      while (take(','));
      if (!take(']')) wrong();
      return Json(std::move(items));
    }
    Json number() {
      const std::size_t start = at;
      bool is_whole = true;
      if (peek() == '-') ++at;
      const std::size_t digits = at;
      while (std::isdigit(static_cast<unsigned char>(peek()))) ++at;
      if (at == digits || (text[digits] == '0' && at > digits + 1)) wrong();
      if (peek() == '.') {
        is_whole = false;
        ++at;
        if (!std::isdigit(static_cast<unsigned char>(peek()))) wrong();
        while (std::isdigit(static_cast<unsigned char>(peek()))) ++at;
      }
      if (peek() == 'e' || peek() == 'E') {
        is_whole = false;
        ++at;
        if (peek() == '+' || peek() == '-') ++at;
        if (!std::isdigit(static_cast<unsigned char>(peek()))) wrong();
        while (std::isdigit(static_cast<unsigned char>(peek()))) ++at;
      }
      const std::string word(text.substr(start, at - start));
      if (is_whole && word.size() < 19) return Json(static_cast<std::int64_t>(std::stoll(word)));
      const double found = std::strtod(word.c_str(), nullptr);
      if (!std::isfinite(found)) wrong();
      return Json(found);
    }
    std::string string() {
      std::string out;
      ++at;
      while (peek() != '"') {
        if (at >= text.size() || static_cast<unsigned char>(text[at]) < 0x20) wrong();
        if (text[at] != '\\') {
          out += text[at++];
          continue;
        }
        ++at;
        const char kind = peek();
        ++at;
        const std::size_t simple = std::string_view("\"\\/bfnrt").find(kind);
        if (simple != std::string_view::npos) out += "\"\\/\b\f\n\r\t"[simple];
        else if (kind == 'u') escape(out);
        else wrong();
      }
      ++at;
      return out;
    }
    std::uint32_t hex() {
      std::uint32_t code = 0;
      for (int digit = 0; digit < 4; ++digit, ++at) {
        const char letter = peek();
        const std::size_t found = std::string_view("0123456789abcdefABCDEF").find(letter);
        if (found == std::string_view::npos || !letter) wrong();
        code = code << 4 | static_cast<std::uint32_t>(found < 16 ? found : found - 6);
      }
      return code;
    }
    void escape(std::string& out) {
      std::uint32_t code = hex();
      if (code >= 0xD800 && code < 0xDC00) {
        if (text.substr(at, 2) != "\\u") wrong();
        at += 2;
        const std::uint32_t low = hex();
        if (low < 0xDC00 || low > 0xDFFF) wrong();
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      if (code < 0x80) out += static_cast<char>(code);
      else if (code < 0x800) (out += static_cast<char>(0xC0 | code >> 6)) += static_cast<char>(0x80 | (code & 0x3F));
      else if (code < 0x10000) {
        (out += static_cast<char>(0xE0 | code >> 12)) += static_cast<char>(0x80 | (code >> 6 & 0x3F));
        out += static_cast<char>(0x80 | (code & 0x3F));
      } else {
        (out += static_cast<char>(0xF0 | code >> 18)) += static_cast<char>(0x80 | (code >> 12 & 0x3F));
        (out += static_cast<char>(0x80 | (code >> 6 & 0x3F))) += static_cast<char>(0x80 | (code & 0x3F));
      }
    }
  };

  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Object> value_;
};

}  // namespace hotseat
