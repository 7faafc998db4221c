extends Reference
# Opens a connection by happy eyeballs (RFC 8305): if the first address of a name has not
# accepted after 250 ms, the other family's is tried beside it, and the first that accepts
# wins. Certificates are checked against the name. Without TLS, Godot 3 writes the address
# into the Host header.

const Platform = preload("platform.gd")
const DELAY = 0.25

var _host
var _port
var _tls
var _world
var _waiting # addresses to try
var _tries = [] # HTTPClients that connect
var _next_at
var _secure = null # the TLS stream over the connection that won


func _init(host, port, tls, addresses, world):
	_host = host
	_port = port
	_tls = tls
	_world = world
	_waiting = addresses.duplicate()
	_next_at = world.now()


# A connected HTTPClient, false if no address accepts, or null before.
func poll():
	if _secure != null:
		var state = Platform.tls_state(_secure)
		return Platform.http_over_tls(_secure, _host, _port) if state else state
	var won = _first()
	if won != null and _tls:
		_secure = Platform.start_tls(won.connection, _host)
		return null if _secure != null else false
	if won != null:
		return won
	if _waiting.size() > 0 and (_tries.size() == 0 or _world.now() >= _next_at):
		var http = HTTPClient.new()
		Platform.connect_http(http, _waiting.pop_front(), _port, false)
		_tries.append(http)
		_next_at = _world.now() + DELAY
	return null if _tries.size() > 0 else false


func cancel():
	for http in _tries:
		http.close()
	_tries = []


# The first connection that stands; the others are closed.
func _first():
	var open = []
	for http in _tries:
		http.poll()
		match http.get_status():
			HTTPClient.STATUS_CONNECTED:
				_tries.erase(http)
				cancel()
				return http
			HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_RESOLVING:
				open.append(http)
	_tries = open
	return null
