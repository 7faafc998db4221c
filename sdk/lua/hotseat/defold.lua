-- A transport over Defold's http.request. Tested against a stand-in with its documented
-- signature, not in the engine.
--
--   local client = hotseat.client({ base_url = ..., transport = require("hotseat.defold"), clock = socket.gettime })
--
-- Defold gives an answer's headers only with status 200 or 206, so that Retry-After is
-- not known; and it cancels nothing: a late answer is dropped.

local failure = require("hotseat.rules").failure

local function send(_, request, seconds)
  local sending = {}
  http.request(request.url, request.method, function(_, _, response)
    if response.status == 0 or response.error then
      sending.met = failure("TransportError", "the service cannot be reached: " .. (response.error or "no answer"))
      return
    end
    local headers = {}
    for name, value in pairs(response.headers or {}) do headers[name:lower()] = value end
    sending.met = { status = response.status, headers = headers, body = response.response or "" }
  end, request.headers, request.body, { timeout = seconds, ignore_cache = true })
  function sending.poll() return sending.met end
  function sending.cancel() end
  return sending
end

return { send = send }
