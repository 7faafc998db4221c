#include "HotseatTransport.h"

#include <future>

#include "HttpModule.h"
#include "Interfaces/IHttpRequest.h"
#include "Interfaces/IHttpResponse.h"

namespace
{
struct FArrived
{
    bool bConnected = false;
    hotseat::Response Response;
};

FArrived Read(const FHttpResponsePtr& From, bool bConnected)
{
    FArrived Arrived;
    Arrived.bConnected = bConnected && From.IsValid();
    if (!Arrived.bConnected) return Arrived;
    Arrived.Response.status = From->GetResponseCode();
    const TArray<uint8>& Content = From->GetContent();
    Arrived.Response.body.assign(reinterpret_cast<const char*>(Content.GetData()), Content.Num());
    for (const FString& Line : From->GetAllHeaders())
    {
        const std::string Text = TCHAR_TO_UTF8(*Line); // "Name: value"
        const size_t Colon = Text.find(':');
        if (Colon == std::string::npos) continue;
        std::string Name = Text.substr(0, Colon);
        for (char& Letter : Name) Letter = static_cast<char>(std::tolower(static_cast<unsigned char>(Letter)));
        const size_t Start = Text.find_first_not_of(" \t", Colon + 1);
        Arrived.Response.headers[Name] = Start == std::string::npos ? "" : Text.substr(Start);
    }
    return Arrived;
}
} // namespace

hotseat::Transport MakeHotseatTransport()
{
    return [](const hotseat::Request& Request, double Seconds)
    {
        const TSharedRef<IHttpRequest, ESPMode::ThreadSafe> Http = FHttpModule::Get().CreateRequest();
        Http->SetURL(UTF8_TO_TCHAR(Request.url.c_str()));
        Http->SetVerb(UTF8_TO_TCHAR(Request.method.c_str()));
        for (const auto& [Name, Value] : Request.headers)
        {
            Http->SetHeader(UTF8_TO_TCHAR(Name.c_str()), UTF8_TO_TCHAR(Value.c_str()));
        }
        if (!Request.body.empty())
        {
            TArray<uint8> Content;
            Content.Append(reinterpret_cast<const uint8*>(Request.body.data()), static_cast<int32>(Request.body.size()));
            Http->SetContent(Content);
        }
        Http->SetTimeout(static_cast<float>(Seconds));
        // the game thread may be in a loading screen, or wait for this very ticket
        Http->SetDelegateThreadPolicy(EHttpRequestDelegateThreadPolicy::CompleteOnHttpThread);
        // shared with the delegate, which may come after the deadline
        const auto Promise = std::make_shared<std::promise<FArrived>>();
        std::future<FArrived> Future = Promise->get_future();
        Http->OnProcessRequestComplete().BindLambda(
            [Promise](FHttpRequestPtr, FHttpResponsePtr Response, bool bConnected)
            {
                try { Promise->set_value(Read(Response, bConnected)); }
                catch (...) { Promise->set_exception(std::current_exception()); }
            });
        Http->ProcessRequest();
        if (Future.wait_for(std::chrono::duration<double>(Seconds)) != std::future_status::ready)
        {
            Http->CancelRequest();
            throw hotseat::DeadlineError("no answer within " + std::to_string(Seconds) + " s");
        }
        FArrived Arrived = Future.get();
        if (!Arrived.bConnected) throw hotseat::TransportError(Request.url + " cannot be reached");
        return Arrived.Response;
    };
}
