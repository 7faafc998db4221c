extends Reference
# The place of an answer that is on its way. No method here waits.

signal done # told by the client when the frame's work is done, never at once

const Answer = preload("answer.gd")
const Failure = preload("error.gd")

var _answer = null
var _error = null
var _settled # the client's: it tells them in its next look, and holds them meanwhile


func _init(settled):
	_settled = settled


# Whether the answer, or the error, is there.
func ready():
	return _answer != null or _error != null


# The answer. Where there is none yet, or none could be had: a prediction that holds the
# default, or null without one; `error` then says why.
func result(default = null):
	if _answer != null:
		return _answer
	return null if default == null else Answer.stand_in(default, 0.0)


# Why there is no answer; null where there is one.
func error():
	if _answer != null:
		return null
	if _error != null:
		return _error
	return Failure.new("NotReadyError", "the answer is not there yet")


# Let the answer go; whether it was still open.
func cancel():
	return settle(Failure.new("CancelledError", "the ticket was cancelled"))


# Take the answer or the error, the first that comes; whether it was.
func settle(what):
	if ready():
		return false
	if what is Failure:
		_error = what
	else:
		_answer = what
	_settled.append(self)
	_settled = null # or each would hold the other for ever
	return true
