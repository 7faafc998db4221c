-- Servers that misbehave: lua test/faults.lua JSON, from sdk/lua; needs LuaSocket.
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local socket = require("socket")
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

for _, row in ipairs(assert(hotseat.json.decode(arg[1]))) do
  local client = hotseat.client({ base_url = row.url, deadline = 0.4, clock = socket.gettime, transport = require("hotseat.luasocket") })
  local began, frames = socket.gettime(), {}
  local ticket, other = client:predict("x"), client:predict("x", { default = "ok" })
  while not (ticket:ready() and other:ready()) do
    local before = socket.gettime()
    client:update()
    frames[#frames + 1] = socket.gettime() - before
    socket.sleep(0.005)
  end
  local failure = ticket:error()
  if row.error == "" then
    check(row.name, failure == nil and ticket:result().source == "service", failure)
  else
    local is_away = failure and row.error == "TransportError" and failure.status == 0
    check(row.name, failure and (failure.type == row.error or is_away), failure)
    check(row.name .. " (default)", other:result().is_default)
  end
  check(row.name .. " (in time)", socket.gettime() - began < 3.4, socket.gettime() - began)
  table.sort(frames) -- of a busy machine, the slowest say little
  local usual = frames[math.ceil(#frames / 2)]
  check(row.name .. " (no frame waits)", usual < 0.05, usual)
  client:close()
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
