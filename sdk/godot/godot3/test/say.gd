extends Reference
# Texts: the vectors (HOTSEAT_TEXT_VECTORS) against a stand-in (HOTSEAT_TEXTS: its URL) that
# cuts their events anywhere; a text that is cancelled; mistakes of the program.

const Client = preload("res://addons/hotseat/client.gd")
const FIELDS = ["text", "finish_reason", "value", "is_default", "source", "model", "version",
		"completion_tokens"]

var _tests
var _client
var _was_done = false


func run(tests):
	_tests = tests
	var file = File.new()
	file.open(OS.get_environment("HOTSEAT_TEXT_VECTORS"), File.READ)
	var rows = parse_json(file.get_as_text())
	var url = OS.get_environment("HOTSEAT_TEXTS")
	for mode in ["whole", "bytes", "slow"]:
		for at in range(rows.size()):
			yield(_played("%s/%s/%d" % [url, mode, at], rows[at], mode), "completed")
	_client = _new_client("%s/endless" % url)
	var text = _client.say("Sing.", {"model": "npc", "default": "Hm."})
	while text.take() == "":
		yield(_tests, "idle_frame")
	_tests.check("was open", text.cancel())
	_tests.check("is not open", not text.cancel())
	yield(_tests, "idle_frame")
	_tests.same("cancelled", text.error().type, "CancelledError")
	_tests.check("what came stays", text.text().begins_with("la "))
	var left = _client.say("Sing.", {"model": "npc", "default": "Hm."})
	_tests.same("not yet", left.error().type, "NotReadyError")
	_tests.same("a default before", left.result("...").text, "...")
	_client.close()
	_tests.same("closed", left.error().type, "CancelledError")
	for wrong in [["Hi", {}], [3, {"model": "npc"}], ["Hi", {"model": "npc", "maxtokens": 3}],
			["Hi", {"model": "npc", "deadline": 0.0}],
			["Hi", {"model": "npc", "schema": {}, "grammar": "g"}]]:
		_tests.same(str(wrong), _client.say(wrong[0], wrong[1]).error().type, "ConfigError")
	_client.free()


func _played(url, row, mode):
	_client = _new_client(url)
	var options = row.call.duplicate()
	options.erase("input")
	options["model"] = "npc"
	if row.has("first"):
		var before = _client.say("First.", options)
		while not before.ready():
			yield(_tests, "idle_frame")
	var text = _client.say(row.call.input, options)
	_was_done = false
	text.ticket.connect("done", self, "_done")
	var shown = ""
	while true:
		yield(_tests, "idle_frame")
		var is_over = text.ready()
		shown += text.take()
		if is_over:
			break
	yield(_tests, "idle_frame")
	var name = "%s (%s)" % [row.name, mode]
	_tests.same(name, shown, row.shown)
	_tests.check("%s: signal" % name, _was_done)
	if row.has("error"):
		_tests.same(name, text.error().type, row.error)
		_tests.same("%s: kept" % name, text.text(), row.shown)
	else:
		var answer = text.result()
		for field in FIELDS:
			_tests.same("%s: %s" % [name, field], answer.get(field), row.answer[field])
		var reason = null if answer.reason == null else answer.reason.split(":")[0].split(" ")[0]
		_tests.same("%s: reason" % name, reason, row.answer.reason)
		_tests.same("%s: all" % name, text.text(), row.answer.text)
	_client.free()


func _done():
	_was_done = true


func _new_client(url):
	var client = Client.new()
	client.base_url = url
	client.deadline = 20.0
	_tests.get_root().add_child(client)
	return client
