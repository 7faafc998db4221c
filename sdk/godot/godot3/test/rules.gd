extends Reference
# The rules that no vector tells: tickets, the circuit, JSON, addresses, keys.

const Address = preload("res://addons/hotseat/address.gd")
const Answer = preload("res://addons/hotseat/answer.gd")
const Client = preload("res://addons/hotseat/client.gd")
const Failure = preload("res://addons/hotseat/error.gd")
const Fakes = preload("fakes.gd")
const Guard = preload("res://addons/hotseat/guard.gd")
const Json = preload("res://addons/hotseat/json.gd")

var _tests


func run(tests):
	_tests = tests
	for method in get_method_list():
		if method.name.begins_with("test_"):
			call(method.name)


func test_json_comes_back_as_it_went():
	var chance = RandomNumberGenerator.new()
	chance.seed = 7
	for _round in range(300):
		var value = _drawn(chance, 3)
		var again = Json.read(Json.write(value).to_utf8())
		_tests.same("round trip", again, value)


func test_numbers_keep_their_digits():
	for number in [0.1, 1e-9, -1.5e-30, 123456.789012345, 1e300, 3.0, -0.5, 1e15, 1.0 / 3.0]:
		var again = Json.read(Json.write([number]).to_utf8())[0]
		_tests.check("%s" % number, abs(again - number) <= abs(number) * 1e-15,
				"%s, off by %.20f" % [Json.write(number), (again - number) / number])


func test_what_json_cannot_hold_is_told():
	var deep = []
	for _level in range(100):
		deep = [deep]
	for value in [NAN, [INF], {"a": -INF}, deep, Reference.new(), {"v": Vector2()}]:
		_tests.same("no JSON", Json.write(value), null)


func test_a_deep_answer_overflows_nothing():
	for letter in ["[", "{\"a\":"]:
		var text = ""
		for _step in range(4):
			text = letter.repeat(10)
			letter = text
		_tests.same("deep", Json.read(text.repeat(10).to_utf8()), null)


func test_an_answer_that_is_none_is_a_transport_error():
	var texts = ["", "[]", "null", "{}", "{\"label\":null}", "<html>", "{\"label\":",
			"{\"label\":\"a\",\"scores\":3}", "{\"item\":3}", "{\"item\":[],\"parts\":1}"]
	for text in texts:
		var server = Fakes.new([{"status": 200, "text": text}])
		var ticket = server.client.predict("x", {"deadline": 0.0001})
		server.settle(ticket)
		_tests.same(text, ticket.error().type, "TransportError")
		server.client.free()


func test_half_a_batch_or_catalogue_is_a_transport_error():
	for body in [{}, {"predictions": null}, {"predictions": [{"label": "a"}, {}]},
			{"predictions": ["a", "b"]}]:
		_tests.same("%s" % body, Answer.predictions(body, 2, 0.0).type, "TransportError")
	for body in [{}, {"models": [{}]}, {"models": {"a": 1}}]:
		_tests.same("%s" % body, Answer.models(body).type, "TransportError")


func test_the_circuit_opens_and_one_call_looks():
	var server = Fakes.new([])
	for _call in range(5):
		server.settle(server.client.predict("x", {"deadline": 0.001}))
	_tests.same("openings", server.client.openings(), 1)
	var sent = server.requests.size()
	var refused = server.client.predict("x", {"default": "ok"})
	_tests.check("refused at once", refused.ready() and refused.result().is_default)
	_tests.same("nobody was asked", server.requests.size(), sent)
	server.at += 1.5
	server.answers = [{"status": 200, "body": {"label": "a"}}]
	var looked = server.client.predict("x")
	server.settle(looked)
	_tests.same("one call looks", looked.result().label, "a")
	server.client.free()


func test_the_circuit_breaker_by_its_steps():
	var world = Fakes.new([])
	var guard = Guard.new(world)
	# what is heard, or seconds that pass; whether a call is admitted then; openings
	var steps = [["failed", true, 0], ["failed", true, 0], ["failed", true, 0],
			["failed", true, 0], ["failed", false, 1], [0.9, false, 1], [0.2, true, 1],
			[0.0, false, 1], # one looks, and no other
			["failed", false, 2], [1.9, false, 2], [0.2, true, 2],
			["gave_up", true, 2], # nobody heard what the look found: another may
			["failed", false, 3], ["failed", false, 3], # was under way before
			[3.9, false, 3], [-1000.0, true, 3], # a clock that jumps back
			["succeeded", true, 3], ["failed", true, 3], ["failed", true, 3],
			["failed", true, 3], ["failed", true, 3], ["failed", false, 4],
			[1.1, true, 4]] # closing it made the pause short again
	for step in steps:
		if step[0] is String:
			guard.call(step[0])
		else:
			world.at += step[0]
		_tests.same("after %s" % [step], [guard.admit(), guard.openings], [step[1], step[2]])
	for _look in range(10):
		guard.failed()
		_tests.check("left alone", not guard.admit())
		world.at += 30.1 # the longest pause
		_tests.check("looked at again", guard.admit())
	world.client.free()


func test_a_success_gives_a_tenth_of_a_retry_back():
	var world = Fakes.new([])
	var guard = Guard.new(world)
	for at in range(11):
		_tests.same("token %d" % at, guard.may_retry(), at < 10)
	for _success in range(10):
		guard.succeeded()
	_tests.check("one more", guard.may_retry() and not guard.may_retry())
	world.client.free()


func test_a_request_holds_no_more_than_a_batch_and_four_go_at_a_time():
	var server = Fakes.new([])
	for _request in range(6):
		server.answers.append({"status": 200, "takes": 0.1,
				"body": {"predictions": [{"label": "a"}, {"label": "b"}]}})
	server.client.desk.batch = 2
	server.slow = true
	var tickets = []
	for _at in range(12):
		tickets.append(server.client.submit("x"))
	server.at += 0.01
	server.client.tick()
	_tests.same("at a time", server.requests.size(), 4)
	server.slow = false
	server.settle(tickets[11])
	_tests.same("requests", server.requests.size(), 6)
	_tests.same("in order", tickets[10].result().label + tickets[11].result().label, "ab")
	server.client.free()


func test_a_retry_after_of_0_becomes_no_storm():
	var server = Fakes.new([{"status": 503, "headers": {"retry-after": "0"}, "text": ""},
			{"status": 200, "body": {"label": "a"}}])
	server.settle(server.client.predict("x"))
	_tests.check("waits", abs(server.waits[0] - 0.025) < 1e-6, "%s" % [server.waits])
	server.client.free()


func test_the_retry_budget_ends():
	var server = Fakes.new([])
	var ticket = server.client.predict("x", {"deadline": 80000.0})
	server.settle(ticket)
	_tests.same("one try and ten more", server.requests.size(), 11)
	server.client.free()


func test_a_frames_inputs_are_one_request():
	var server = Fakes.new([])
	var labels = []
	for at in range(20):
		labels.append({"label": "line %d" % at})
	server.answers = [{"status": 200, "body": {"predictions": labels}}]
	var tickets = []
	for at in range(20):
		tickets.append(server.client.submit("line %d" % at, {"model": "chat"}))
	_tests.check("not yet", not tickets[0].ready())
	_tests.same("says so", tickets[0].error().type, "NotReadyError")
	_tests.check("default meanwhile", tickets[0].result("ok").is_default)
	_tests.same("nothing without a default", tickets[0].result(), null)
	server.settle(tickets[19])
	_tests.same("one request", server.requests.size(), 1)
	for at in range(20):
		_tests.same("its own answer", tickets[at].result().label, "line %d" % at)
	server.client.free()


func test_different_questions_do_not_share_a_request():
	var server = Fakes.new([])
	for at in range(2):
		server.answers.append({"status": 200, "body": {"predictions": [{"label": str(at)}]}})
	var one = server.client.submit("x", {"model": "a"})
	var two = server.client.submit("x", {"model": "b"})
	server.settle(one)
	server.settle(two)
	_tests.same("two requests", server.requests.size(), 2)
	_tests.same("paths", server.requests[1].path, "/v1/models/b/predict")
	server.client.free()


func test_one_bad_input_does_not_spoil_the_others():
	var bad = {"status": 422, "body": {"code": "invalid_input", "pointer": "/inputs/1"}}
	var good = {"status": 200, "body": {"predictions": [{"label": "a"}]}}
	var server = Fakes.new([bad, good, bad, good])
	var tickets = []
	for text in ["a", "", "b"]:
		tickets.append(server.client.submit(text))
	for ticket in tickets:
		server.settle(ticket)
	_tests.same("first", tickets[0].result().label, "a")
	_tests.same("bad", tickets[1].error().type, "BadInputError")
	_tests.same("last", tickets[2].result().label, "a")
	_tests.same("requests", server.requests.size(), 4)
	server.client.free()


func test_cancelled_and_closed_tickets_settle_at_once():
	var server = Fakes.new([])
	var cancelled = server.client.submit("x")
	_tests.check("was open", cancelled.cancel() and not cancelled.cancel())
	_tests.same("cancelled", cancelled.error().type, "CancelledError")
	server.at += 1.0
	server.client.tick()
	_tests.same("nobody is asked", server.requests.size(), 0)
	var open = server.client.submit("y")
	server.client.close()
	_tests.same("closed", open.error().type, "CancelledError")
	server.client.free()


func test_a_card_and_readiness():
	var card = {"name": "m", "kind": "policy", "version": 2, "card": "# m"}
	var server = Fakes.new([{"status": 200, "body": card},
			{"status": 200, "body": {"ready": true}}, {"status": 503, "text": ""}])
	var ticket = server.client.card("m")
	server.settle(ticket)
	_tests.same("card", ticket.result().card, "# m")
	_tests.same("path", server.requests[0].path, "/v1/models/m")
	for wanted in [true, false]:
		ticket = server.client.service_ready()
		server.at += 5.0
		server.settle(ticket)
		_tests.same("ready", ticket.result(), wanted)
	server.client.free()


func test_the_hook_hears_of_a_call():
	var server = Fakes.new([{"fault": "reset"}, {"status": 200, "body": {"label": "a"}}])
	server.client.connect("call_over", self, "_hear")
	server.settle(server.client.predict("x"))
	_tests.same("heard", _heard, ["/model-service", 2, 200, ""])
	server.client.free()


var _heard = []


func _hear(path, tries, _seconds, status, error):
	_heard = [path, tries, status, error]


func test_addresses():
	var parts = Address.parts_of("https://models.example:8443/prod/")
	_tests.same("parts", parts,
			{"host": "models.example", "port": 8443, "tls": true, "path": "/prod"})
	_tests.same("IPv6", Address.parts_of("http://[::1]:9").host, "::1")
	for url in ["game.example", "ftp://x", "http://", "http://x:99999", "http://x?a",
			"http://[x", "http://x:", "http://a b", "https://ada:s3cret@x"]:
		var wrong = Address.parts_of(url)
		_tests.check(url, wrong is Failure and wrong.type == "ConfigError", url)
		_tests.check("not shown", wrong.detail.find("s3cret") < 0)
	for name in ["", ".", ".."]:
		_tests.same("no name", Address.part(name).type, "ConfigError")
	_tests.same("quoted", Address.part("é/ö"), "%C3%A9%2F%C3%B6")


func test_a_key_goes_along_and_is_shown_nowhere():
	var server = Fakes.new([{"status": 403, "body": {"message": "Forbidden"}}])
	server.client.api_key = "s3cret"
	var ticket = server.client.predict("x")
	server.settle(ticket)
	_tests.same("sent", server.requests[0].headers["x-api-key"], "s3cret")
	_tests.check("not shown", ticket.error().text().find("s3cret") < 0)
	_tests.same("says", ticket.error().text(), "AuthError 403: Forbidden")
	for key in ["s3cret\n", "密s3cret"]:
		server.client.api_key = key
		var error = server.client.predict("x").error()
		_tests.same("refused", error.type, "ConfigError")
		_tests.check("not shown", error.text().find("s3cret") < 0)
	server.client.api_key = funcref(self, "_token")
	server.answers = [{"status": 200, "body": {"label": "a"}}]
	server.settle(server.client.predict("x"))
	_tests.same("token", server.requests[1].headers["authorization"], "Bearer token-1")
	server.answers = [{"fault": "reset"}, {"status": 200, "body": {"label": "a"}}]
	server.settle(server.client.predict("x"))
	_tests.same("a new one a try", server.requests[3].headers["authorization"], "Bearer token-3")
	server.client.api_key = funcref(self, "_no_token")
	_tests.same("none", server.client.predict("x").error().type, "TokenError")
	_tests.check("a default", server.client.predict("x", {"default": "ok"}).result().is_default)
	server.client.free()


var _tokens = 0


func _token():
	_tokens += 1
	return "token-%d" % _tokens


func _no_token():
	return null


func test_a_default_stands_where_a_game_looks():
	var text = Answer.stand_in("3", 0.0)
	_tests.same("a text", [text.label, text.action, text.value, text.item], ["3", "3", "3", null])
	_tests.same("rows", Answer.stand_in(["#@#"], 0.0).item, ["#@#"])
	_tests.same("a number", Answer.stand_in(3, 0.0).value, 3)
	_tests.same("source", text.source, "default")
	var server = Fakes.new([])
	var ticket = server.client.choose([0], {"model": "m", "default": 3, "deadline": -1})
	_tests.same("a number is an action", ticket.result().action, "3")
	server.client.free()


func test_a_tickets_time_counts_from_when_it_was_submitted():
	var server = Fakes.new([])
	var ticket = server.client.submit("x", {"deadline": 0.5})
	server.at += 0.6
	server.client.tick()
	_tests.same("too late", ticket.error().type, "DeadlineError")
	_tests.same("nobody was asked", server.requests.size(), 0)
	server.client.free()


func test_what_cannot_work_is_told_at_once():
	var server = Fakes.new([])
	var client = server.client
	for ticket in [client.predict("x", {"modle": "a"}), client.predict("x", {"version": 1}),
			client.explain("x", {}), client.choose([0], {}), client.generate({}, {}),
			client.predict(NAN), client.predict("x", {"deadline": INF}),
			client.predict("x", {"deadline": NAN}), client.predict_many("abc"),
			client.submit("x", {"default": "ok"}), client.submit(NAN),
			client.card(".."), client.predict("x", {"modle": "a", "default": "ok"})]:
		_tests.same("told", ticket.error().type, "ConfigError")
	_tests.same("nobody was asked", server.requests.size(), 0)
	var late = client.predict("x", {"deadline": -0.1, "default": "ok"})
	_tests.check("no time left", late.result().is_default)
	client.free()


func _drawn(chance, depth):
	match chance.randi_range(0, 3 if depth == 0 else 5):
		0:
			return null
		1:
			return chance.randi_range(0, 1) == 1
		2:
			return float(chance.randi_range(-1000000, 1000000)) / 1024.0
		3:
			var text = ""
			for _letter in range(chance.randi_range(0, 8)):
				# control characters, quotes, Chinese, emoji
				var range_ = [[1, 127], [128, 2047], [19968, 40000], [128512, 128580]]
				var bounds = range_[chance.randi_range(0, 3)]
				text += char(chance.randi_range(bounds[0], bounds[1]))
			return text
		4:
			var list = []
			for _item in range(chance.randi_range(0, 4)):
				list.append(_drawn(chance, depth - 1))
			return list
		_:
			var object = {}
			for at in range(chance.randi_range(0, 4)):
				object["key \"%d\"" % at] = _drawn(chance, depth - 1)
			return object
