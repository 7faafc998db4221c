-- Texts as they are written: what `client:say` returns.

local json = require("hotseat.json")
local rules = require("hotseat.rules")
local DEADLINE, SHARE = 20, 0.9 -- seconds of a text; the model ends its sentence before
local OPTIONS = { "max_tokens", "temperature", "top_p", "seed", "schema", "grammar" }

local function plain(value)
  if value == json.null then return nil end
  return value
end

local function strange(what)
  return rules.failure("TransportError", "the stream has " .. what .. ": is this a Hotseat service?")
end

-- The verb's body and the call's options, or an error.
local function request(input, options)
  local chosen, body = { stream = true }, {}
  for _, name in ipairs(OPTIONS) do chosen[name] = options[name] end
  if chosen.schema and chosen.grammar then return rules.failure("ConfigError", "pass schema or grammar, not both") end
  chosen.stop = type(options.stop) == "string" and { options.stop } or options.stop
  local seconds = options.deadline or DEADLINE
  if not (seconds > 0 and seconds <= 86400) then
    return rules.failure("ConfigError", "a deadline is more than 0 seconds and at most a day")
  end
  chosen.deadline_ms = math.max(math.floor(seconds * SHARE * 1000 + 0.5), 1)
  if type(input) == "string" then
    body.input = { prompt = input }
  elseif type(input) ~= "table" then
    return rules.failure("ConfigError", "expected a prompt, a list of messages or a table of slots, not a " .. type(input))
  elseif input[1] ~= nil or json.is_list(input) then
    body.input = { messages = input }
  else
    body.input = { context = input }
  end
  body.options = chosen
  local call = {
    model = options.model, version = options.version, player_id = options.player_id,
    deadline = seconds, retries = options.retries,
  }
  return body, call
end

-- The answer of an event `done`, or an error.
local function answer_of(fields, latency)
  if type(fields.text) ~= "string" or type(fields.finish_reason) ~= "string" then
    return strange("an end without text and finish_reason")
  end
  local found = { raw = fields, latency = latency, is_default = false, source = "service" }
  for name, value in pairs(fields) do found[name] = plain(value) end
  local usage = json.is_object(fields.usage) and fields.usage or {}
  found.prompt_tokens, found.completion_tokens = plain(usage.prompt_tokens), plain(usage.completion_tokens)
  return found
end

local function stand_in(default, latency, failure)
  local is_text = type(default) == "string"
  return {
    text = is_text and default or json.encode(default), value = not is_text and default or nil, raw = {},
    finish_reason = "canned", latency = latency, is_default = true, source = "default", reason = tostring(failure),
  }
end

local Text = {}
Text.__index = Text

-- The text that came since the last `take`; "" if none did.
function Text:take()
  local piece = self._new
  self._new = ""
  return piece
end
-- The text so far; it stays when the stream breaks off.
function Text:text() return self._text end
-- Whether the text has ended or failed.
function Text:ready() return self._answer ~= nil or self._error ~= nil end
-- The answer {text, finish_reason, value, model, version, ...}; without it one with the
-- default, or nil without one.
function Text:result(default)
  if self._answer then return self._answer end
  if default ~= nil then return stand_in(default, 0, self:error()) end
end
-- The reason for the missing answer, or nil.
function Text:error()
  if self._answer then return nil end
  return self._error or rules.failure("NotReadyError", "the text has not ended")
end
-- End the text; the service stops, too, with the next update. Returns whether it was open.
function Text:cancel()
  local was_open = not self:ready()
  if was_open then self._error = rules.failure("CancelledError", "the text was cancelled") end
  if self._ticket then self._ticket:cancel() end
  return was_open
end

function Text:_add(piece)
  self._text, self._new = self._text .. piece, self._new .. piece
  if piece ~= "" then self._first = self._first or self._clock() - self._start end
end

function Text:_fail(failure)
  if self:ready() then return end
  local latency, default = self._clock() - self._start, self._default
  if rules.is_away(failure) and not self._has_format then default = self._lines[self._version] or default end
  if default == nil or failure.type == "ConfigError" or failure.type == "CancelledError" then
    self._error = failure
  elseif self._text ~= "" and not self._has_format then
    self._answer = {
      text = self._text, finish_reason = "broken_off", latency = latency, raw = {}, is_default = false,
      source = "service", reason = tostring(failure), first_latency = self._first,
    }
  else
    self._answer = stand_in(default, latency, failure)
    if self._text == "" then self:_add(self._answer.text) end
    self._text = self._answer.text
  end
end

function Text:_read(event)
  if self:ready() or event.name ~= "token" and event.name ~= "done" and event.name ~= "error" then return end
  local fields = json.decode(event.data)
  if not json.is_object(fields) then return strange("an event " .. event.name .. " that is no JSON object") end
  if event.name == "token" then
    if type(fields.text) ~= "string" then return strange("a token without a text") end
    self:_add(fields.text)
  elseif event.name == "done" then
    local answer = answer_of(fields, self._clock() - self._start)
    if rules.is_failure(answer) then return answer end
    local whole = answer.text
    if whole:sub(1, #self._text) == self._text then self:_add(whole:sub(#self._text + 1)) end
    self._text, self._answer, answer.first_latency = whole, answer, self._first
    if type(fields.canned) == "string" then self._lines[self._version] = fields.canned end
  else
    local status = type(fields.status) == "number" and fields.status >= 400 and fields.status or 500
    return rules.read({ status = status, body = event.data })
  end
end

-- Start a text: `send(body, call, on_event)` sends the request and returns its ticket.
-- `lines` are the canned lines of versions, as earlier answers have brought them.
return function(input, options, lines, clock, send)
  options = options or {}
  local text = setmetatable({
    _text = "", _new = "", _default = options.default, _clock = clock, _start = clock(),
    _lines = lines, _version = tostring(options.model) .. " " .. tostring(options.version),
    _has_format = options.schema ~= nil or options.grammar ~= nil,
  }, Text)
  local body, call = request(input, options)
  if rules.is_failure(body) then
    text._error = body
    return text
  end
  text._ticket = send(body, call, function(event)
    local failure = text:_read(event)
    if failure then
      text:_fail(failure)
      if text._ticket then text._ticket:cancel() end
    end
  end)
  if text:ready() and text._error then text._ticket:cancel() end -- a transport that answers at once
  text._ticket:on_ready(function(ticket)
    text:_fail(ticket:error() or rules.failure("TransportError", "the text ended without its last event"))
  end)
  return text
end
