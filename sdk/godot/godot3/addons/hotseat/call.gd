extends Reference
# The rules of one call, without a network: what to send and how long to wait.
#
# The service decides: after an error that is not retryable, the client never repeats the
# request. Retry-After is the minimum wait; without one, the wait is a backoff with full
# jitter, doubling from 50 ms to at most 1 s (Brooker 2015, "Exponential Backoff And
# Jitter"). No wait passes the deadline.

const Answer = preload("answer.gd")
const Failure = preload("error.gd")
const Platform = preload("platform.gd")
const Request = preload("request.gd")
const FIRST = 0.05
const LARGEST = 1.0
const FINAL = ["DeadlineError", "CircuitOpenError", "CancelledError", "TokenError"]

var path
var tries = 0
var status = 0 # of the last response; 0 without a response
var end
var retries = 1000
var logs = false # whether each try prints a line
var share = 1.0 # what a missed deadline says about the service: its part of the client's
var _request
var _key
var _allowed
var _world
var _breaker
var _is_renewed = false


# `allowed` is the time limit in seconds, counted from `start`.
func _init(request, key, of_path, start, allowed, world, breaker):
	_request = request
	_key = key
	path = of_path
	_allowed = allowed
	_world = world
	_breaker = breaker
	end = start + allowed


# Return the first step: {send, timeout} or {error}.
func begin():
	if not _breaker.admit():
		return {"error": Failure.new("CircuitOpenError",
				"%s: the service failed often; the circuit breaker is open" % path)}
	return resume()


# Return the step after a pause.
func resume():
	var left = end - _world.now()
	if left <= 0.0:
		if tries == 0: # nothing was sent: the service's state is unknown
			_breaker.gave_up()
		return {"error": Failure.new("DeadlineError",
				"%s: no answer within %s s" % [path, _allowed])}
	var sent = _request.duplicate()
	sent.headers = _request.headers.duplicate()
	# lets the service stop at the caller's deadline
	var whole = int(round(left * 1000.0))
	sent.headers["deadline-ms"] = str(whole if whole > 1 else 1)
	var wrong = Request.add_key(sent.headers, _key)
	if wrong != null:
		_breaker.gave_up()
		return {"error": wrong}
	return {"send": sent, "timeout": left}


# Return the step after a response or an error: {answer}, {pause} or {error}.
func after(met):
	tries += 1
	var read = met
	if not met is Failure:
		status = met.status
		read = _read(met)
	if not read is Failure:
		_breaker.succeeded()
		_log(str(status))
		return {"answer": read}
	if read.request_id == "" and not met is Failure:
		read.request_id = Answer.request_id(met.headers)
	_record(read)
	_log(read.text())
	if read.status == 401 and Platform.is_function(_key) and not _is_renewed:
		_is_renewed = true # the token may have expired: at once, with a new one
		return resume()
	var wait = _pause(read, _world.draw())
	var listener = _request.get("listener")
	var has_begun = listener != null and listener.has_begun # it is not begun again
	var may_try = not has_begun and _may_retry(read) and tries <= retries and _world.now() + wait < end
	if not may_try or not _breaker.may_retry():
		return {"error": read}
	return {"pause": wait}


# The answer's JSON object, or an error; of a stream, an empty object.
func _read(met):
	var listener = _request.get("listener")
	if listener == null:
		return Answer.read(met)
	var type = met.headers.get("content-type", "").to_lower()
	if met.status == 200 and type.begins_with("text/event-stream"):
		if met.body.size() > 0: # of a transport that cannot stream
			listener.piece(met.body)
		return {}
	var answer = Answer.read(met) # a refusal
	return answer if answer is Failure else Failure.new("TransportError",
			"%s: the answer is no stream of events" % path)


# End the call: the caller cancelled it.
func give_up():
	_breaker.gave_up()


func _log(how):
	if logs:
		print("hotseat %s %s: try %d: %s" % [_request.method, path, tries, how])


func _pause(error, drawn):
	# not by min and max: in Godot 3 they round to 24 bits
	var longest = FIRST * pow(2.0, tries - 1)
	var jittered = drawn * (longest if longest < LARGEST else LARGEST)
	if error.retry_after != null and error.retry_after > jittered:
		return error.retry_after
	return jittered # also for a Retry-After of 0, which must not cause a retry storm


func _may_retry(error):
	if error.is_a("StatusError"):
		return error.retryable
	return error.is_a("TransportError") and not error.type in FINAL


# Record a failed call; a refused request counts as a success of the service.
func _record(error):
	if error.type == "DeadlineError" or error.code == "deadline_exceeded":
		_breaker.failed(share)
	elif error.is_a("TransportError") or error.status >= 500 or error.is_foreign:
		_breaker.failed()
	else:
		_breaker.succeeded()
