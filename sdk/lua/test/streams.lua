-- Server-sent events: lua test/streams.lua FILE JSON, from sdk/lua; needs LuaSocket. The parser
-- by the vectors in FILE, and streams that go on, break and are cancelled (JSON: URLs).
package.path = "./?.lua;./?/init.lua;" .. package.path
local hotseat = require("hotseat")
local event_reader = require("hotseat.events")
local socket = require("socket")
local passed, failed = 0, 0

local function check(name, holds, more)
  if holds then passed = passed + 1 return end
  failed = failed + 1
  print("FAILED " .. name .. ": " .. tostring(more or ""))
end

local file = assert(io.open(arg[1]))
for _, row in ipairs(assert(hotseat.json.decode(file:read("*a")))) do
  local reader, found = event_reader(), {}
  for _, piece in ipairs(row.pieces) do
    local bytes = piece:gsub("[\194\195][\128-\191]", function(two) -- each character is a byte
      return string.char((two:byte(1) % 4) * 64 + two:byte(2) % 64)
    end)
    for _, event in ipairs(reader:read(bytes)) do found[#found + 1] = event.name .. "|" .. event.data end
  end
  local wanted = {}
  for at, event in ipairs(row.events) do wanted[at] = event.name .. "|" .. event.data end
  check(row.name, table.concat(found, ";") == table.concat(wanted, ";"), table.concat(found, ";"))
end
file:close()

local urls = assert(hotseat.json.decode(arg[2]))
local function streamed(url, is_left)
  local client = hotseat.client({ base_url = url, deadline = 20, transport = require("hotseat.luasocket") })
  local stream, found, before_the_end = client:stream("generate", { prompt = "say" }, { model = "npc" }), {}, 0
  while true do
    client:update()
    local is_over, event = stream:ready(), stream:next()
    if event then
      found[#found + 1] = event.name .. ": " .. event.data
      if not is_over then before_the_end = before_the_end + 1 end
      if is_left then check("was open", stream:cancel()) end
    elseif is_over then
      break
    else
      socket.sleep(0.005)
    end
  end
  client:update() -- tells the service
  found[#found + 1] = stream:error() and stream:error().type or "end"
  return table.concat(found, "; "), before_the_end
end

local function same(found, wanted) check(wanted, found == wanted, found) end
local slow, before_the_end = streamed(urls.slow)
same(slow, "token: gg; message: wp; end")
check("an event came before the end", before_the_end > 0)
same((streamed(urls.broken)), "message: gg; TransportError")
same((streamed(urls.refused)), "BadInputError")
same((streamed(urls.endless, true)), "message: gg; CancelledError")
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
