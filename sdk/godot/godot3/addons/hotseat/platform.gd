extends Reference
# All differences between Godot 3 and Godot 4. The other files are the same in both.


var _chance = RandomNumberGenerator.new() # does not change the game's own random numbers


func _init():
	_chance.randomize()


# Seconds; monotonic.
func now():
	return OS.get_ticks_usec() / 1000000.0


# A draw in [0, 1).
func draw():
	return _chance.randf()


static func token():
	return Crypto.new().generate_random_bytes(16).hex_encode()


static func is_function(value):
	return value is FuncRef


static func called(function):
	return function.call_func()


static func is_list(value):
	match typeof(value):
		TYPE_ARRAY, TYPE_INT_ARRAY, TYPE_REAL_ARRAY, TYPE_STRING_ARRAY, TYPE_RAW_ARRAY:
			return true
	return false


static func joined(texts):
	return PoolStringArray(texts).join(",")


# Numbers rounded to 32 bits.
static func singles(numbers):
	return Array(PoolRealArray(numbers))


static func bytes_of(text):
	return text.to_utf8()


static func text_of(bytes):
	return bytes.get_string_from_utf8()


# The bytes from `start` to before `stop`: at least one.
static func part(bytes, start, stop):
	return bytes.subarray(start, stop - 1)


# The value of a text, or null.
static func read_json(text):
	if validate_json(text) != "":
		return null # the reader would print an error in the player's console
	return JSON.parse(text).result


static func connect_http(http, host, port, tls):
	return http.connect_to_host(host, port, tls, true)


static func no_bytes():
	return PoolByteArray()


static func lines(texts):
	return PoolStringArray(texts)


# Start a thread that calls a method of an object with one argument.
static func start_thread(object, method, argument):
	var thread = Thread.new()
	thread.start(object, method, argument)
	return thread


static func has_threads():
	return OS.can_use_threads() and OS.get_name() != "HTML5"


# The addresses of a name, one a family, the system's choice first; waits for the DNS.
static func addresses(host):
	var first = IP.resolve_hostname(host)
	if first == "":
		return []
	var all = [first]
	for family in [IP.TYPE_IPV4, IP.TYPE_IPV6]:
		var found = IP.resolve_hostname(host, family)
		if found != "" and not all.has(found):
			all.append(found)
	return all


# Start TLS over a connection; return the stream, or null.
static func start_tls(connection, host):
	var stream = StreamPeerSSL.new()
	stream.blocking_handshake = false
	var started = stream.connect_to_stream(connection, true, host)
	return stream if started == OK else null


# Whether a TLS stream stands; null while it is being negotiated.
static func tls_state(stream):
	if stream.get_status() == StreamPeerSSL.STATUS_HANDSHAKING:
		stream.poll()
	match stream.get_status():
		StreamPeerSSL.STATUS_CONNECTED:
			return true
		StreamPeerSSL.STATUS_HANDSHAKING:
			return null
	return false


# An HTTPClient that speaks over a TLS stream to a host.
static func http_over_tls(stream, host, port):
	var http = HTTPClient.new()
	# it takes a TLS stream and a name only when it begins to connect by TLS itself
	connect_http(http, host, port, true)
	http.connection = stream
	return http


# Hold an object while its thread runs, however soon its owner is freed. A node of the
# root does: when the game quits, it waits for the threads, which would crash the engine.
static func keep(object):
	var keeper = _keeper()
	if keeper == null:
		keeper = load("res://addons/hotseat/keeper.gd").new()
		Engine.set_meta("hotseat_keeper", weakref(keeper))
		Engine.get_main_loop().root.call_deferred("add_child", keeper)
	keeper.items.append(object)


static func release(object):
	var keeper = _keeper()
	if keeper != null:
		keeper.items.erase(object)


static func _keeper():
	if not Engine.has_meta("hotseat_keeper"):
		return null
	return Engine.get_meta("hotseat_keeper").get_ref()
