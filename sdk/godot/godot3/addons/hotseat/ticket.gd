extends Reference
# A pending answer. No method here waits.

signal done # emitted by the client at the end of the frame's work, never at once

const Answer = preload("answer.gd")
const Failure = preload("error.gd")

var _answer = null
var _error = null
var _settled # the client's list: it emits their signals in its next poll and holds them until then


func _init(settled):
	_settled = settled


# Whether the answer or the error has arrived.
func ready():
	return _answer != null or _error != null


# The answer. Before it, or after an error: a prediction with the default, or null
# without one; `error` has the reason.
func result(default = null):
	if _answer != null:
		return _answer
	return null if default == null else Answer.stand_in(default, 0.0, error())


# The reason for the missing answer, or null.
func error():
	if _answer != null:
		return null
	if _error != null:
		return _error
	return Failure.new("NotReadyError", "the answer has not arrived")


# Cancel the ticket; return whether it was still open.
func cancel():
	return settle(Failure.new("CancelledError", "the ticket was cancelled"))


# Set the answer or the error unless one is set; return whether it did.
func settle(what):
	if ready():
		return false
	if what is Failure:
		_error = what
	else:
		_answer = what
	_settled.append(self)
	_settled = null # breaks the reference cycle
	return true
