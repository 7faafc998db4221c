-- A transport over LuaSocket, which LÖVE and Solar2D bring: http alone, never waits.
--
-- LuaSocket looks names up in the caller's frame: give the service's IP address, or look
-- the name up on a loading screen (socket.dns.toip). For https take the engine's own HTTP.

local socket = require("socket")
local failure = require("hotseat.rules").failure
local LARGEST = 64 * 1024 * 1024

local Sending = {}
Sending.__index = Sending

local function send(_, request)
  local host, port, path = request.url:match("^http://%[?([^/%]]-)%]?:?(%d*)(/.*)$")
  local self = setmetatable({ received = "", sent = 0 }, Sending)
  if not host then
    self.failed = "only http:// URLs, not " .. request.url
    return self
  end
  local lines = { ("%s %s HTTP/1.1"):format(request.method, path), ("host: %s:%s"):format(host, port ~= "" and port or "80"),
    "connection: close", "content-length: " .. #(request.body or "") }
  for name, value in pairs(request.headers) do lines[#lines + 1] = name .. ": " .. value end
  self.text = table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or "")
  self.tcp = socket.tcp()
  self.tcp:settimeout(0)
  local good, why = self.tcp:connect(host, tonumber(port) or 80)
  if not good and why ~= "timeout" then self.failed = why end
  return self
end

function Sending:cancel()
  if self.tcp then self.tcp:close() end
end

function Sending:_fail(why)
  self:cancel()
  return failure("TransportError", "the service cannot be reached: " .. why)
end

-- A response, an error, or nil before either has arrived.
function Sending:poll()
  if self.failed then return self:_fail(self.failed) end
  if self.sent < #self.text then
    local _, writable = socket.select(nil, { self.tcp }, 0)
    if not writable[1] then return nil end
    local last, why, partial = self.tcp:send(self.text, self.sent + 1)
    if not last and why ~= "timeout" then return self:_fail(why) end
    self.sent = last or partial
    return nil
  end
  for _ = 1, 64 do -- so that a large response does not block a frame
    local data, why, partial = self.tcp:receive(65536)
    data = data or partial
    self.received = self.received .. data
    if #self.received > LARGEST then return self:_fail("the answer is too large") end
    local met = self:_response(why == "closed")
    if met then return met end
    if why == "closed" then return self:_fail("the answer broke off") end
    if why then return nil end
  end
end

local function chunks(text)
  local parts, at = {}, 1
  while true do
    local size, stop = text:match("^(%x+)[^\r\n]*\r\n()", at)
    if not size then return nil, #text >= at and not text:match("^%x*[^\r\n]*\r?$", at) and "wrong" end
    local length = tonumber(size, 16)
    if length == 0 then return table.concat(parts) end
    if #text < stop + length + 1 then return nil end
    parts[#parts + 1] = text:sub(stop, stop + length - 1)
    if text:sub(stop + length, stop + length + 1) ~= "\r\n" then return nil, "wrong" end
    at = stop + length + 2
  end
end

function Sending:_response(is_closed)
  local head, start = self.received:match("^(.-)\r\n\r\n()")
  if not head then
    if #self.received >= 5 and self.received:sub(1, 5) ~= "HTTP/" then return self:_fail("no HTTP") end
    return nil
  end
  local status = tonumber(head:match("^HTTP/1%.%d (%d%d%d)"))
  if not status then return self:_fail("no HTTP") end
  if status < 200 then -- an interim answer
    self.received = self.received:sub(start)
    return self:_response(is_closed)
  end
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do headers[name:lower()] = value end
  local body, rest = nil, self.received:sub(start)
  if (headers["transfer-encoding"] or ""):lower():find("chunked") then
    local found, wrong = chunks(rest)
    if wrong then return self:_fail("the answer has wrong chunks") end
    body = found
  elseif headers["content-length"] then
    local length = tonumber(headers["content-length"]:match("^%d+$"))
    if not length then return self:_fail("the answer has no length") end
    if #rest >= length then body = rest:sub(1, length) end
  elseif is_closed then
    body = rest
  end
  if not body then return nil end
  self:cancel()
  return { status = status, headers = headers, body = body }
end

return { send = send }
