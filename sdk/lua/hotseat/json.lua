-- JSON for Lua 5.1 to 5.4: a strict reader and a writer.
--
-- Lua has one type for lists and objects: a table with the keys 1..n is a list, `json.list{}`
-- an empty list, any other table an object. `json.null` is null.

local json = {}

json.null = setmetatable({}, { __tostring = function() return "null" end })
local lists = setmetatable({}, { __mode = "k" })
local DEEPEST = 128

-- Mark a table as a list, also if it is empty.
function json.list(items)
  lists[items] = true
  return items
end

local function is_list(value)
  if lists[value] then return true end
  local count = 0
  for key in pairs(value) do
    if type(key) ~= "number" then return false end
    count = count + 1
  end
  return count > 0 and count == #value
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

-- Whether a text is UTF-8; a text cut inside a character is not.
local function is_utf8(text)
  local at, size = 1, #text
  while at <= size do
    local first = text:byte(at)
    local more = first < 0x80 and 0 or first >= 0xC2 and first < 0xE0 and 1
      or first >= 0xE0 and first < 0xF0 and 2 or first >= 0xF0 and first < 0xF5 and 3
    if not more then return false end
    for next = 1, more do
      local byte = text:byte(at + next)
      if not byte or byte < 0x80 or byte > 0xBF then return false end
      if next == 1 and (first == 0xE0 and byte < 0xA0 or first == 0xED and byte > 0x9F
        or first == 0xF0 and byte < 0x90 or first == 0xF4 and byte > 0x8F) then return false end
    end
    at = at + more + 1
  end
  return true
end

local function quoted(text)
  if not is_utf8(text) then error({ json = "text" }, 0) end
  return '"' .. text:gsub('[%c"\\]', function(letter)
    return ESCAPES[letter] or ("\\u%04x"):format(letter:byte())
  end) .. '"'
end

local function number(value, place)
  if value ~= value or value == math.huge or value == -math.huge then
    error({ json = "the number " .. tostring(value) .. " at " .. place }, 0)
  end
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  return (("%.17g"):format(value):gsub(",", "."))
end

local function write(value, place, depth)
  if depth > DEEPEST then error({ json = "a value nested too deep, or in itself" }, 0) end
  local kind = type(value)
  if value == json.null or value == nil then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then return number(value, place == "" and "/" or place) end
  if kind == "string" then return quoted(value) end
  if kind ~= "table" then error({ json = "a " .. kind .. " at " .. (place == "" and "/" or place) }, 0) end
  local parts = {}
  if is_list(value) then
    for at = 1, #value do parts[at] = write(value[at], place .. "/" .. (at - 1), depth + 1) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for name, inner in pairs(value) do
    if type(name) ~= "string" then error({ json = "a key that is no text at " .. (place == "" and "/" or place) }, 0) end
    parts[#parts + 1] = quoted(name) .. ":" .. write(inner, place .. "/" .. name, depth + 1)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The JSON text of a value; nil and why if it has none ("text": it is not UTF-8).
function json.encode(value)
  local good, text = pcall(write, value, "", 0)
  if good then return text end
  return nil, type(text) == "table" and text.json or tostring(text)
end

local read

local function wrong(at) error({ json = "not JSON at byte " .. at }, 0) end

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  local bytes, first = {}, code < 0x800 and 0xC0 or code < 0x10000 and 0xE0 or 0xF0
  local more = code < 0x800 and 1 or code < 0x10000 and 2 or 3
  for at = more, 1, -1 do
    bytes[at] = string.char(0x80 + code % 0x40)
    code = math.floor(code / 0x40)
  end
  return string.char(first + code) .. table.concat(bytes)
end

local PLAIN = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function read_text(text, at)
  local parts = {}
  at = at + 1
  while true do
    local stop = text:find('[%c"\\]', at)
    if not stop then wrong(at) end
    parts[#parts + 1] = text:sub(at, stop - 1)
    local letter = text:sub(stop, stop)
    if letter == '"' then return table.concat(parts), stop + 1 end
    if letter == "\127" then
      parts[#parts + 1], at = letter, stop + 1
    elseif letter ~= "\\" then
      wrong(stop)
    else
      local kind = text:sub(stop + 1, stop + 1)
      if PLAIN[kind] then
        parts[#parts + 1], at = PLAIN[kind], stop + 2
      else
        local hex = kind == "u" and text:match("^%x%x%x%x", stop + 2) or wrong(stop)
        local code = tonumber(hex, 16)
        at = stop + 6
        if code >= 0xD800 and code < 0xDC00 then
          local low = text:match("^\\u(%x%x%x%x)", at)
          low = low and tonumber(low, 16)
          if not low or low < 0xDC00 or low > 0xDFFF then wrong(at) end
          code, at = 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00, at + 6
        end
        parts[#parts + 1] = utf8_of(code)
      end
    end
  end
end

local function read_number(text, at)
  local whole = text:match("^-?%d+", at) or wrong(at)
  if whole:match("^-?0%d") then wrong(at) end
  local stop = at + #whole
  local fraction = text:match("^%.%d+", stop) or ""
  if fraction == "" and text:sub(stop, stop) == "." then wrong(stop) end
  stop = stop + #fraction
  local exponent = text:match("^[eE][+-]?%d+", stop) or ""
  if exponent == "" and text:match("^[eE]", stop) then wrong(stop) end
  stop = stop + #exponent
  local found = tonumber(text:sub(at, stop - 1))
  if not found or found == math.huge or found == -math.huge then wrong(at) end
  return found, stop
end

local function read_list(text, at, depth)
  local items, count = json.list({}), 0
  at = skip(text, at + 1)
  if text:sub(at, at) == "]" then return items, at + 1 end
  while true do
    count = count + 1
    items[count], at = read(text, at, depth + 1)
    at = skip(text, at)
    local letter = text:sub(at, at)
    if letter == "]" then return items, at + 1 end
    if letter ~= "," then wrong(at) end
    at = at + 1
  end
end

local function read_object(text, at, depth)
  local members = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == "}" then return members, at + 1 end
  while true do
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then wrong(at) end
    local name
    name, at = read_text(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ":" then wrong(at) end
    members[name], at = read(text, at + 1, depth + 1)
    at = skip(text, at)
    local letter = text:sub(at, at)
    if letter == "}" then return members, at + 1 end
    if letter ~= "," then wrong(at) end
    at = at + 1
  end
end

local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", json.null } }

read = function(text, at, depth)
  if depth > DEEPEST then wrong(at) end
  at = skip(text, at)
  local letter = text:sub(at, at)
  if letter == "{" then return read_object(text, at, depth) end
  if letter == "[" then return read_list(text, at, depth) end
  if letter == '"' then return read_text(text, at) end
  local word = WORDS[letter]
  if word then
    if text:sub(at, at + #word[1] - 1) ~= word[1] then wrong(at) end
    return word[2], at + #word[1]
  end
  return read_number(text, at)
end

-- The value of a text; nil and why if it is not JSON.
function json.decode(text)
  local good, value, at = pcall(read, text, 1, 0)
  if not good then return nil, type(value) == "table" and value.json or tostring(value) end
  if skip(text, at) <= #text then return nil, "text after the JSON value" end
  return value
end

-- Whether a decoded value is an object.
function json.is_object(value)
  return type(value) == "table" and value ~= json.null and not lists[value]
end

function json.is_list(value) return lists[value] == true end

return json
