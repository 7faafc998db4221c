extends Reference
# Reads and writes JSON. Godot's own writer rounds to six decimals, accepts NaN and
# does not escape control characters; its reader has no limit of depth.

const Platform = preload("platform.gd")
const DEEPEST = 64
const SHORT = 16384 # bytes: shorter texts cannot nest deep enough to overflow the reader
const WHOLE = 9007199254740992.0 # 2^53: the largest exact range of a float


# A value already written as JSON.
class Written extends Reference:
	var text

	func _init(given):
		text = given


# The JSON text of a value, or null if it has none: NaN, an object, too deep nesting.
static func write(value, depth = 0):
	if depth > DEEPEST:
		return null
	if value == null:
		return "null"
	if value is bool:
		return "true" if value else "false"
	if value is int:
		return str(value)
	if value is float:
		return _number(value)
	if value is String:
		return _quoted(value)
	if value is Dictionary:
		return _object(value, depth)
	if Platform.is_list(value):
		return _list(value, depth)
	return value.text if value is Written else null


# The value of a text in UTF-8, or null if it is not JSON.
static func read(bytes):
	if bytes.size() > SHORT and _is_deep(bytes):
		return null
	return Platform.read_json(Platform.text_of(bytes))


static func _object(value, depth):
	var pairs = []
	for key in value:
		var written = write(value[key], depth + 1)
		if written == null:
			return null
		pairs.append("%s:%s" % [_quoted(str(key)), written])
	return "{%s}" % Platform.joined(pairs)


static func _list(value, depth):
	var items = []
	for item in value:
		var written = write(item, depth + 1)
		if written == null:
			return null
		items.append(written)
	return "[%s]" % Platform.joined(items)


static func _number(value):
	if is_nan(value) or is_inf(value):
		return null
	if value == floor(value) and abs(value) < WHOLE:
		return "%d" % value
	if abs(value) >= 1.0 and abs(value) < WHOLE:
		return ("%.16f" % value).rstrip("0")
	var exponent = floor(log(abs(value)) / log(10.0))
	# in two steps: 10^-308 has no inverse
	var half = floor(exponent / 2)
	var digits = value / pow(10.0, half) / pow(10.0, exponent - half)
	return "%.16fe%d" % [digits, exponent]


static func _quoted(value):
	var text = value.replace("\\", "\\\\").replace("\"", "\\\"")
	for code in range(1, 32):
		var control = char(code)
		if text.find(control) >= 0:
			text = text.replace(control, "\\u%04x" % code)
	return "\"%s\"" % text


static func _is_deep(bytes):
	var depth = 0
	for byte in bytes:
		if byte == 91 or byte == 123: # [ {
			depth += 1
			if depth > 512:
				return true
		elif byte == 93 or byte == 125: # ] }
			depth -= 1
	return false
