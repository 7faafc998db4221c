-- Server-sent events, however their bytes are cut (WHATWG HTML, "Parsing an event stream").
-- Keeps no ids: a broken stream is not resumed.

local Reader = {}
Reader.__index = Reader

local function take(self, line, found)
  if self.is_first then line = line:gsub("^\239\187\191", "") end
  self.is_first = false
  if line == "" then
    if #self.data > 0 then
      found[#found + 1] = { name = self.name ~= "" and self.name or "message", data = table.concat(self.data, "\n") }
    end
    self.data, self.name = {}, ""
    return
  end
  local field, value = line:match("^([^:]*):? ?(.*)$")
  if field == "data" then self.data[#self.data + 1] = value
  elseif field == "event" then self.name = value end
end

-- The events {name, data} that end in a piece.
function Reader:read(piece)
  local found, at = {}, 1
  while at <= #piece do
    local stop = piece:find("[\r\n]", at)
    if stop ~= at then
      self.line = self.line .. piece:sub(at, (stop or #piece + 1) - 1)
      self.after_return = false
    end
    if not stop then break end
    local is_return = piece:byte(stop) == 13
    if is_return or not self.after_return then
      local line = self.line
      self.line = ""
      take(self, line, found)
    end
    self.after_return = is_return
    at = stop + 1
  end
  return found
end

return function()
  return setmetatable({ line = "", data = {}, name = "", is_first = true, after_return = false }, Reader)
end
