extends Reference
# An input to the flat lists of a signature's inputs, with the service's errors and warnings.
#
# Inputs have gone through JSON: numbers are floats. Each function that reads sets `failure`
# at the first invalid value.

const Failure = preload("error.gd")
const Platform = preload("platform.gd")
const MOST = 20
const OPTIONS = ["temperature", "seed", "level", "strict"]

var failure = null
var warnings = [] # dictionaries with code, detail, pointer
var _signature
var _pointer
var _strict


func _init(signature, pointer, strict):
	_signature = signature
	_pointer = pointer
	_strict = strict


# The values by input, or an error.
func read(given):
	if given is Dictionary:
		_check_names(given)
	var found = {}
	for item in _signature.inputs:
		if failure == null:
			found[item.name] = _features(item, given) if item.form == "features" \
					else _tensor(item, given)
	return found if failure == null else failure


# Warn of options that no model has.
func check_options(options):
	for name in options:
		if not name in OPTIONS:
			warn("unknown_field", "unknown field %s is ignored; the fields are %s"
					% [quoted(name), listed(OPTIONS)], _inside("/options", name))


static func bad(detail, pointer):
	var error = Failure.new("BadInputError", detail)
	error.status = 422
	error.code = "invalid_input"
	error.pointer = pointer
	return error


static func expected(what, at, value):
	return bad("expected %s at %s, got %s" % [what, at, type_of(value)], at)


static func type_of(value):
	if value == null:
		return "null"
	if value is bool:
		return "true" if value else "false"
	if value is String:
		return "an empty string" if value == "" else "a string"
	if value is Array:
		return "an empty list" if value.size() == 0 else "a list of %d" % value.size()
	if value is Dictionary:
		return "an empty object" if value.size() == 0 else "an object"
	return "a number"


static func quoted(name):
	return "'%s'" % (name if name.length() <= 80 else name.substr(0, 80) + "...")


static func listed(names):
	var text = ""
	for at in range(min(names.size(), 5)):
		text += (", " if at > 0 else "") + quoted(names[at])
	return text if names.size() <= 5 else "%s and %d more" % [text, names.size() - 5]


static func is_number(value):
	return value is float or value is int


# A number in digits: 3, 0.5.
static func number(value):
	if value == floor(value) and abs(value) < 1e15:
		return "%d" % value
	return str(value)


func warn(code, detail, at):
	if _strict:
		_fail(bad("%s (options.strict)" % detail, at))
	elif warnings.size() < MOST:
		warnings.append({"code": code, "detail": detail, "pointer": at})


func _fail(error):
	if failure == null:
		failure = error


static func _inside(at, name):
	if name.length() > 80:
		return at
	return "%s/%s" % [at, name.replace("~", "~0").replace("/", "~1")]


func _check_names(given):
	var known = []
	var named = false
	for item in _signature.inputs:
		if item.form != "features":
			known.append(item.name)
			continue
		named = true
		for field in item.get("fields", []):
			known.append(field.name)
	for output in _signature.outputs:
		if output.name == "policy":
			known.append("legal")
	var unknown = []
	for name in given:
		if not name in known:
			unknown.append(name)
	unknown.sort()
	if named and unknown.size() == given.size():
		if unknown.size() == 0:
			warn("all_defaults", "no field is given: each has its default", _pointer)
		else:
			_fail(bad("none of the given fields is known: got %s; the fields are %s"
					% [listed(unknown), listed(known)], _inside(_pointer, unknown[0])))
	for name in unknown:
		warn("unknown_field", "unknown field %s is ignored; the fields are %s"
				% [quoted(name), listed(known)], _inside(_pointer, name))


func _non_finite():
	var allowed = _signature.get("non_finite")
	return allowed is bool and allowed


func _features(item, row):
	if not row is Dictionary:
		_fail(expected("an object", _pointer, row))
		return []
	var found = []
	for field in item.get("fields", []):
		var at = _inside(_pointer, field.name)
		var value = _feature(field, row.get(field.name), at)
		if failure == null:
			found.append(_element(value, item.datatype, at))
	return found


func _feature(field, value, at):
	var is_category = field.get("type") == "category"
	if value == null:
		value = field.get("default")
		if value == null and (is_category or not _non_finite()):
			_fail(bad("expected a %s at %s, got nothing"
					% ["string" if is_category else "number", at], at))
		return float(value) if value is bool else value
	if is_category:
		return _category(field, value, at)
	if value is bool:
		value = 1.0 if value else 0.0
	if not is_number(value):
		_fail(expected("a number", at, value))
		return value
	_check_bounds(field, value, at)
	var observed = field.get("observed")
	if observed != null and not _within(value, observed[0], observed[1]):
		warn("out_of_range", "%s at %s is outside what training saw: %s"
				% [number(value), at, _span(observed[0], observed[1])], at)
	return value


func _category(field, value, at):
	var categories = field.get("categories")
	var known = field.get("known")
	if is_number(value) and value == floor(value) and _has_numbers(categories, known):
		value = number(value) # a code stored as a number in a table
	if not value is String:
		_fail(expected("a string", at, value))
	elif categories != null and not value in categories:
		_fail(bad("expected one of %s at %s, got %s" % [listed(categories), at, quoted(value)], at))
	elif known != null and not value in known and value != str(field.get("default")):
		warn("unknown_category", "training did not know the category %s at %s, which counts as unknown"
				% [quoted(value), at], at)
	return value


static func _has_numbers(categories, known):
	for words in [categories, known]:
		if words != null:
			for word in words:
				if _is_code(word):
					return true
	return false


static func _is_code(word):
	var digits = word.substr(1, word.length() - 1) if word.begins_with("-") else word
	for at in range(digits.length()):
		if "0123456789".find(digits[at]) < 0:
			return false
	return digits != ""


func _tensor(item, given):
	var at = _pointer
	if given is Dictionary:
		at = _inside(_pointer, item.name)
		if not given.has(item.name) and item.get("default") == null:
			var names = given.keys()
			names.sort()
			var got = listed(names) if names.size() > 0 else "no field"
			_fail(bad("expected %s at %s, got %s" % [quoted(item.name), _pointer, got], at))
			return []
		given = given.get(item.name)
	elif _signature.inputs.size() > 1:
		_fail(expected("an object", _pointer, given))
		return []
	var shape = []
	for n in range(1, item.shape.size()):
		shape.append(int(item.shape[n]))
	var found = []
	if given == null and item.get("default") != null:
		var count = 1
		for length in shape:
			count *= length
		for _at in range(count):
			found.append(item.default)
	else:
		_flatten(item, given, shape, 0, at, found)
	return found


func _flatten(item, value, shape, depth, at, found):
	if failure != null:
		return
	if depth < shape.size():
		if not value is Array or value.size() != shape[depth]:
			_fail(expected("a list of %d" % shape[depth], at, value))
			return
		for n in range(value.size()):
			_flatten(item, value[n], shape, depth + 1, "%s/%d" % [at, n], found)
		return
	found.append(_element(value, item.datatype, at))
	if failure == null and is_number(value):
		_check_bounds(item, value, at)


# A value as its datatype holds it; null is NaN.
func _element(value, datatype, at):
	if datatype == "BYTES":
		if not value is String:
			_fail(expected("a string", at, value))
		return value
	if datatype == "BOOL":
		return _bit(value, at)
	var is_float = datatype.begins_with("FP")
	if value == null and is_float and _non_finite():
		return NAN
	if not is_number(value):
		_fail(expected("a number" if is_float else "a whole number", at, value))
		return 0.0
	if not is_float:
		_check_whole(value, datatype, at)
		return value
	var held = Platform.singles([value])[0] if datatype == "FP32" else value
	if is_inf(held) and not _non_finite():
		_fail(bad("%s at %s does not fit %s" % [number(value), at, datatype], at))
	return held


func _bit(value, at):
	if value is bool:
		return 1.0 if value else 0.0
	if not is_number(value) or not (value == 0.0 or value == 1.0):
		_fail(expected("true or false", at, value))
	return value


func _check_whole(value, datatype, at):
	if value != floor(value):
		_fail(bad("expected a whole number at %s, got %s" % [at, number(value)], at))
		return
	var bits = int(datatype.replace("U", "").replace("INT", ""))
	var is_signed = datatype.begins_with("INT")
	var high = pow(2.0, bits - 1 if is_signed else bits) - 1.0
	var low = -high - 1.0 if is_signed else 0.0
	if value < low or value > high:
		_fail(bad("%s at %s does not fit %s (%s to %s)"
				% [number(value), at, datatype, number(low), number(high)], at))


func _check_bounds(item, value, at):
	var low = item.get("minimum")
	var high = item.get("maximum")
	if not _within(value, low, high):
		_fail(bad("expected a number %s at %s, got %s" % [_span(low, high), at, number(value)], at))


static func _within(value, low, high):
	return not (low != null and value < low or high != null and value > high)


static func _span(low, high):
	if low == null:
		return "of at most %s" % number(high)
	return "of at least %s" % number(low) if high == null \
			else "from %s to %s" % [number(low), number(high)]
