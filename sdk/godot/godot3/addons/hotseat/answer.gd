extends Reference
# Parser of responses. Strict: they may come from a server between client and service.
#
# A response of another server (a captive portal's page, half a catalogue) is a
# TransportError. Each function returns its value or an error.

const Json = preload("json.gd")
const Failure = preload("error.gd")
const Prediction = preload("prediction.gd")
# a gateway's response has no `retryable` field, only its status
const PASSING = [429, 502, 503, 504]
const REQUEST_IDS = ["x-request-id", "apigw-requestid", "x-amzn-requestid"]
const FIELDS = [
	"label", "labels", "value", "embedding", "action", "item", "outputs", "matches", "steps"
]


# The JSON object of a response {status, headers, body}.
static func read(response):
	var body = Json.read(response.body)
	if response.status >= 200 and response.status < 300:
		if body is Dictionary:
			return body
		var strange = _strange("is no JSON object")
		strange.request_id = request_id(response.headers)
		return strange
	var error = _refusal(response, body if body is Dictionary else {})
	# the service and its gateway explain themselves in JSON
	error.is_foreign = not body is Dictionary and response.status < 500
	return error


# The prediction of an answer.
static func prediction(answer, latency):
	var said = false
	for field in FIELDS:
		said = said or answer.get(field) != null
	if not said:
		return _strange("holds no prediction")
	for field in ["label", "action", "model", "variant", "request_id"]:
		if answer.get(field) != null and not answer[field] is String:
			return _strange("holds an invalid %s" % field)
	for field in ["probability", "seed", "version"]:
		if answer.get(field) != null and not (answer[field] is float or answer[field] is int):
			return _strange("holds an invalid %s" % field)
	for field in ["scores", "actions", "outputs"]:
		if answer.get(field) != null and not answer[field] is Dictionary:
			return _strange("holds invalid %s" % field)
	for field in ["item", "labels", "embedding", "parts"]:
		if answer.get(field) != null and not answer[field] is Array:
			return _strange("holds an invalid %s" % field)
	var found = Prediction.new()
	found.label = answer.get("label")
	found.probability = answer.get("probability")
	found.scores = _or(answer.get("scores"), {})
	found.value = answer.get("value")
	found.action = answer.get("action")
	found.actions = _or(answer.get("actions"), {})
	found.item = answer.get("item")
	found.labels = answer.get("labels")
	found.embedding = answer.get("embedding")
	found.outputs = _or(answer.get("outputs"), {})
	found.seed_used = _whole(answer.get("seed"))
	found.parts = _or(answer.get("parts"), [])
	found.model = answer.get("model")
	found.version = _whole(answer.get("version"))
	found.variant = answer.get("variant")
	found.request_id = answer.get("request_id")
	found.latency = latency
	found.cold = answer.get("cold") is bool and answer.cold
	found.raw = answer
	return found


# The `count` predictions of an answer.
static func predictions(answer, count, latency):
	var items = _items(answer, "predictions")
	if not items is Array:
		return items
	if items.size() != count:
		return _strange("holds %d predictions for %d inputs" % [items.size(), count])
	var found = []
	for item in items:
		var whole = answer.duplicate()
		whole.erase("predictions")
		for key in item:
			whole[key] = item[key]
		var one = prediction(whole, latency)
		if one is Failure:
			return one
		found.append(one)
	return found


# The models of a catalogue, as dictionaries.
static func models(answer):
	var items = _items(answer, "models")
	if not items is Array:
		return items
	var found = []
	for item in items:
		var one = model(item)
		if one is Failure:
			return one
		found.append(one)
	return found


# One model: name, kind, version, versions, aliases, and the service's other fields.
static func model(item):
	for field in ["name", "kind", "version"]:
		if item.get(field) == null:
			return _strange("does not describe a model")
	var found = {"versions": [], "aliases": {}}
	for key in item:
		found[key] = item[key]
	return found


# A prediction with a default: a text becomes label and action, an array of texts the
# item, and every default the value.
static func stand_in(default, latency, error = null):
	var found = Prediction.new()
	found.label = default if default is String else null
	found.action = found.label
	found.item = default if default is Array else null
	found.value = default
	found.latency = latency
	found.source = "default"
	found.is_default = true
	found.reason = null if error == null else error.text()
	return found


# The id that the service or its gateway gave the request, or "".
static func request_id(headers):
	for name in REQUEST_IDS:
		if headers.has(name):
			return headers[name]
	return ""


static func _refusal(response, problem):
	var status = response.status
	var headers = response.headers
	var said = _or(problem.get("detail"), problem.get("message")) # a gateway's own field
	if said == null and status >= 300 and status < 400:
		said = "it redirects to %s: give that as base_url" % headers.get("location")
	var reason = "the service gave no reason" if said == null else str(said)
	var error = Failure.new(Failure.type_of(status), reason)
	error.status = status
	error.code = str(_or(problem.get("code"), ""))
	var retryable = problem.get("retryable")
	error.retryable = retryable if retryable is bool else status in PASSING
	error.request_id = str(_or(problem.get("request_id"), request_id(headers)))
	var pointer = problem.get("pointer")
	error.pointer = pointer if pointer is String else null
	error.retry_after = _seconds(headers.get("retry-after", ""))
	return error


static func _items(answer, name):
	var items = answer.get(name)
	if items is Array:
		for item in items:
			if not item is Dictionary:
				return _strange("has no list of %s" % name)
		return items
	return _strange("has no list of %s" % name)


static func _strange(what):
	var text = "the answer %s: is this a Hotseat service?" % what
	return Failure.new("TransportError", text)


static func _or(value, instead):
	return instead if value == null else value


# All JSON numbers arrive as floats.
static func _whole(value):
	return int(value) if value is float else value


# A Retry-After in seconds; ignores dates, as a device's clock may be off.
static func _seconds(text):
	if text.length() == 0 or text.length() > 9:
		return null
	for at in range(text.length()):
		if "0123456789".find(text[at]) < 0:
			return null
	return float(text)
