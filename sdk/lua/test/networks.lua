-- Networks as they are: lua test/networks.lua JSON PORT, from sdk/lua; needs LuaSocket. JSON
-- has URLs by situation; the name dual.test has a dead address first, slow.test none.
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local socket = require("socket")
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

local function ask(url, times)
  local client = hotseat.client({ base_url = url, deadline = 10, transport = require("hotseat.luasocket") })
  local found = {}
  for at = 1, times do
    local ticket = client:predict("x")
    while not ticket:ready() do
      client:update()
      socket.sleep(0.005)
    end
    found[at] = ticket:error() and tostring(ticket:error()) or ticket:result().label
  end
  client:close()
  return table.concat(found, " ")
end

local urls = assert(hotseat.json.decode(arg[1]))
check("closed", ask(urls.closed, 3) == "1 2 3")
check("forgotten", ask(urls.forgotten, 2) == "1 2") -- a connection a request
check("interim", ask(urls.interim, 2) == "1 2")
local began = socket.gettime()
local label = ask("http://dual.test:" .. arg[2], 1)
check("a dead address is passed", label == "1", label)
check("in time", socket.gettime() - began < 5)
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
