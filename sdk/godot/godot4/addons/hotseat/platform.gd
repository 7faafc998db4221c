extends RefCounted
# All differences between Godot 3 and Godot 4. The other files are the same in both.

const LISTS = [
	TYPE_ARRAY,
	TYPE_PACKED_BYTE_ARRAY,
	TYPE_PACKED_INT32_ARRAY,
	TYPE_PACKED_INT64_ARRAY,
	TYPE_PACKED_FLOAT32_ARRAY,
	TYPE_PACKED_FLOAT64_ARRAY,
	TYPE_PACKED_STRING_ARRAY,
]

var _chance = RandomNumberGenerator.new() # leaves the game's own random numbers alone


func _init():
	_chance.randomize()


# Seconds; monotonic.
func now():
	return Time.get_ticks_usec() / 1000000.0


# A draw in [0, 1).
func draw():
	return _chance.randf()


static func token():
	return Crypto.new().generate_random_bytes(16).hex_encode()


static func is_function(value):
	return value is Callable


static func called(function):
	return function.call()


static func is_list(value):
	return typeof(value) in LISTS


static func joined(texts):
	return ",".join(PackedStringArray(texts))


# Numbers rounded to 32 bits.
static func singles(numbers):
	return Array(PackedFloat32Array(numbers))


static func bytes_of(text):
	return text.to_utf8_buffer()


static func text_of(bytes):
	return bytes.get_string_from_utf8()


# The bytes from `start` to before `stop`: at least one.
static func part(bytes, start, stop):
	return bytes.slice(start, stop)


# The value of a text, or null.
static func read_json(text):
	var reader = JSON.new()
	return reader.data if reader.parse(text) == OK else null


static func connect_http(http, host, port, tls):
	return http.connect_to_host(host, port, TLSOptions.client() if tls else null)


static func no_bytes():
	return PackedByteArray()


static func lines(texts):
	return PackedStringArray(texts)


# Start a thread that calls a method of an object with one argument.
static func start_thread(object, method, argument):
	var thread = Thread.new()
	thread.start(Callable(object, method).bind(argument))
	return thread


static func has_threads():
	return not OS.has_feature("web")


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
	var stream = StreamPeerTLS.new()
	var started = stream.connect_to_stream(connection, host)
	return stream if started == OK else null


# Whether a TLS stream stands; null while it is being negotiated.
static func tls_state(stream):
	if stream.get_status() == StreamPeerTLS.STATUS_HANDSHAKING:
		stream.poll()
	match stream.get_status():
		StreamPeerTLS.STATUS_CONNECTED:
			return true
		StreamPeerTLS.STATUS_HANDSHAKING:
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
