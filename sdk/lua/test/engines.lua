-- The transports of Defold and Roblox against a live service: lua test/engines.lua URL.
-- Each engine is a stand-in with its documented signature, over LuaSocket's http.
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local socket, plain, ltn12 = require("socket"), require("socket.http"), require("ltn12")
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

-- One blocking request: status or nil, body, headers.
local function exchange(url, method, headers, body)
  local parts, sent = {}, { ["content-length"] = tostring(#(body or "")) }
  for name, value in pairs(headers or {}) do sent[name] = value end
  local good, status, received = plain.request({
    url = url, method = method, headers = sent, source = ltn12.source.string(body or ""), sink = ltn12.sink.table(parts),
  })
  return good and status, table.concat(parts), received
end

-- https://defold.com/ref/http/
local queued = {}
http = {
  request = function(url, method, callback, headers, post_data, options)
    assert(type(options.timeout) == "number" and options.timeout > 0)
    queued[#queued + 1] = function()
      local status, body, received = exchange(url, method, headers, post_data)
      callback({}, "id", status and { status = status, response = body, headers = status == 200 and received or nil }
        or { status = 0, response = "" })
    end
  end,
}

-- https://create.roblox.com/docs/reference/engine/classes/HttpService#RequestAsync
local HttpService = {}
function HttpService.RequestAsync(_, request)
  assert(request.Url and request.Method and request.Headers)
  local status, body, received = exchange(request.Url, request.Method, request.Headers, request.Body)
  if not status then error("HttpError: ConnectFail") end
  return { Success = status < 300, StatusCode = status, StatusMessage = "", Headers = received, Body = body }
end
local function spawn(call) queued[#queued + 1] = call end

local engines = { defold = require("hotseat.defold"), roblox = require("hotseat.roblox")(HttpService, spawn) }
for name, transport in pairs(engines) do
  local function answered(url, model)
    local client = hotseat.client({ base_url = url, deadline = 5, clock = socket.gettime, transport = transport })
    local ticket = client:predict("good", { model = model })
    check(name .. ": a call waits for nothing", not ticket:ready())
    local stop = socket.gettime() + 20
    while not ticket:ready() and socket.gettime() < stop do
      for _, call in ipairs(queued) do call() end
      queued = {}
      client:update()
      socket.sleep(0.005)
    end
    return ticket
  end
  local ticket = answered(arg[1])
  check(name .. ": answers", ticket:result() and ticket:result().label == "positive", ticket:error())
  ticket = answered(arg[1], "nobody")
  check(name .. ": refuses", ticket:error() and ticket:error().type == "NotFoundError", ticket:error())
  ticket = answered("http://127.0.0.1:1")
  check(name .. ": is away", ticket:error() and ticket:error().type == "TransportError", ticket:error())
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
