extends Reference
# Runs one call, a little in each frame, without waiting.

const Failure = preload("error.gd")

var outcome = null # the answer's JSON object, or an error, when it is over
var _call
var _transport
var _world
var _listener # called when the call is over
var _start
var _sending = null
var _until = null


func _init(of_call, start, transport, world, listener):
	_call = of_call
	_transport = transport
	_world = world
	_listener = listener
	_start = start


# Send the first try, unless the rules forbid it.
func begin():
	_do(_call.begin())


# Continue as far as possible without waiting; return whether the call is over.
func poll():
	while outcome == null:
		if _until != null:
			if _world.now() < _until:
				return false
			_until = null
			_do(_call.resume())
			continue
		var met = _sending.poll()
		if met == null and _world.now() >= _call.end:
			_sending.cancel()
			met = Failure.new("DeadlineError", "%s: no answer in time" % _call.path)
		if met == null:
			return false
		_sending = null
		_do(_call.after(met))
		if _until != null:
			return false # the next poll is the earliest time to retry
	return true


# The time of the next poll without new data; null during a try.
func wakes_at():
	return _until


func cancel(why):
	if outcome != null:
		return
	if _sending != null:
		_sending.cancel()
	_call.give_up()
	_finish(Failure.new("CancelledError", why))


func _do(step):
	if step.has("send"):
		_sending = _transport.send(step.send, step.timeout)
	elif step.has("pause"):
		_until = _world.now() + step.pause
	elif step.has("answer"):
		_finish(step.answer)
	else:
		_finish(step.error)


func _finish(what):
	outcome = what
	var error = what.type if what is Failure else ""
	_listener.heard(_call.path, _call.tries, _world.now() - _start, _call.status, error)
