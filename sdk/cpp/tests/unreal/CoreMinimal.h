// A stand-in for the parts of Unreal's Core that the plugin uses, with its signatures.
#pragma once

#include <codecvt>
#include <cstdint>
#include <locale>
#include <memory>
#include <string>
#include <vector>

#define HOTSEAT_API
#define TEXT(text) u##text
using TCHAR = char16_t;
using uint8 = std::uint8_t;
using int32 = std::int32_t;
enum class ESPMode { ThreadSafe };

namespace stand_in {
using Codec = std::wstring_convert<std::codecvt_utf8_utf16<char16_t>, char16_t>;
inline std::u16string wide(const char* text) { return Codec().from_bytes(text); }
inline std::string narrow(const TCHAR* text) { return Codec().to_bytes(text); }
}  // namespace stand_in
#define UTF8_TO_TCHAR(text) stand_in::wide(text).c_str()
#define TCHAR_TO_UTF8(text) stand_in::narrow(text).c_str()

class FString {
 public:
  FString(const TCHAR* text) : text_(text) {}
  const TCHAR* operator*() const { return text_.c_str(); }

 private:
  std::u16string text_;
};

template <class T>
class TArray {
 public:
  void Append(const T* from, int32 count) { items_.insert(items_.end(), from, from + count); }
  void Add(const T& item) { items_.push_back(item); }
  const T* GetData() const { return items_.data(); }
  int32 Num() const { return static_cast<int32>(items_.size()); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<T> items_;
};

template <class T, ESPMode>
class TSharedPtr {
 public:
  TSharedPtr(std::shared_ptr<T> inner = nullptr) : inner_(std::move(inner)) {}
  bool IsValid() const { return inner_ != nullptr; }
  T* operator->() const { return inner_.get(); }

 private:
  std::shared_ptr<T> inner_;
};
template <class T, ESPMode Mode>
using TSharedRef = TSharedPtr<T, Mode>;
