extends Reference
# sdk/spec/portable.json: versions in the game's files, while the service is away.

const Fakes = preload("fakes.gd")
const Json = preload("res://addons/hotseat/json.gd")
const Model = preload("res://addons/hotseat/offline_model.gd")
const NEAR = 0.00001
const AWAY = {"fault": "refused"}

var _tests


func run(tests):
	_tests = tests
	var file = File.new()
	_tests.same("the vectors are there", file.open(OS.get_environment("HOTSEAT_PORTABLE"), File.READ), OK)
	var vectors = {}
	for vector in parse_json(file.get_as_text()):
		vectors[vector.name] = vector
		var text = Json.write(vector.file)
		for call in vector.calls:
			_replay(vector.name, text, call)
	var linear = Json.write(vectors.linear.file)
	_files(linear)
	_calls(linear, vectors.linear.calls[0].input)
	_time()
	_draws(Json.write(vectors.policy.file), vectors.policy.calls[0].input)


func _replay(model, text, call):
	var name = "%s %s" % [model, to_json(call.input)]
	var ticket = _asked(text, call.input, {"model": model})
	var error = ticket.error()
	if call.has("raises"):
		_tests.check(name + " raises", error != null)
		if error != null:
			_tests.same(name + " type", error.type, call.raises["class"])
		if error != null and call.raises.has("detail"):
			_tests.same(name + " detail", error.detail, call.raises.detail)
			_tests.same(name + " pointer", error.pointer, call.raises.pointer)
		return
	_tests.check(name, error == null, "" if error == null else error.text())
	if error != null:
		return
	var found = ticket.result()
	_tests.same(name + " source", [found.source, found.version], ["offline", 3])
	for field in call.returns:
		_tests.check("%s %s" % [name, field], _is_near(found.raw.get(field), call.returns[field]),
				"%s is not %s" % [found.raw.get(field), call.returns[field]])
	var warned = []
	for warning in found.raw.get("warnings", []):
		warned.append([warning.code, warning.pointer])
	_tests.same(name + " warnings", warned, call.get("warnings", []))


func _files(text):
	var client = Fakes.new([]).client
	_tests.same("a digest", client.use_offline(text, text.sha256_text()).version, 3)
	var wrong = [[text, "0".repeat(64)]]
	for change in [["-2.44", "2.44"], ["\"format\":1", "\"format\":2"], ["\"matmul\"", "\"conv\""]]:
		var other = text.replace(change[0], change[1])
		_tests.check("it changed", other != text, change[0])
		wrong.append([other, ""])
	for other in ["", "{}", "[]", "null", "{\"format\":1}", text.replace("\"nodes\":[", "\"steps\":["),
			text.substr(0, text.length() / 2)]:
		wrong.append([other, ""])
	for pair in wrong:
		var found = client.use_offline(pair[0], pair[1])
		_tests.check("refused", found.get("type") == "ConfigError", pair[0].substr(0, 40))
	client.free()


func _calls(text, row):
	var ticket = _asked(text, row, {"model": "linear", "version": 3})
	_tests.same("a number", ticket.result().source, "offline")
	ticket = _asked(text, row, {"model": "linear", "options": {"hot": 1}})
	_tests.same("an unknown option", ticket.result().raw.warnings[0].pointer, "/options/hot")
	ticket = _asked(text, row, {"model": "linear", "options": {"hot": 1, "strict": true}})
	_tests.same("strict", ticket.error().type, "BadInputError")
	for options in [{"model": "linear", "version": 2}, {"model": "other"}]:
		_tests.same("another", _asked(text, row, options).error().type, "TransportError")
	ticket = _asked(text, row, {"model": "linear"}, {"status": 422, "body": {"detail": "no"}})
	_tests.same("a refusal stays", ticket.error().type, "BadInputError")
	ticket = _asked(text, 7, {"model": "linear", "default": "stays"})
	_tests.same("a default for what is refused", ticket.result().source, "default")
	var server = Fakes.new([AWAY, AWAY])
	server.client.retries = 0
	server.client.use_offline(text)
	ticket = server.client.predict_many([row, row], {"model": "linear"})
	server.settle(ticket)
	_tests.same("many", [ticket.result()[0].source, ticket.result()[1].source], ["offline", "offline"])
	var tickets = [server.client.submit(row, {"model": "linear"}),
			server.client.submit(row, {"model": "linear"})]
	for one in tickets:
		server.settle(one)
		_tests.same("submitted", one.result().source, "offline")
	server.client.free()


# A temperature draws among the legal actions; a seed is the service's.
func _draws(text, board):
	var seen = {}
	for draw in [0.0, 0.3, 0.6, 0.999999]:
		var server = Fakes.new([AWAY], [draw, draw])
		server.client.retries = 0
		server.client.use_offline(text)
		var ticket = server.client.choose(board,
				{"model": "policy", "level": "easy", "legal": [0, 5, 7]})
		server.settle(ticket)
		seen[ticket.result().action] = true
		server.client.free()
	_tests.check("draws", seen.size() > 1)
	for action in seen:
		_tests.check("legal", action in ["0", "5", "7"], action)
	for pair in [[{"level": "easy", "seed": 1}, "TransportError"], [{"level": "x"}, "BadInputError"]]:
		var ticket = _asked(text, board, {"model": "policy", "options": pair[0]})
		_tests.same("%s" % [pair[0]], ticket.error().type, pair[1])


# 10 000 weights, 100 inputs: the answer is computed within a frame.
func _time():
	var ones = []
	for _at in range(100):
		ones.append(1.0)
	var weights = []
	for _at in range(100):
		weights += ones
	var signature = {"inputs": [{"name": "x", "form": "tensor", "datatype": "FP32",
			"shape": [-1, 100]}], "outputs": [{"name": "value"}], "labels": []}
	var model = Model.new()
	var wrong = model.open(Json.write({"format": 1, "model": "m", "version": 1, "variant": "v",
			"kind": "regression", "signature": signature, "constants": {"w": weights},
			"nodes": [{"op": "matmul", "in": ["x", "w"], "out": "y", "size": 100}],
			"outputs": {"value": "y"}, "check": {"tolerance": 0, "rows": []}}))
	_tests.check("a network", wrong == null)
	var took = []
	for _round in range(20):
		var began = OS.get_ticks_usec()
		var found = model.answer(ones, "/input", {}, null)
		took.append(OS.get_ticks_usec() - began)
		_tests.same("a sum", found.value[99], 100)
	_tests.quick("10 000 weights", took, 200000)


func _asked(text, input, options, answer = AWAY):
	var server = Fakes.new([answer])
	server.client.retries = 0
	var model = server.client.use_offline(text)
	_tests.check("a file", model.get("detail") == null, model.get("detail"))
	var ticket = server.client.predict(input, options)
	server.settle(ticket)
	server.client.free()
	return ticket


func _is_near(found, wanted):
	if wanted is Dictionary or wanted is Array:
		if typeof(found) != typeof(wanted) or found.size() != wanted.size():
			return false
		var keys = wanted if wanted is Dictionary else range(wanted.size())
		for key in keys:
			if wanted is Dictionary and not found.has(key) or not _is_near(found[key], wanted[key]):
				return false
		return true
	if wanted is String or found == null:
		return found == wanted
	return abs(found - wanted) <= NEAR
