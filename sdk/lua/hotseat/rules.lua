-- Rules without a clock or a network: errors, answers, retries, the circuit breaker.

local json = require("hotseat.json")
local rules = {}

-- Errors are tables: type, detail, status, code, retryable, request_id, pointer,
-- retry_after, is_foreign. The types are those of all SDKs (sdk/spec/errors.json).
local TRANSPORT = {
  TransportError = true, DeadlineError = true, CircuitOpenError = true, TokenError = true,
  NotReadyError = true, CancelledError = true,
}
local BY_STATUS = {
  [400] = "BadInputError", [401] = "AuthError", [403] = "AuthError", [404] = "NotFoundError",
  [405] = "BadInputError", [413] = "TooLargeError", [415] = "BadInputError", [422] = "BadInputError",
  [429] = "RateLimitedError",
}
local PASSING = { [429] = true, [502] = true, [503] = true, [504] = true }
local Error = {}
Error.__index = Error

function Error.__tostring(self)
  local status = self.status > 0 and " " .. self.status or ""
  local where = self.pointer and " at " .. self.pointer or ""
  return self.type .. status .. where .. ": " .. self.detail
end

function rules.failure(type, detail)
  return setmetatable({ type = type, detail = detail, status = 0, code = "", retryable = false, request_id = "" }, Error)
end

function rules.is_failure(value) return getmetatable(value) == Error end
function rules.is_transport(failure) return TRANSPORT[failure.type] == true end
-- Whether the service is away, rather than refusing the request.
function rules.is_away(failure)
  if rules.is_transport(failure) then return failure.type ~= "CancelledError" end
  return failure.status >= 500 or failure.status == 429 or failure.is_foreign == true
end

local function strange(what)
  return rules.failure("TransportError", "the answer " .. what .. ": is this a Hotseat service?")
end

-- A JSON value without null.
local function plain(value)
  if value == json.null then return nil end
  return value
end

local function request_id(headers)
  return headers["x-request-id"] or headers["apigw-requestid"] or headers["x-amzn-requestid"] or ""
end

-- The JSON object of a response {status, headers, body}, or an error.
function rules.read(response)
  local body, status, headers = json.decode(response.body), response.status, response.headers or {}
  if not json.is_object(body) then body = nil end
  if status >= 200 and status < 300 then
    if body then return body end
    local failure = strange("is no JSON object")
    failure.request_id = request_id(headers)
    return failure
  end
  local problem = body or {}
  local detail = plain(problem.detail) or plain(problem.message)
  if not detail and status >= 300 and status < 400 then
    detail = "it redirects to " .. tostring(headers.location) .. ": give that as base_url"
  end
  local failure = rules.failure(status >= 500 and "UnavailableError" or BY_STATUS[status] or "StatusError",
    tostring(detail or "the service gave no reason"))
  failure.status = status
  failure.code = tostring(plain(problem.code) or "")
  failure.retryable = PASSING[status] == true
  if type(problem.retryable) == "boolean" then failure.retryable = problem.retryable end
  failure.request_id = tostring(plain(problem.request_id) or request_id(headers))
  if type(problem.pointer) == "string" then failure.pointer = problem.pointer end
  failure.retry_after = tonumber((headers["retry-after"] or ""):match("^%d+$"))
  -- the service and its gateway explain themselves in JSON
  failure.is_foreign = body == nil and status < 500
  return failure
end

local TYPES = {
  label = "string", action = "string", model = "string", variant = "string", request_id = "string",
  probability = "number", seed = "number", version = "number", scores = "object", actions = "object",
  outputs = "object", item = "list", labels = "list", embedding = "list", parts = "list",
}
local ANSWERS = { "label", "labels", "value", "embedding", "action", "item", "outputs", "matches", "steps" }

-- The prediction of an answer, or an error.
function rules.prediction(answer, latency)
  local has_answer = false
  for _, name in ipairs(ANSWERS) do has_answer = has_answer or plain(answer[name]) ~= nil end
  for _, one in ipairs(json.is_list(answer.warnings) and answer.warnings or {}) do
    has_answer = has_answer or one.code == "not_finite" -- null, with a warning
  end
  if not has_answer then return strange("holds no prediction") end
  local found = { scores = {}, actions = {}, outputs = {}, parts = {}, raw = answer }
  for name, value in pairs(answer) do found[name] = plain(value) end
  for name, wanted in pairs(TYPES) do
    local value = plain(answer[name])
    local kind = type(value)
    if kind == "table" then kind = json.is_list(value) and "list" or "object" end
    if value ~= nil and kind ~= wanted then return strange("has a " .. name .. " of the wrong type") end
  end
  found.latency, found.cold = latency, answer.cold == true
  found.is_default, found.source = false, "service"
  return found
end

-- The `count` predictions of an answer, or an error.
function rules.predictions(answer, count, latency)
  local items = answer.predictions
  if not json.is_list(items) then return strange("has no list of predictions") end
  if #items ~= count then return strange(("holds %d predictions for %d inputs"):format(#items, count)) end
  local found = {}
  for at, item in ipairs(items) do
    if not json.is_object(item) then return strange("has no list of predictions") end
    local whole = {}
    for name, value in pairs(answer) do if name ~= "predictions" then whole[name] = value end end
    for name, value in pairs(item) do whole[name] = value end
    found[at] = rules.prediction(whole, latency)
    if rules.is_failure(found[at]) then return found[at] end
  end
  return found
end

function rules.models(answer)
  if not json.is_list(answer.models) then return strange("has no list of models") end
  for _, item in ipairs(answer.models) do
    local model = json.is_object(item) and rules.model(item) or strange("has no list of models")
    if rules.is_failure(model) then return model end
  end
  return answer.models
end

function rules.model(item)
  for _, name in ipairs({ "name", "kind", "version" }) do
    if plain(item[name]) == nil then return strange("does not describe a model") end
  end
  item.versions, item.aliases = plain(item.versions) or {}, plain(item.aliases) or {}
  return item
end

-- A prediction with a default: a text becomes label and action, a list of rows the item,
-- every default the value.
function rules.stand_in(default, latency, failure)
  local text = type(default) == "string" and default or nil
  return {
    label = text, action = text, item = type(default) == "table" and default or nil, value = default,
    scores = {}, actions = {}, outputs = {}, parts = {}, raw = {}, latency = latency, cold = false,
    is_default = true, source = "default", reason = tostring(failure),
  }
end

-- Whether the same request may succeed later.
function rules.may_retry(failure)
  if rules.is_transport(failure) then return failure.type == "TransportError" end
  return failure.retryable
end

-- Seconds to wait after try 1, 2, 3 ...: full jitter, at least what Retry-After says.
function rules.pause(try, drawn, failure)
  return math.max(failure.retry_after or 0, drawn * math.min(1, 0.05 * 2 ^ math.min(try - 1, 10)))
end

-- A retry budget and a circuit breaker (gRFC A6; Nygard, "Release It!").
local Breaker = {}
Breaker.__index = Breaker
local FAILURES, LONGEST = 5, 30

function rules.breaker(clock)
  return setmetatable({ clock = clock, tokens = 100, failures = 0, until_ = 0, pause = 1, opened_count = 0 }, Breaker)
end

-- Whether a call may be sent now; an open circuit admits one probe.
function Breaker:admit()
  if self.failures < FAILURES then return true end
  local waits = self.until_ - self.clock()
  -- a clock that jumped back must not keep the circuit open for days
  if self.probing or waits > 0 and waits <= LONGEST then return false end
  self.probing = true
  return true
end

function Breaker:may_retry()
  if self.tokens < 10 then return false end
  self.tokens = self.tokens - 10
  return true
end

function Breaker:succeeded()
  self.tokens, self.failures, self.pause, self.probing = math.min(self.tokens + 1, 100), 0, 1, false
end

-- `share` is how much it says about the service: a missed tiny deadline says little.
function Breaker:failed(share)
  if self.failures >= FAILURES and not self.probing then return end
  self.failures = self.failures + (share or 1)
  if self.failures < FAILURES then return end
  if self.probing then self.pause = math.min(2 * self.pause, LONGEST) end
  self.probing = false
  self.opened_count = self.opened_count + 1
  self.until_ = self.clock() + self.pause
end

function Breaker:gave_up() self.probing = false end

-- Record the error of a try.
function Breaker:record(failure, share)
  if failure.type == "TokenError" or failure.type == "CancelledError" then self:gave_up()
  elseif failure.type == "DeadlineError" or failure.code == "deadline_exceeded" then self:failed(share)
  elseif rules.is_transport(failure) or failure.status >= 500 or failure.is_foreign then self:failed()
  else self:succeeded() end
end

return rules
