-- Texts: lua test/say.lua FILE URL, from sdk/lua; needs LuaSocket. The vectors in FILE against
-- the stand-in (tests/say_server.py) at URL, however it cuts them; a text that is cancelled.
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local socket = require("socket")
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

local function client_of(url)
  return hotseat.client({ base_url = url, deadline = 20, transport = require("hotseat.luasocket") })
end

local function plain(value)
  if value == hotseat.null then return nil end
  return value
end

local function shown(value) return value == nil and "nil" or hotseat.json.encode(value) end

local file = assert(io.open(arg[1]))
local rows = assert(hotseat.json.decode(file:read("*a")))
file:close()
for _, mode in ipairs({ "whole", "bytes", "slow" }) do
  for at, row in ipairs(rows) do
    local name, client = row.name .. " (" .. mode .. ")", client_of(("%s/%s/%d"):format(arg[2], mode, at - 1))
    local options = { model = "npc" }
    for key, value in pairs(row.call) do options[key] = value end
    options.input = nil
    if row.first then
      local before = client:say("First.", options)
      while not before:ready() do
        client:update()
        socket.sleep(0.001)
      end
    end
    local text, pieces = client:say(row.call.input, options), {}
    while true do
      client:update()
      local is_over = text:ready()
      pieces[#pieces + 1] = text:take()
      if is_over then break end
      socket.sleep(0.001)
    end
    check(name .. ": shown", table.concat(pieces) == row.shown, table.concat(pieces))
    local answer = text:result() or {}
    if row.error then
      check(name, text:error() and text:error().type == row.error, text:error() or answer.text)
      check(name .. ": kept", text:text() == row.shown, text:text())
    else
      check(name .. ": no error", not text:error(), text:error())
      for key, wanted in pairs(row.answer) do
        local found = answer[key]
        if key == "reason" and found then found = found:match("^%a+") end
        check(name .. ": " .. key, shown(found) == shown(plain(wanted)), shown(found))
      end
    end
    client:close()
  end
end

local client = client_of(arg[2] .. "/endless")
local text = client:say("Sing.", { model = "npc", default = "Hm." })
while text:take() == "" do
  client:update()
  socket.sleep(0.001)
end
check("was open", text:cancel())
check("is not open", not text:cancel())
client:update() -- closes the connection
check("cancelled", text:error().type == "CancelledError")
check("what came stays", text:text():match("^la "))
check("no model", client:say("Hi", {}):error().type == "ConfigError")
check("a number", client:say(3, { model = "npc", default = "Hm." }):error().type == "ConfigError")
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
