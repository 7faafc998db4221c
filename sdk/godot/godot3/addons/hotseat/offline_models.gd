extends Reference
# The offline models of a client, by name.

const Answer = preload("answer.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Model = preload("offline_model.gd")
const Platform = preload("platform.gd")

var _world
var _models = {}


func _init(world):
	_world = world


# Use a file's text; return the model, or an error.
func add(text, sha256):
	var model = Model.new()
	var wrong = model.open(text, sha256)
	if wrong != null:
		return wrong
	_models[model.model] = model
	return model


# The predictions of the device if the service is away, or an error for an input that the
# service would refuse; null if the device has none. `body` is the request's: input or inputs.
func instead(error, body, options, latency):
	var model = _models.get(options.get("model"))
	if model == null or not error.is_away():
		return null
	var version = options.get("version")
	if version != null and not str(version) in ["live", str(model.version)]:
		return null
	var chosen = options.get("options")
	var one = not body.has("inputs")
	var found = []
	for at in range(1 if one else body.inputs.size()):
		var given = Json.read(Platform.bytes_of(Json.write(body.input if one else body.inputs[at])))
		var pointer = "/input" if one else "/inputs/%d" % at
		var answer = model.answer(given, pointer, {} if chosen == null else chosen, _world)
		if answer == null or answer is Failure:
			return answer
		var prediction = Answer.prediction(answer, latency)
		prediction.source = "offline"
		found.append(prediction)
	return found[0] if one else found
