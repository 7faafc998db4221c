// Unreal's IHttpRequest, as far as the plugin uses it.
#pragma once

#include <functional>

#include "Interfaces/IHttpResponse.h"

enum class EHttpRequestDelegateThreadPolicy : uint8 { CompleteOnGameThread, CompleteOnHttpThread };
class IHttpRequest;
using FHttpRequestPtr = TSharedPtr<IHttpRequest, ESPMode::ThreadSafe>;

class FHttpRequestCompleteDelegate {
 public:
  template <class Call>
  void BindLambda(Call&& call) { bound = std::forward<Call>(call); }
  std::function<void(FHttpRequestPtr, FHttpResponsePtr, bool)> bound;
};

class IHttpRequest {
 public:
  virtual ~IHttpRequest() = default;
  virtual void SetURL(const FString&) = 0;
  virtual void SetVerb(const FString&) = 0;
  virtual void SetHeader(const FString&, const FString&) = 0;
  virtual void SetContent(const TArray<uint8>&) = 0;
  virtual void SetTimeout(float) = 0;
  virtual void SetDelegateThreadPolicy(EHttpRequestDelegateThreadPolicy) = 0;
  virtual FHttpRequestCompleteDelegate& OnProcessRequestComplete() = 0;
  virtual bool ProcessRequest() = 0;
  virtual void CancelRequest() = 0;
};
