extends Reference
# A version in the game's own files, which answers when the service is away: a file of
# `hotseat model export NAME@N --to portable`. Linear models, trees, small dense networks.

const Failure = preload("error.gd")
const Inputs = preload("offline_inputs.gd")
const Json = preload("json.gd")
const Platform = preload("platform.gd")
const Steps = preload("offline_steps.gd")
const FORMAT = 1
const NEEDED = {"model": "", "version": 1.0, "variant": "", "kind": "", "signature": {},
		"nodes": [], "constants": {}, "outputs": {}, "check": {}} # an example of each type

var model
var version
var variant
var kind
var _signature
var _steps


# Read a file's text; return an error or null. It checks the SHA-256 if one is given, and
# the version's golden rows.
func open(text, sha256 = ""):
	if sha256 != "" and text.sha256_text() != sha256.to_lower():
		return _wrong("the offline model's content does not match its SHA-256: export it again")
	var file = Json.read(Platform.bytes_of(text))
	if not file is Dictionary or not file.get("format") is float:
		return _wrong("the offline model is no file of hotseat model export --to portable")
	if file.format > FORMAT:
		return _wrong("the offline model has a newer format: update the addon")
	for name in NEEDED:
		if typeof(file.get(name)) != typeof(NEEDED[name]):
			return _wrong("the offline model has no valid \"%s\": export it again" % name)
	var strange = Steps.unknown(file)
	if strange != "":
		return _wrong("the file has the step '%s', which this addon does not know: update it"
				% strange)
	model = file.model
	version = int(file.version)
	variant = file.variant
	kind = file.kind
	_signature = file.signature
	_steps = Steps.new(file)
	return _check(file.check)


# An answer as the service's JSON, or an error; null if only the service has one.
func answer(given, pointer, options, world):
	var strict = options.get("strict")
	var inputs = Inputs.new(_signature, pointer, strict is bool and strict)
	inputs.check_options(options)
	var heat = 0.0
	if kind == "policy":
		heat = _temperature(options)
		if heat is Failure:
			return heat
		if heat > 0.0 and options.get("seed") != null:
			return null # the service repeats its own draws
	var values = inputs.read(given)
	if values is Failure:
		return values
	var outputs = _steps.run(values)
	if outputs == null or not _is_finite(outputs):
		return null # the graph fails too, or answers what is no number
	var found = _policy(outputs, given, pointer, heat, world) if kind == "policy" \
			else _plain(outputs)
	if found is Failure:
		return found
	if inputs.warnings.size() > 0:
		found["warnings"] = inputs.warnings
	found["model"] = model
	found["version"] = version
	found["variant"] = variant
	return found


static func _is_finite(outputs):
	for role in outputs:
		for number in outputs[role]:
			if is_nan(number) or is_inf(number):
				return false
	return true


func _plain(outputs):
	if kind == "regression":
		return {"value": outputs.value[0] if outputs.value.size() == 1 else outputs.value}
	var labels = _signature.labels
	var scores = {}
	for at in range(labels.size()):
		scores[labels[at]] = outputs.scores[at]
	if kind == "multilabel":
		var least = _signature.get("threshold")
		var chosen = []
		for label in labels:
			if scores[label] >= (0.5 if least == null else least):
				chosen.append(label)
		return {"labels": chosen, "scores": scores}
	var best = Steps.best(outputs.scores)
	var second = _signature.get("label_threshold")
	if second != null and labels.size() == 2:
		best = 1 if outputs.scores[1] >= second else 0
	return {"label": labels[best], "probability": outputs.scores[best], "scores": scores}


func _policy(outputs, given, pointer, heat, world):
	var chances = outputs.policy
	var names = _signature.labels.duplicate()
	if names.size() == 0:
		for at in range(chances.size()):
			names.append(str(at))
	var allowed = given.get("legal") if given is Dictionary else null
	var mask = null
	if allowed != null:
		mask = _listed(allowed, names, pointer + "/legal")
		if mask is Failure:
			return mask
	var legal = []
	var total = 0.0
	var count = 0
	for at in range(chances.size()):
		var chance = chances[at]
		if outputs.has("legal") and not outputs.legal[at] > 0.0:
			chance = 0.0
		var may = chance > 0.0 if mask == null else mask.has(at)
		legal.append(chance if may else 0.0)
		total += legal[at]
		count += 1 if may else 0
	if count == 0:
		return Inputs.bad("no action is legal here", pointer)
	var actions = {}
	for at in range(legal.size()):
		if total > 0.0:
			legal[at] /= total
		else:
			legal[at] = 1.0 / count if mask != null and mask.has(at) else 0.0
		if legal[at] != 0.0:
			actions[names[at]] = legal[at]
	var place = Steps.best(legal) if not heat > 0.0 else _drawn(legal, heat, world.draw())
	var found = {"action": names[place], "probability": legal[place], "actions": actions}
	if outputs.has("value"):
		found["value"] = outputs.value[0]
	return found


static func _listed(given, names, at):
	if not given is Array:
		return Inputs.expected("a list of actions", at, given)
	var mask = {}
	for n in range(given.size()):
		var name = Inputs.number(given[n]) if Inputs.is_number(given[n]) else given[n]
		var place = names.find(name) if name is String else -1
		if place < 0:
			var got = Inputs.quoted(name) if name is String else Inputs.type_of(name)
			return Inputs.bad("expected one of the actions at %s/%d, got %s" % [at, n, got],
					"%s/%d" % [at, n])
		mask[place] = true
	return mask


static func _drawn(legal, heat, draw):
	var most = legal[Steps.best(legal)]
	var weights = []
	var total = 0.0
	for chance in legal:
		weights.append(exp((log(chance) - log(most)) / heat) if chance > 0.0 else 0.0)
		total += weights[-1]
	var left = draw * total
	for at in range(weights.size()):
		if weights[at] > 0.0 and left < weights[at]:
			return at
		left -= weights[at]
	return Steps.best(legal)


func _temperature(options):
	var heat = options.get("temperature")
	var level = options.get("level")
	if level != null:
		var levels = _signature.get("levels")
		levels = {} if levels == null else levels
		if not level is String:
			return Inputs.expected("a string", "/options/level", level)
		if not levels.has(level):
			var known = "the model has none" if levels.size() == 0 \
					else "the levels are %s" % Inputs.listed(levels.keys())
			return Inputs.bad("no level %s; %s" % [Inputs.quoted(level), known], "/options/level")
		heat = levels[level].get("temperature") if heat == null else heat
	if heat == null:
		return 0.0
	if Inputs.is_number(heat) and heat >= 0.0 and heat <= 100.0:
		return heat
	var got = Inputs.number(heat) if Inputs.is_number(heat) else Inputs.type_of(heat)
	return Inputs.bad("expected a number from 0 to 100 at /options/temperature, got %s" % got,
			"/options/temperature")


# The golden rows of the version: the same answers here, or an error.
func _check(check):
	for row in check.rows:
		var options = row.get("options")
		var got = answer(row.input, "/input", {} if options == null else options, Platform.new())
		if got is Failure:
			return _wrong("%s@%d refuses a golden row: %s" % [model, version, got.detail])
		var off = 0.0 if got == null else _apart(got, row.expected)
		if not off <= check.tolerance:
			return _wrong("%s@%d: the answer to a golden row is off by %s (at most %s)"
					% [model, version, off, check.tolerance])
	return null


static func _apart(got, want):
	if want is Dictionary or want is Array:
		var off = 0.0
		var keys = want if want is Dictionary else range(want.size())
		for key in keys:
			var own = got.get(key) if got is Dictionary else (
					got[key] if got is Array and key < got.size() else null)
			off = max(off, _apart(own, want[key]))
		return off
	if Inputs.is_number(want):
		return abs(got - want) if Inputs.is_number(got) else INF
	return 0.0 # a label may tie


static func _wrong(what):
	return Failure.new("ConfigError", what)
