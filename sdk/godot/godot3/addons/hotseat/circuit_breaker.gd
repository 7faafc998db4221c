extends Reference
# A retry budget and a circuit breaker, to spare a failing service and the game's time.
#
# The retry budget: each retry takes a token, each success returns a tenth of one (as in
# gRPC's retry throttling, gRFC A6). The circuit breaker: after some failures in a row,
# calls fail at once for a while, then the client sends one probe (Nygard,
# "Release It!"). Both take the clock as an argument.

const TOKENS = 100
const TOKEN = 10 # in tenths, so that ten of them are one
const FAILURES = 5
const FIRST = 1.0
const LONGEST = 30.0

var opened_count = 0 # the number of times the circuit opened
var _world
var _tokens = TOKENS
var _failures = 0.0
var _until = 0.0
var _pause = FIRST
var _probing = false


func _init(world):
	_world = world


# Whether a call may be sent now; an open circuit admits one probe.
func admit():
	if _failures < FAILURES:
		return true
	# a clock that jumped back must not keep the circuit open for days
	var waits = _until - _world.now()
	if _probing or (waits > 0.0 and waits <= LONGEST):
		return false
	_probing = true
	return true


# Take a token for a retry; return whether one was left.
func may_retry():
	if _tokens < TOKEN:
		return false
	_tokens -= TOKEN
	return true


# Record an answer of the service: a success, or an error of the request.
func succeeded():
	_tokens = min(_tokens + 1, TOKENS)
	_failures = 0.0
	_pause = FIRST
	_probing = false


# Record a missing answer or a failure of the service. `share` is how much it says about
# the service, from 0 to 1: a caller with a tiny deadline learns little from missing it.
func failed(share = 1.0):
	if _failures >= FAILURES and not _probing:
		return # a call that was under way when the circuit opened
	_failures += share
	if _failures < FAILURES:
		return
	if _probing:
		_pause = min(2.0 * _pause, LONGEST)
	_probing = false
	opened_count += 1
	_until = _world.now() + _pause


# Record the end of a call that says nothing about the service's state.
func gave_up():
	_probing = false
