-- Replays the vectors: lua test/vectors.lua FILE..., from sdk/lua.
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local json = hotseat.json
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

local function same(found, wanted)
  if wanted == json.null then return found == nil or found == json.null end
  if type(wanted) ~= "table" or type(found) ~= "table" then return found == wanted end
  for key, value in pairs(wanted) do if not same(found[key], value) then return false end end
  for key in pairs(found) do if wanted[key] == nil then return false end end
  return true
end

-- The fields that a vector names.
local function matches(found, wanted)
  if json.is_list(wanted) then
    for at, one in ipairs(wanted) do if not matches(found[at], one) then return false end end
    return #found == #wanted
  end
  if type(wanted) ~= "table" then return same(type(found) == "table" and found.value or found, wanted) end
  for name, value in pairs(wanted) do
    local own = found[name == "class" and "type" or name]
    if not same(own, value) then return false, name end
  end
  return true
end

local function call_of(client, call)
  local options = {}
  for name, value in pairs(call) do options[name] = value end
  if call.version then options.version = type(call.version) == "number" and ("%d"):format(call.version) or call.version end
  local method = call.method
  if method == "models" then return client:models() end
  if method == "card" then return client:card(call.model) end
  if method == "ready" then return client:service_ready() end
  local input = call.input
  if method == "predict_many" then input = call.inputs elseif method == "choose" then input = call.board
  elseif method == "generate" then input = call.wishes end
  return client[method](client, input, options)
end

local function replay(vector)
  local now, waits, requests, answer_at, draw_at = 100, {}, {}, 0, 0
  local client = hotseat.client({
    clock = function() return now end,
    random = function()
      draw_at = draw_at + 1
      return (vector.random or {})[draw_at] or 0.5
    end,
    transport = { send = function(_, request)
      requests[#requests + 1] = request
      answer_at = answer_at + 1
      local answer = vector.server[answer_at]
      now = now + (answer.takes or 0)
      return { cancel = function() end, poll = function()
        if answer.fault then return hotseat.failure(answer.fault == "late" and "DeadlineError" or "TransportError", answer.fault) end
        return { status = answer.status, headers = answer.headers or {}, body = answer.text or json.encode(answer.body) }
      end }
    end },
  })
  local ticket = call_of(client, vector.call)
  while not ticket:ready() do
    local at = client:wakes_at()
    waits[#waits + 1] = at - now
    now = at
    client:update()
  end
  local expect, failure = vector.expect, ticket:error()
  if expect.raises then
    local good, field = matches(failure or {}, expect.raises)
    check(vector.name, failure and good, field or failure)
  else
    local good, field = matches(ticket:result() or {}, expect.returns)
    check(vector.name, not failure and good, failure or field)
  end
  if expect.waits then
    local good = #waits == #expect.waits
    for at, wait in ipairs(expect.waits) do good = good and math.abs(waits[at] - wait) < 1e-9 end
    check(vector.name .. " (waits)", good, table.concat(waits, " "))
  end
  for at, wanted in ipairs(expect.requests or {}) do
    local sent = requests[at] or { headers = {} }
    if wanted.path then
      check(vector.name .. " (path)", sent.url == "http://localhost:8080" .. wanted.path, sent.url)
      check(vector.name .. " (body)", same(sent.body and json.decode(sent.body), wanted.body), sent.body)
    end
    for name, value in pairs(wanted.headers or {}) do check(vector.name .. " " .. name, sent.headers[name] == value, sent.headers[name]) end
  end
  check(vector.name .. " (requests)", not expect.requests or #expect.requests == #requests)
  check(vector.name .. " (all answers)", answer_at == #vector.server)
end

local function rules()
  local answers = { bad = 500, good = 200 }
  local client = hotseat.client({ transport = { send = function(_, request)
    local name = request.url:match("models/(%w+)/")
    return { cancel = function() end, poll = function()
      if name == "hang" then return nil end
      if name == "slow" then return hotseat.failure("DeadlineError", "late") end
      return { status = answers[name], headers = {}, body = '{"label": "ok"}' }
    end }
  end } })
  for _ = 1, 6 do client:predict("x", { model = "bad", default = "d" }) end
  check("one circuit opened", client:circuit_opened_count() == 1)
  check("a broken model silences no other", client:predict("x", { model = "good" }):result().label == "ok")
  for _ = 1, 20 do client:predict("x", { model = "slow", deadline = 0.1, default = "d" }) end
  check("a tiny deadline does not open the circuit", client:circuit_opened_count() == 1)
  local half = client:predict("\240\159", { model = "good", default = "d" })
  check("half a character becomes the default", half:result().is_default)
  local nan = client:predict({ x = 0 / 0 }, { model = "good", default = 1 })
  check("NaN is named", nan:error().type == "ConfigError" and nan:error().detail:find("/x", 1, true))
  local lines, asked = {}, 0
  local watched = hotseat.client({
    api_key = "s3cret", deadline = 60, random = function() return 0 end, log = function(line) lines[#lines + 1] = line error("mine") end,
    transport = { send = function()
      asked = asked + 1
      return { cancel = function() end, poll = function() return { status = asked > 3 and 200 or 503, headers = {}, body = '{"label": "ok"}' } end }
    end },
  })
  local twice = watched:predict("typed", { retries = 2, default = "d" })
  for _ = 1, 5 do watched:update() end
  check("retries are limited", twice:ready() and twice:result().is_default and asked == 3, asked)
  watched:predict("typed")
  check("a line for a try", #lines == 4 and lines[4] == "hotseat POST /model-service: try 1: 200", lines[4])
  for _, line in ipairs(lines) do check("no secrets", not line:find("s3cret") and not line:find("typed")) end
  local tokens = 0
  local renewed = hotseat.client({
    api_key = function() tokens = tokens + 1 return tostring(tokens) end,
    transport = { send = function(_, request)
      local good = request.headers.authorization == "Bearer 2"
      return { cancel = function() end, poll = function()
        return good and { status = 200, headers = {}, body = '{"label": "ok"}' } or { status = 401, headers = {}, body = "{}" }
      end }
    end },
  })
  local first = renewed:predict("x")
  check("an expired token is replaced at once", first:ready() and first:result() and first:result().label == "ok")
  check("once", renewed:predict("x"):error().type == "AuthError" and tokens == 4, tokens)
  local open, heard = client:predict("x", { model = "hang" }), 0
  open:on_ready(function() heard = heard + 1 end)
  check("not ready", not open:ready() and open:result("d").is_default)
  client:close()
  check("closed", open:error().type == "CancelledError")
  open:on_ready(function() heard = heard + 1 end)
  check("a late listener is called", heard == 2)
  for _, text in ipairs({ "[1,]", "01", '"\\ud83d"', "nul", '{"a":1 "b":2}', "1e999", '"\1"', "" }) do
    check("not JSON: " .. text, json.decode(text) == nil)
  end
  local deep = ("["):rep(100000)
  check("deep JSON", json.decode(deep) == nil)
  check("JSON", json.encode(json.decode('[1,-2.5,"\\ud83d\\ude00",[],null]')) == '[1,-2.5,"\240\159\152\128",[],null]')
end

for _, path in ipairs(arg) do
  local file = assert(io.open(path))
  for _, vector in ipairs(assert(json.decode(file:read("*a")))) do replay(vector) end
  file:close()
end
rules()
print(("%s: %d passed, %d failed"):format(_VERSION, passed, failed))
os.exit(failed == 0 and 0 or 1)
