-- A transport over Roblox's HttpService, for servers. Not run by our tests.
--
--   local transport = require(hotseat.roblox)(game:GetService("HttpService"), task.spawn)

local failure = require("hotseat.rules").failure

return function(service, spawn)
  return {
    send = function(_, request)
      local sending = {}
      spawn(function()
        local good, answer = pcall(service.RequestAsync, service, {
          Url = request.url, Method = request.method, Headers = request.headers, Body = request.body,
        })
        if not good then
          sending.met = failure("TransportError", "the service cannot be reached")
          return
        end
        local headers = {}
        for name, value in pairs(answer.Headers) do headers[name:lower()] = value end
        sending.met = { status = answer.StatusCode, headers = headers, body = answer.Body }
      end)
      function sending.poll() return sending.met end
      function sending.cancel() end
      return sending
    end,
  }
end
