extends Reference
# A running service (HOTSEAT_LIVE: its URL) with the models mood, churn and four.

const Client = preload("res://addons/hotseat/client.gd")

var _tests
var _client
var _looks = []


func run(tests):
	_tests = tests
	var url = OS.get_environment("HOTSEAT_LIVE")
	if url == "":
		print("  HOTSEAT_LIVE is empty")
		return
	_client = Client.new()
	_client.base_url = url
	_client.deadline = 10.0 # its first answers load the models
	_client.name = "Hotseat"
	tests.get_root().add_child(_client)
	var ticket = _client.service_ready()
	yield(ticket, "done")
	_same("ready", ticket.result(), true)
	ticket = _client.predict("good")
	yield(ticket, "done")
	_same("text", ticket.result().label, "positive")
	_same("version", ticket.result().version, 1)
	ticket = _client.predict({"hours": 3.5}, {"model": "churn"})
	yield(ticket, "done")
	_same("features", ticket.result().value, 0.25)
	ticket = _client.choose([0, 1, 2], {"model": "four", "legal": ["left", "right"]})
	yield(ticket, "done")
	_same("board", ticket.result().actions.size(), 2)
	_same("action", ticket.result().action, "right")
	ticket = _client.predict_many(["good", "密\t\u000b"], {"model": "mood"})
	yield(ticket, "done")
	_same("many", ticket.result()[0].label + ticket.result()[1].label, "positivenegative")
	ticket = _client.explain("good day", {"model": "mood"})
	yield(ticket, "done")
	_tests.check("explained", ticket.result().parts.size() > 0)
	ticket = _client.models()
	yield(ticket, "done")
	_same("catalogue", ticket.result().size(), 3)
	ticket = _client.card("four")
	yield(ticket, "done")
	_same("card", ticket.result().card, "# four")
	ticket = _client.predict({"hours": -1}, {"model": "churn", "default": 0})
	yield(ticket, "done")
	_tests.check("a default for bad input", ticket.result().is_default)
	_tests.check("and its reason", "BadInputError" in ticket.result().reason)
	ticket = _client.predict({"hours": -1}, {"model": "churn"})
	yield(ticket, "done")
	yield(ticket, "done") # also a late one returns
	_same("bad input", ticket.error().type, "BadInputError")
	_same("its place", ticket.error().pointer, "/input/hours")
	ticket = _client.predict("x", {"model": "nobody"})
	yield(ticket, "done")
	_same("no model", ticket.error().type, "NotFoundError")
	_client.batcher.batch = 10 # as many rows as the model takes
	yield(_frames(), "completed")
	yield(_example(), "completed")
	_client.base_url = "http://127.0.0.1:9"
	ticket = _client.predict("good", {"deadline": 0.3, "default": "ok"})
	yield(ticket, "done")
	_same("away", ticket.result().label, "ok")
	_tests.check("says so", ticket.result().is_default)
	_client.queue_free()


# Twenty inputs a frame for thirty frames; each has its own answer, and submitting is quick.
func _frames():
	var tickets = []
	var asking = []
	_looks = []
	_client.set_process(false) # polled below, with a measurement
	for _frame in range(30):
		for at in range(20):
			var text = "good" if at % 2 == 0 else "bad"
			var began = OS.get_ticks_usec()
			tickets.append(_client.submit(text, {"model": "mood"}))
			asking.append(OS.get_ticks_usec() - began)
		yield(_tests, "idle_frame")
		_look()
	for at in range(tickets.size()):
		while not tickets[at].ready():
			yield(_tests, "idle_frame")
			_look()
		var wanted = "positive" if at % 2 == 0 else "negative"
		var found = tickets[at].result("none")
		_tests.check("its own answer", found.label == wanted, found.label)
	_client.set_process(true)
	_tests.quick("submit", asking, 1000)
	_tests.quick("a look", _looks, 16000)


# The example's unchanged scene: HOTSEAT_URL is the live service, too.
func _example():
	var scene = load("res://example/example.tscn").instance()
	_tests.get_root().add_child(scene)
	for _frame in range(300):
		if scene.get_node("Chat").text.count("\n") == 2:
			break
		yield(_tests, "idle_frame")
	_same("the example", scene.get_node("Chat").text, "gg wp (negative)\ngood (positive)\n")
	scene.queue_free()


func _look():
	var began = OS.get_ticks_usec()
	_client.tick()
	_looks.append(OS.get_ticks_usec() - began)


func _same(name, found, wanted):
	_tests.same(name, found, wanted)
