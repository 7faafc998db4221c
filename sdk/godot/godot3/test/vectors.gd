extends Reference
# sdk/spec/vectors, replayed by the addon.

const Fakes = preload("fakes.gd")
const FILES = ["good", "bad", "retry"]
const CALL = ["method", "input", "inputs", "board", "wishes"]

var _tests


func run(tests):
	_tests = tests
	var folder = OS.get_environment("HOTSEAT_VECTORS")
	if folder == "":
		folder = ProjectSettings.globalize_path("res://").plus_file("../../spec/vectors")
	var listing = Directory.new()
	_tests.check("the vectors are there", listing.open(folder) == OK, folder)
	listing.list_dir_begin(true)
	var name = listing.get_next()
	var seen = []
	while name != "":
		if name.ends_with(".json"):
			seen.append(name.get_basename())
			var file = File.new()
			file.open(folder.plus_file(name), File.READ)
			for vector in parse_json(file.get_as_text()):
				_replay(vector)
		name = listing.get_next()
	for wanted in FILES:
		_tests.check("%s.json was replayed" % wanted, wanted in seen)


func _replay(vector):
	var server = Fakes.new(vector.server, vector.get("random", []))
	var ticket = _called(server.client, vector.call)
	if ticket == null:
		_tests.check(vector.name, false, "there is no method %s" % vector.call.method)
		return
	server.settle(ticket)
	var expect = vector.expect
	if expect.has("raises"):
		_raised(vector.name, ticket.error(), expect.raises)
	else:
		_tests.check(vector.name, ticket.error() == null,
				"" if ticket.error() == null else ticket.error().text())
		_returned(vector.name, ticket.result(), expect.returns)
	if expect.has("waits"):
		_tests.same(vector.name + " (waits)", _rounded(server.waits), _rounded(expect.waits))
	if expect.has("requests"):
		_asked(vector.name, server.requests, expect.requests)
	_tests.check(vector.name + " (all answers)", server.answers.size() == 0)
	server.client.free()


func _called(client, call):
	var options = call.duplicate()
	for name in CALL:
		options.erase(name)
	match call.method:
		"predict":
			return client.predict(call.input, options)
		"predict_many":
			return client.predict_many(call.inputs, options)
		"explain":
			return client.explain(call.input, options)
		"choose":
			return client.choose(call.board, options)
		"generate":
			return client.generate(call.wishes, options)
		"models":
			return client.models(options.get("deadline"))
		"card":
			return client.card(call.model, options.get("deadline"))
		"ready":
			return client.service_ready(options.get("deadline"))
	return null


func _raised(name, error, wanted):
	if error == null:
		_tests.check(name, false, "no error")
		return
	for field in wanted:
		var found = error.type if field == "class" else error.get(field)
		_tests.same("%s (%s)" % [name, field], found, wanted[field])


func _returned(name, found, wanted):
	if wanted is Array:
		_tests.same(name + " (count)", found.size(), wanted.size())
		for at in range(wanted.size()):
			_returned("%s [%d]" % [name, at], found[at], wanted[at])
		return
	if not wanted is Dictionary:
		_tests.same(name, found, wanted)
		return
	for field in wanted:
		var own = "seed_used" if field == "seed" else field
		var holds = found[own] if found is Dictionary else found.get(own)
		if holds == null and not found is Dictionary:
			holds = found.raw.get(field)
		_tests.same("%s (%s)" % [name, field], holds, wanted[field])


func _asked(name, requests, wanted):
	_tests.same(name + " (requests)", requests.size(), wanted.size())
	for at in range(min(requests.size(), wanted.size())):
		var sent = requests[at]
		_tests.same(name + " (one idempotency key)",
				sent.headers.get("idempotency-key"), requests[0].headers.get("idempotency-key"))
		if wanted[at].has("path"):
			_tests.same(name + " (path)", sent.path, wanted[at].path)
			_tests.same(name + " (method)", sent.method, wanted[at].method)
			var body = null
			if sent.body != null:
				body = parse_json(sent.body.get_string_from_utf8())
			_tests.same(name + " (body)", body, wanted[at].body)
		for header in wanted[at].get("headers", {}):
			_tests.same("%s (%s)" % [name, header],
					sent.headers.get(header), wanted[at].headers[header])


func _rounded(waits):
	var rounded = []
	for wait in waits:
		rounded.append(stepify(wait, 0.000001))
	return rounded
