// A stand-in for Unreal's FHttpModule that sends by libcurl, in a thread as the engine does.
#pragma once

#include <thread>

#include "Interfaces/IHttpRequest.h"
#include "hotseat/curl.hpp"

class FCurlResponse : public IHttpResponse {
 public:
  explicit FCurlResponse(const hotseat::Response& from) : status_(from.status) {
    content_.Append(reinterpret_cast<const uint8*>(from.body.data()), static_cast<int32>(from.body.size()));
    for (const auto& [name, value] : from.headers) headers_.Add(UTF8_TO_TCHAR((name + ": " + value).c_str()));
  }
  int32 GetResponseCode() const override { return status_; }
  const TArray<uint8>& GetContent() const override { return content_; }
  TArray<FString> GetAllHeaders() const override { return headers_; }

 private:
  int32 status_;
  TArray<uint8> content_;
  TArray<FString> headers_;
};

class FCurlRequest : public IHttpRequest {
 public:
  void SetURL(const FString& url) override { request_.url = TCHAR_TO_UTF8(*url); }
  void SetVerb(const FString& verb) override { request_.method = TCHAR_TO_UTF8(*verb); }
  void SetHeader(const FString& name, const FString& value) override {
    const std::string narrow = TCHAR_TO_UTF8(*name);
    request_.headers[narrow] = TCHAR_TO_UTF8(*value);
  }
  void SetContent(const TArray<uint8>& content) override {
    request_.body.assign(reinterpret_cast<const char*>(content.GetData()), content.Num());
  }
  void SetTimeout(float seconds) override { seconds_ = seconds; }
  void SetDelegateThreadPolicy(EHttpRequestDelegateThreadPolicy policy) override { policy_ = policy; }
  FHttpRequestCompleteDelegate& OnProcessRequestComplete() override { return complete_; }
  bool ProcessRequest() override {
    // on the game thread it would come in a later frame, and this program has none
    if (policy_ != EHttpRequestDelegateThreadPolicy::CompleteOnHttpThread) return false;
    std::thread([request = request_, seconds = seconds_, complete = complete_] {
      FHttpResponsePtr response;
      try {
        response = std::shared_ptr<IHttpResponse>(std::make_shared<FCurlResponse>(hotseat::curl_transport()(request, seconds)));
      } catch (const hotseat::TransportError&) {
      }
      complete.bound(FHttpRequestPtr(), response, response.IsValid());
    }).detach();
    return true;
  }
  void CancelRequest() override {}

 private:
  hotseat::Request request_;
  float seconds_ = 0;
  EHttpRequestDelegateThreadPolicy policy_ = EHttpRequestDelegateThreadPolicy::CompleteOnGameThread;
  FHttpRequestCompleteDelegate complete_;
};

class FHttpModule {
 public:
  static FHttpModule& Get() {
    static FHttpModule module;
    return module;
  }
  TSharedRef<IHttpRequest, ESPMode::ThreadSafe> CreateRequest() {
    return std::shared_ptr<IHttpRequest>(std::make_shared<FCurlRequest>());
  }
};
