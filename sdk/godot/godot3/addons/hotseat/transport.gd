extends Reference
# The transport: Godot's HTTPClient, polled once a frame.
#
# Any object with `send(request, timeout)` can replace it; the returned object has `poll`
# (null, a response {status, headers, body}, or an error) and `cancel`.

const Platform = preload("platform.gd")
const Failure = preload("error.gd")
const Connecting = preload("connecting.gd")
const Lookup = preload("lookup.gd")
const CHUNKS = 64 # maximum in one poll, so that a large response does not block a frame
const IDLE = 55.0 # seconds: routers and load balancers forget connections after 60
const DOUBTFUL = 5.0 # seconds of idling after which a silent connection gets a rival

var world = Platform.new()
var lookups = Lookup.new()
var _idle = [] # connections to reuse


func send(request, timeout):
	var origin = [request.tls, request.host, request.port]
	var idle = null
	if request.get("listener") == null: # a rival would deliver a stream's events twice
		idle = _connection(origin)
	if idle == null:
		return Sending.new(null, request, self, origin)
	var first = Sending.new(idle.http, request, self, origin)
	var patience = timeout
	if world.now() - idle.since > DOUBTFUL:
		patience = timeout / 3.0 if timeout < 3.0 else 1.0
	return Racing.new(first, request, self, origin, world.now() + patience)


func close():
	for idle in _idle:
		idle.http.close()
	_idle = []


# Keep a connection for reuse.
func give_back(http, origin):
	_idle.append({"http": http, "origin": origin, "since": world.now()})


func _connection(origin):
	var rest = []
	var found = null
	for idle in _idle:
		var age = world.now() - idle.since
		if age < 0.0 or age > IDLE:
			idle.http.close()
			continue
		idle.http.poll()
		if idle.http.get_status() != HTTPClient.STATUS_CONNECTED:
			continue # the service closed it
		if found == null and idle.origin == origin:
			found = idle
		else:
			rest.append(idle)
	_idle = rest
	return found


# A request on a connection that was idle: it may be dead without a sign. If it breaks, or
# is silent for too long, a new one sends the request again (with the same
# Idempotency-Key), and the first answer counts.
class Racing extends Reference:
	var _first
	var _second = null
	var _request
	var _transport
	var _origin
	var _until

	func _init(first, request, transport, origin, until):
		_first = first
		_request = request
		_transport = transport
		_origin = origin
		_until = until

	func poll():
		if _first != null:
			var met = _first.poll()
			if met != null and not met is Failure:
				if _second != null:
					_second.cancel()
				return met
			if met != null:
				_first = null
		if _second == null and (_first == null or _transport.world.now() >= _until):
			_second = Sending.new(null, _request, _transport, _origin)
		if _second == null:
			return null
		var other = _second.poll()
		if other is Failure and _first != null:
			_until = _transport.world.now() + 86400.0
			_second = null
			return null
		if other != null and _first != null:
			_first.cancel()
		return other

	func cancel():
		if _first != null:
			_first.cancel()
		if _second != null:
			_second.cancel()


# One request under way.
class Sending extends Reference:
	var _http
	var _connecting = null
	var _request
	var _transport
	var _origin
	var _sent = false
	var _answered = false
	var _moved = true
	var _status = 0
	var _headers = {}
	var _body = Platform.no_bytes()
	var _length = 0
	var _is_stream = false

	func _init(http, request, transport, origin):
		_request = request
		_transport = transport
		_origin = origin
		_http = http
		if _http == null:
			transport.lookups.start(request.host)

	# A response, an error, or null before either has arrived.
	func poll():
		var found = null
		if _http == null:
			var known = _transport.lookups.state(_request.host)
			if known == null:
				return null # the name is being looked up
			if not known:
				return Failure.new("TransportError", "%s has no address" % _request.host)
			var opened = _opened()
			if opened == null:
				return null
			if not opened is HTTPClient:
				return _failure("no address of it accepts a connection")
			_http = opened
		for _step in range(CHUNKS):
			found = _look()
			if found != null or not _moved:
				break
		return found

	func cancel():
		if _connecting != null:
			_connecting.cancel()
		if _http != null:
			_http.close()

	# A connection; null while addresses of both families race, false if none accepts.
	func _opened():
		if _connecting != null:
			return _connecting.poll()
		var addresses = _transport.lookups.addresses(_request.host)
		if addresses.size() > 1:
			_connecting = Connecting.new(_request.host, _request.port, _request.tls,
					addresses, _transport.world)
			return _connecting.poll()
		var http = HTTPClient.new()
		Platform.connect_http(http, _request.host, _request.port, _request.tls)
		return http

	# Poll the connection once; `_moved` is whether another poll may read more.
	func _look():
		var before = _http.get_status()
		_moved = true
		if before == HTTPClient.STATUS_BODY:
			_hear()
			var piece = _http.read_response_body_chunk()
			_length += piece.size()
			if _is_stream and piece.size() > 0:
				_request.listener.piece(piece)
			else:
				_body.append_array(piece)
			_moved = piece.size() > 0 or _http.get_status() != before
		elif before == HTTPClient.STATUS_CONNECTED and not _sent:
			_sent = true
			if not _ask():
				return _broke("the request could not be sent")
		elif before == HTTPClient.STATUS_CONNECTED:
			_hear()
			return _over()
		elif before == HTTPClient.STATUS_DISCONNECTED and _answered:
			return _over()
		elif _is_waiting(before):
			_http.poll()
			_moved = _http.get_status() != before
		else:
			return _broke("the service cannot be reached, or the connection broke")
		return null

	func _is_waiting(status):
		return status in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING,
				HTTPClient.STATUS_REQUESTING]

	func _ask():
		var lines = []
		for name in _request.headers:
			lines.append("%s: %s" % [name, _request.headers[name]])
		var method = HTTPClient.METHOD_GET
		if _request.method == "POST":
			method = HTTPClient.METHOD_POST
		var body = Platform.no_bytes() if _request.body == null else _request.body
		return _http.request_raw(method, _request.path, Platform.lines(lines), body) == OK

	func _hear():
		if _answered or not _http.has_response():
			return
		_answered = true
		_status = _http.get_response_code()
		var found = _http.get_response_headers_as_dictionary()
		for name in found:
			_headers[name.to_lower()] = found[name]
		_is_stream = _request.get("listener") != null and _status == 200 and (
				_headers.get("content-type", "").to_lower().begins_with("text/event-stream"))

	func _over():
		if not _answered:
			return _broke("the connection closed without a response")
		if _http.get_status() == HTTPClient.STATUS_CONNECTED:
			_transport.give_back(_http, _origin)
		else:
			var length = _headers.get("content-length", str(_length))
			var cut = _headers.get("transfer-encoding", "").to_lower() == "chunked"
			if cut or length != str(_length):
				return _broke("the answer broke off")
		return {"status": _status, "headers": _headers, "body": _body}

	func _broke(what):
		_http.close()
		return _failure(what)

	func _failure(what):
		return Failure.new("TransportError",
				"%s:%d: %s" % [_request.host, _request.port, what])
