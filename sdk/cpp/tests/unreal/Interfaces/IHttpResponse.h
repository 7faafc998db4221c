// Unreal's IHttpResponse, as far as the plugin uses it.
#pragma once

#include "CoreMinimal.h"

class IHttpResponse {
 public:
  virtual ~IHttpResponse() = default;
  virtual int32 GetResponseCode() const = 0;
  virtual const TArray<uint8>& GetContent() const = 0;
  virtual TArray<FString> GetAllHeaders() const = 0;
};
using FHttpResponsePtr = TSharedPtr<IHttpResponse, ESPMode::ThreadSafe>;
