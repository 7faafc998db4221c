-- A transport over LuaSocket, which LÖVE and Solar2D bring: http alone, never waits.
--
-- A name's addresses race (RFC 8305): the next one is tried after 250 ms, the first that
-- accepts wins. LuaSocket looks names up in the caller's frame: give the service's IP
-- address, or look the name up on a loading screen (socket.dns.toip). For https take the
-- engine's own HTTP.

local socket = require("socket")
local failure = require("hotseat.rules").failure
local LARGEST = 64 * 1024 * 1024
local DELAY = 0.25

local Sending = {}
Sending.__index = Sending

-- The addresses of a host, or nil and why there are none.
local function addresses_of(host)
  if host:match("^[%d.]+$") or not socket.dns.getaddrinfo then return { { addr = host, family = "inet" } } end
  if host:find(":", 1, true) then return { { addr = host, family = "inet6" } } end
  local found, why = socket.dns.getaddrinfo(host)
  return found, not found and why or nil
end

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
  self.on_piece = request.on_piece
  self.port, self.tries, self.next_at = tonumber(port) or 80, {}, 0
  self.addresses, self.failed = addresses_of(host)
  if not self.failed then self:_connect() end
  return self
end

function Sending:cancel()
  for _, tcp in ipairs(self.tries or {}) do tcp:close() end
  if self.tcp then self.tcp:close() end
end

-- Start a try with the next address when it is time, and take the first that accepts.
function Sending:_connect()
  while #self.addresses > 0 and (#self.tries == 0 or socket.gettime() >= self.next_at) do
    local one = table.remove(self.addresses, 1)
    local tcp = one.family == "inet6" and socket.tcp6() or socket.tcp()
    tcp:settimeout(0)
    local good, why = tcp:connect(one.addr, self.port)
    if good or why == "timeout" then self.tries[#self.tries + 1] = tcp else tcp:close() end
    self.next_at = socket.gettime() + DELAY
  end
  local _, writable = socket.select(nil, self.tries, 0)
  for at = #self.tries, 1, -1 do
    local tcp = self.tries[at]
    if writable[tcp] and not tcp:getpeername() then -- it refused
      table.remove(self.tries, at):close()
    elseif writable[tcp] and not self.tcp then
      self.tcp = table.remove(self.tries, at)
    end
  end
  if self.tcp then
    for _, tcp in ipairs(self.tries) do tcp:close() end
    self.tries = {}
  elseif #self.tries == 0 and #self.addresses == 0 then
    self.failed = "no address accepts a connection"
  end
end

function Sending:_fail(why)
  self:cancel()
  return failure("TransportError", "the service cannot be reached: " .. why)
end

-- A response, an error, or nil before either has arrived.
function Sending:poll()
  if not self.failed and not self.tcp then self:_connect() end
  if self.failed then return self:_fail(self.failed) end
  if not self.tcp then return nil end
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

-- Deliver what has come of a stream of events; a response at its end.
function Sending:_stream(is_closed)
  local stream = self.stream
  while #self.received > 0 do
    if stream.is_chunked and not stream.left then
      local size, start = self.received:match("^\r?\n?(%x+)[^\r\n]*\r\n()")
      if not size then
        if #self.received > 1000 then return self:_fail("the answer has wrong chunks") end
        break
      end
      self.received, stream.left = self.received:sub(start), tonumber(size, 16)
      if stream.left == 0 then stream.is_over = true end
    end
    if stream.is_over then break end
    local piece = self.received:sub(1, stream.left or #self.received)
    self.received = self.received:sub(#piece + 1)
    if stream.left then stream.left = stream.left - #piece end
    if #piece > 0 then self.on_piece(piece) end
    if stream.left == 0 then
      if not stream.is_chunked then stream.is_over = true end
      stream.left = nil
    end
  end
  if stream.is_over or is_closed and not stream.is_chunked and not stream.left then
    self:cancel()
    return { status = stream.status, headers = stream.headers, body = "" }
  end
end

function Sending:_response(is_closed)
  if self.stream then return self:_stream(is_closed) end
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
  local is_events = (headers["content-type"] or ""):lower():match("^text/event%-stream")
  if self.on_piece and status == 200 and is_events then
    self.stream = {
      status = status, headers = headers, left = tonumber(headers["content-length"] or ""),
      is_chunked = (headers["transfer-encoding"] or ""):lower():find("chunked") ~= nil,
    }
    self.received = self.received:sub(start)
    return self:_stream(is_closed)
  end
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

return { send = send, clock = socket.gettime }
