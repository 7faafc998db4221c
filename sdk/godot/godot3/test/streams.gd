extends Reference
# Server-sent events: the parser by its vectors (HOTSEAT_STREAM_VECTORS), and streams that go
# on, break and are cancelled (HOTSEAT_STREAMS: URLs by what the server does).

const Client = preload("res://addons/hotseat/client.gd")
const Events = preload("res://addons/hotseat/events.gd")

var _tests
var _client


func run(tests):
	_tests = tests
	var file = File.new()
	file.open(OS.get_environment("HOTSEAT_STREAM_VECTORS"), File.READ)
	for row in parse_json(file.get_as_text()):
		var events = Events.new()
		for piece in row.pieces:
			var bytes = PoolByteArray()
			for letter in piece:
				bytes.append(ord(letter))
			events.piece(bytes)
		var found = []
		var event = events.next()
		while event != null:
			found.append(event)
			event = events.next()
		_tests.same(row.name, found, row.events)
	var urls = parse_json(OS.get_environment("HOTSEAT_STREAMS"))
	yield(_streamed(urls.slow, ["token: gg", "message: wp"], ""), "completed")
	yield(_streamed(urls.broken, ["message: gg"], "TransportError"), "completed")
	yield(_streamed(urls.refused, [], "BadInputError"), "completed")
	yield(_streamed(urls.endless, ["message: gg"], "CancelledError"), "completed")
	var wrong = Client.new()
	_tests.same("no model", wrong.stream("generate", {}, {}).error().type, "ConfigError")
	wrong.free()


# Read a stream to its end; `message: gg` of an endless one is its last before it is cancelled.
func _streamed(url, wanted, error):
	_client = Client.new()
	_client.base_url = url
	_client.deadline = 20.0
	_tests.get_root().add_child(_client)
	var stream = _client.stream("generate", {"prompt": "say"}, {"model": "npc"})
	var found = []
	var before_the_end = 0
	while true:
		yield(_tests, "idle_frame")
		var is_over = stream.ready()
		var event = stream.next()
		if event != null:
			found.append("%s: %s" % [event.name, event.data])
			before_the_end += 0 if is_over else 1
			if error == "CancelledError":
				_tests.check("was open", stream.cancel())
		elif is_over:
			break
	_tests.same(url, found, wanted)
	if error == "":
		_tests.check("an event came before the end", before_the_end > 0)
	var failed = stream.error()
	_tests.same("%s (end)" % url, "" if failed == null else failed.type, error)
	_client.free()
