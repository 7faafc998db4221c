extends Reference
# Rules without vectors: JSON, answers, defaults, addresses, keys.

const Address = preload("res://addons/hotseat/address.gd")
const Answer = preload("res://addons/hotseat/answer.gd")
const Failure = preload("res://addons/hotseat/error.gd")
const Fakes = preload("fakes.gd")
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
