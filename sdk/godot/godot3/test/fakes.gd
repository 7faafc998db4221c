extends Reference
# A server with canned answers and a clock of its own.

const Client = preload("res://addons/hotseat/client.gd")
const Failure = preload("res://addons/hotseat/error.gd")

var at = 100.0
var draws = []
var answers = []
var requests = []
var waits = []
var client
var slow = false # nothing arrives while it is set


func _init(given_answers, given_draws = []):
	answers = given_answers.duplicate()
	draws = given_draws.duplicate()
	client = Client.new(self, self)
	client.base_url = "http://localhost:8080"


func now():
	return at


func draw():
	return draws.pop_front() if draws.size() > 0 else 0.5


func send(request, timeout):
	requests.append(request)
	return Sending.new(self, answers.pop_front(), timeout)


func close():
	pass


# Work until a ticket is settled, moving the clock over pauses.
func settle(ticket):
	for _step in range(1000):
		if ticket.ready():
			return
		var wakes = client.wakes_at()
		if wakes != null:
			waits.append(wakes - at)
			at = wakes if wakes > at else at
		client.tick()


class Sending extends Reference:
	var _server
	var _answer
	var _timeout

	func _init(server, answer, timeout):
		_server = server
		_answer = answer
		_timeout = timeout

	func poll():
		if _server.slow:
			return null
		if _answer == null:
			return Failure.new("TransportError", "the vector has no further answer")
		_server.at += _answer.get("takes", 0.0)
		var fault = _answer.get("fault")
		if fault == "late":
			return Failure.new("DeadlineError", "no answer within %s s" % _timeout)
		if fault != null:
			return Failure.new("TransportError", fault)
		var text = _answer.text if _answer.has("text") else to_json(_answer.body)
		return {"status": int(_answer.status), "headers": _answer.get("headers", {}),
				"body": text.to_utf8()}

	func cancel():
		pass
