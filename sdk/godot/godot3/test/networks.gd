extends Reference
# Connections that idle, close or are forgotten (HOTSEAT_NETWORKS: URLs by situation); the
# label of an answer is the number of its connection.

const Client = preload("res://addons/hotseat/client.gd")
const Platform = preload("res://addons/hotseat/platform.gd")

var _tests
var _client
var _tries = []


class Shifted extends Reference:
	var by = 0.0
	var _real = Platform.new()

	func now():
		return _real.now() + by


func run(tests):
	_tests = tests
	var urls = parse_json(OS.get_environment("HOTSEAT_NETWORKS"))
	yield(_labels(urls.closed, [0, 0, 0], ["1", "2", "3"]), "completed")
	_tests.same("a closed connection is no failed try", _tries, [1, 1, 1])
	yield(_labels(urls.forgotten, [0, 6], ["1", "2"]), "completed")
	yield(_labels(urls.kept, [0, 54, 56], ["1", "1", "2"]), "completed")
	yield(_labels(urls.interim, [0], ["TransportError"]), "completed") # HTTPClient takes it for the answer


# Ask after some seconds of idling each; compare the connections that answered.
func _labels(url, pauses, wanted):
	_client = Client.new()
	_client.base_url = url
	_client.connect("call_over", self, "_over")
	_tests.get_root().add_child(_client)
	yield(_tests, "idle_frame")
	_client.transport.world = Shifted.new()
	_tries = []
	var found = []
	for pause in pauses:
		_client.transport.world.by += pause
		var ticket = _client.predict("x", {"deadline": 10.0})
		while not ticket.ready():
			yield(_tests, "idle_frame")
		found.append(ticket.result({"label": "none"}).label if ticket.error() == null
				else ticket.error().type)
	_tests.same(url, found, wanted)
	_client.free()


func _over(_path, tries, _seconds, _status, _error):
	_tries.append(tries)
