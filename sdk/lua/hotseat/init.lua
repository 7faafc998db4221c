-- A client of a Hotseat model service that never blocks a frame: Lua 5.1 to 5.4, LuaJIT.
--
--   local hotseat = require("hotseat")
--   local client = hotseat.client({ base_url = "https://models.example", transport = ... })
--   local ticket = client:predict("gg wp", { model = "chat-moderation", default = "ok" })
--   client:update() -- in every frame
--   if ticket:ready() then print(ticket:result().label) end
--
-- Each method returns a ticket at once. There are no exceptions: an error is a value.

local json = require("hotseat.json")
local rules = require("hotseat.rules")
local event_reader = require("hotseat.events")
local new_text = require("hotseat.text")
local VERSION = "0.1.0"
local hotseat = { json = json, null = json.null, list = json.list, VERSION = VERSION }

local Ticket = {}
Ticket.__index = Ticket

-- Whether the answer or the error has arrived.
function Ticket:ready() return self._answer ~= nil or self._error ~= nil end

-- The answer; before it or after an error a prediction with the default, or nil without one.
function Ticket:result(default)
  if self._answer ~= nil then return self._answer end
  if default ~= nil then return rules.stand_in(default, 0, self:error()) end
end

-- The reason for the missing answer, or nil.
function Ticket:error()
  if self._answer ~= nil then return nil end
  return self._error or rules.failure("NotReadyError", "the answer has not arrived")
end

function Ticket:cancel() return self:_settle(rules.failure("CancelledError", "the ticket was cancelled")) end

-- Call a function with the ticket when it is ready, at once if it is.
function Ticket:on_ready(call)
  if self:ready() then call(self) else self._calls[#self._calls + 1] = call end
end

function Ticket:_settle(what)
  if self:ready() then return false end
  if rules.is_failure(what) then self._error = what else self._answer = what end
  for _, call in ipairs(self._calls) do pcall(call, self) end -- a failing listener stops no other
  self._calls = {}
  return true
end

local function new_ticket() return setmetatable({ _calls = {} }, Ticket) end

local Client = {}
Client.__index = Client

-- Options: base_url, deadline (2 s), api_key (a text, or a function that returns a player's
-- token), retries, log (a function that gets a line for each try, without keys and inputs;
-- with HOTSEAT_LOG=debug print), transport, clock, random.
--
-- A transport has `send(request, seconds)`, which returns an object with `poll()` (nil, a
-- response {status, headers, body}, or an error) and `cancel()`. If `request.on_piece` is
-- set, it may give the body of an answer with events (text/event-stream) to that function as
-- it comes. It may have `clock()`: seconds; without one the clock is os.clock, which on some
-- systems stands still while the game sleeps.
--
-- Returns nil and an error for invalid options.
function hotseat.client(options)
  local base = (options.base_url or "http://localhost:8080"):gsub("/+$", "")
  if not base:match("^https?://[^/?#@%s]+[^?#%s]*$") then
    return nil, rules.failure("ConfigError", base .. " is not a base URL, such as https://models.example/prod")
  end
  if not options.transport then return nil, rules.failure("ConfigError", "no transport: pass one") end
  local self = {
    base_url = base, deadline = options.deadline or 2, api_key = options.api_key, retries = options.retries or math.huge,
    transport = options.transport, clock = options.clock or options.transport.clock or os.clock, random = options.random or math.random,
    log = options.log or os.getenv and os.getenv("HOTSEAT_LOG") == "debug" and print or nil,
    _breakers = {}, _open = {}, _lines = {},
  }
  if not (self.deadline > 0 and self.deadline <= 86400) then
    return nil, rules.failure("ConfigError", "a deadline is more than 0 seconds and at most a day")
  end
  return setmetatable(self, Client)
end

local function quoted(name)
  if name == "" or name == "." or name == ".." then return nil end
  return (name:gsub("[^%w%-_.~]", function(letter) return ("%%%02X"):format(letter:byte()) end))
end

local function unique()
  local digits = {}
  for at = 1, 32 do digits[at] = ("%x"):format(math.random(0, 15)) end
  return table.concat(digits)
end

function Client:_breaker(model)
  self._breakers[model] = self._breakers[model] or rules.breaker(self.clock)
  return self._breakers[model]
end

-- The number of times a circuit breaker opened because the service failed.
function Client:circuit_opened_count()
  local count = 0
  for _, breaker in pairs(self._breakers) do count = count + breaker.opened_count end
  return count
end

-- Add the authentication header; returns an error or nil. Each try calls a function again.
function Client:_sign(headers)
  local key = self.api_key
  if type(key) == "function" then
    local good, token = pcall(key) -- its error may hold a secret
    if not good or type(token) ~= "string" or token == "" then
      return rules.failure("TokenError", "the function api_key returned no token")
    end
    key, headers.authorization = token, "Bearer " .. token
  elseif key and key ~= "" then
    headers["x-api-key"] = key
  end
  if key and key:find("[^\32-\126]") then
    return rules.failure("ConfigError", "the API key has a character that is not valid in a header")
  end
end

local function finish(call, what)
  call.is_over = true
  if rules.is_failure(what) and call.has_default and what.type ~= "ConfigError" and what.type ~= "CancelledError" then
    local latency = call.client.clock() - call.start
    if call.count then
      local all = {}
      for at = 1, call.count do all[at] = rules.stand_in(call.default, latency, what) end
      what = all
    else
      what = rules.stand_in(call.default, latency, what)
    end
  end
  call.ticket:_settle(what)
end

local function try(call)
  local client = call.client
  local left = call.stop - client.clock()
  if left <= 0 then
    if call.tries == 0 then call.breaker:gave_up() end
    return finish(call, rules.failure("DeadlineError", call.path .. ": no answer within the deadline"))
  end
  local headers = {}
  for name, value in pairs(call.headers) do headers[name] = value end
  headers["deadline-ms"] = ("%d"):format(math.max(math.floor(left * 1000 + 0.5), 1))
  local failure = client:_sign(headers)
  if failure then
    call.breaker:gave_up()
    return finish(call, failure)
  end
  local request = { on_piece = call.on_piece, method = call.method, url = client.base_url .. call.path, headers = headers, body = call.body }
  local good, sending = pcall(client.transport.send, client.transport, request, left)
  if good then call.sending = sending
  else call.met = rules.failure("TransportError", "the transport failed") end
end

local function after(call, met)
  local client = call.client
  call.tries, call.sending = call.tries + 1, nil
  local answer = rules.is_failure(met) and met or (call.on_piece and call:ended(met) or rules.read(met))
  if client.log then
    local how = rules.is_failure(answer) and tostring(answer) or tostring(met.status)
    pcall(client.log, ("hotseat %s %s: try %d: %s"):format(call.method, call.path, call.tries, how))
  end
  if not rules.is_failure(answer) then
    call.breaker:succeeded()
    return finish(call, call.read(answer, client.clock() - call.start))
  end
  call.breaker:record(answer, call.share)
  if answer.status == 401 and type(client.api_key) == "function" and not call.is_renewed then
    call.is_renewed = true -- the token may have expired: at once, with a new one
    return try(call)
  end
  local wait = rules.pause(call.tries, client.random(), answer)
  local again = not call.has_begun and rules.may_retry(answer) and client.clock() + wait < call.stop and call.tries <= call.retries
  if not again or not call.breaker:may_retry() then return finish(call, answer) end
  call.resume_at = client.clock() + wait
end

-- The end of a stream: an empty object, or an error.
local function stream_ended(call, met)
  local kind = (met.headers or {})["content-type"] or ""
  if met.status ~= 200 or not kind:lower():match("^text/event%-stream") then
    local answer = rules.read(met) -- a refusal
    if rules.is_failure(answer) then return answer end
    return rules.failure("TransportError", "the answer is no stream of events: does the model write text?")
  end
  if #met.body > 0 then call.on_piece(met.body) end -- of a transport that cannot stream
  return {}
end

-- Continue a call as far as possible without waiting.
local function continue(call)
  while not call.is_over do
    if call.ticket:ready() then -- cancelled
      if call.sending then call.sending:cancel() end
      call.breaker:gave_up()
      call.is_over = true
    elseif call.resume_at then
      if call.client.clock() < call.resume_at then return end
      call.resume_at = nil
      try(call)
    else
      local met = call.met or call.sending:poll()
      call.met = nil
      if met == nil then
        if call.client.clock() < call.stop then return end
        call.sending:cancel()
        met = rules.failure("DeadlineError", call.path .. ": no answer in time")
      end
      after(call, met)
      if call.resume_at then return end
    end
  end
end

function Client:_call(method, path, body, options, read)
  options = options or {}
  local ticket = new_ticket()
  local call = {
    client = self, ticket = ticket, method = method, path = path, read = read, start = self.clock(), tries = 0,
    headers = { accept = "application/json", ["user-agent"] = "hotseat-lua" }, retries = options.retries or self.retries,
    has_default = options.default ~= nil, default = options.default, count = options.count,
  }
  if options.on_piece then
    call.headers.accept, call.ended = "text/event-stream", stream_ended
    call.on_piece = function(piece)
      call.has_begun = true -- it is not begun again
      options.on_piece(piece)
    end
  end
  local allowed = options.deadline or self.deadline
  call.stop, call.share = call.start + allowed, math.min(allowed / self.deadline, 1)
  call.breaker = self:_breaker(options.model or "")
  if not (allowed <= 86400) then
    ticket:_settle(rules.failure("ConfigError", "a deadline is at most a day"))
    return ticket
  end
  if body then
    local text, why = json.encode(body)
    if not text then
      local failure = why == "text" and rules.failure("BadInputError", "the text is not UTF-8: cut texts between characters")
        or rules.failure("ConfigError", "the input is not JSON: " .. why)
      finish(call, failure)
      return ticket
    end
    call.body, call.headers["content-type"] = text, "application/json"
    call.headers["idempotency-key"] = unique() -- the same for every try of a call
  end
  if not call.breaker:admit() then
    finish(call, rules.failure("CircuitOpenError", path .. ": the service failed often; the circuit breaker is open"))
    return ticket
  end
  try(call)
  continue(call)
  if not call.is_over then self._open[#self._open + 1] = call end
  return ticket
end

function Client:_ask(verb, body, options, read, needs_model)
  options = options or {}
  local path, wrong = "/model-service", nil
  if options.model then
    local model, version = quoted(options.model), options.version and quoted(tostring(options.version))
    if not model or options.version and not version then wrong = "this names no model or version" end
    path = ("/v1/models/%s%s/%s"):format(model, version and "/versions/" .. version or "", verb)
  elseif options.version or needs_model then
    wrong = "no model: pass model"
  end
  if wrong then
    local ticket = new_ticket()
    ticket:_settle(rules.failure("ConfigError", wrong))
    return ticket
  end
  local chosen = {}
  for name, value in pairs(options.options or {}) do chosen[name] = value end
  for _, name in ipairs({ "level", "temperature", "seed" }) do
    if options[name] ~= nil then chosen[name] = options[name] end
  end
  if next(chosen) ~= nil then body.options = chosen end
  body.player_id = options.player_id
  return self:_call("POST", path, body, options, read)
end

-- Predict one input: a text, named features, a board.
function Client:predict(input, options)
  local is_text = type(input) == "string" and not (options and options.model)
  return self:_ask("predict", is_text and { text = input } or { input = input }, options, rules.prediction)
end

-- Predict many inputs in one request; the result is a list in their order.
function Client:predict_many(inputs, options)
  local given = { count = #inputs }
  for name, value in pairs(options or {}) do given[name] = value end
  return self:_ask("predict", { inputs = json.list(inputs) }, given, function(answer, latency)
    return rules.predictions(answer, #inputs, latency)
  end)
end

-- Explain a prediction: its `parts` and their weights.
function Client:explain(input, options) return self:_ask("explain", { input = input }, options, rules.prediction, true) end

-- Choose a policy's action. Options may hold level, temperature, seed, legal.
function Client:choose(board, options)
  local given = {}
  for name, value in pairs(options or {}) do given[name] = value end
  if type(given.default) == "number" then given.default = ("%d"):format(given.default) end
  return self:_ask("predict", { input = { board = board, legal = given.legal } }, given, rules.prediction, true)
end

-- Generate an `item`; the same `seed` and wishes repeat it.
function Client:generate(wishes, options) return self:_ask("predict", { input = wishes }, options, rules.prediction, true) end

local Stream = {}
Stream.__index = Stream

-- The next event {name, data}, or nil: nothing new, or the end.
function Stream:next() return table.remove(self._events, 1) end
-- Whether the stream has ended; events may be left.
function Stream:ready() return self._ticket:ready() end
-- Why the stream broke off, or nil.
function Stream:error() return self._ticket:error() end
-- End the stream; the service stops, too, with the next update.
function Stream:cancel() return self._ticket:cancel() end

-- Start a stream; `on_event` gets each event. Returns its ticket.
local function start_stream(client, verb, body, options, on_event)
  local reader, given, fields = event_reader(), {}, {}
  for name, value in pairs(options or {}) do if name ~= "default" then given[name] = value end end
  for name, value in pairs(body) do fields[name] = value end
  given.on_piece = function(piece)
    for _, event in ipairs(reader:read(piece)) do on_event(event) end
  end
  return client:_ask(verb, fields, given, function() return {} end, true)
end

-- Ask a model for server-sent events: `verb` such as "generate", and the fields of the
-- request. The deadline counts to the end of the stream; a start that fails is retried, a
-- stream that has begun is not. `say` is for texts.
function Client:stream(verb, body, options)
  local stream = setmetatable({ _events = {} }, Stream)
  stream._ticket = start_stream(self, verb, body, options, function(event) stream._events[#stream._events + 1] = event end)
  return stream
end

-- Let a model write a text. `input` is a table with the slots of the version's template, a
-- prompt, or a list of messages {role, content}. Options: model, version, max_tokens,
-- temperature, top_p, seed, stop, schema (its `value` keeps to it) or grammar, player_id,
-- retries, deadline (seconds, 20 by default, to the end of the text), and default: the line
-- to use if no text comes; while the service is away, the version's canned line comes before
-- it, if an earlier answer has brought one. A text that breaks off then ends with what came.
--
-- Returns a text: `take()` in each frame is what came since the last, `ready()`,
-- `result(default)`, `error()`, `cancel()`, and `text()`, the text so far.
function Client:say(input, options)
  return new_text(input, options, self._lines, self.clock, function(body, call, on_event)
    return start_stream(self, "generate", body, call, on_event)
  end)
end

function Client:models(options) return self:_call("GET", "/v1/models", nil, options, rules.models) end

function Client:card(model, options)
  local given = { model = model, deadline = options and options.deadline }
  local named = quoted(model)
  if not named then
    local ticket = new_ticket()
    ticket:_settle(rules.failure("ConfigError", "this names no model"))
    return ticket
  end
  return self:_call("GET", "/v1/models/" .. named, nil, given, rules.model)
end

-- Whether the service answers and has a model loaded: `result().value`.
function Client:service_ready(options)
  local given = { default = false, deadline = options and options.deadline }
  return self:_call("GET", "/v2/health/ready", nil, given, function(answer) return { value = answer.ready == true } end)
end

-- Continue all calls as far as possible without waiting: in every frame.
function Client:update()
  local open = self._open
  self._open = {}
  for _, call in ipairs(open) do
    continue(call)
    if not call.is_over then self._open[#self._open + 1] = call end
  end
end

-- The earliest end of a pause between tries, on the clock; nil without one.
function Client:wakes_at()
  local first
  for _, call in ipairs(self._open) do
    if call.resume_at and (not first or call.resume_at < first) then first = call.resume_at end
  end
  return first
end

-- Cancel all calls at once.
function Client:close()
  local open = self._open
  self._open = {}
  for _, call in ipairs(open) do
    if call.sending then call.sending:cancel() end
    call.breaker:gave_up()
    call.ticket:_settle(rules.failure("CancelledError", "the client was closed"))
  end
end

hotseat.failure = rules.failure

return hotseat
