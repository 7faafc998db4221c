extends Reference
# Tickets, the retry budget and the circuit breaker.

const Fakes = preload("fakes.gd")
const CircuitBreaker = preload("res://addons/hotseat/circuit_breaker.gd")

var _tests


func run(tests):
	_tests = tests
	for method in get_method_list():
		if method.name.begins_with("test_"):
			call(method.name)


func test_the_circuit_opens_and_one_call_looks():
	var server = Fakes.new([])
	for _call in range(5):
		server.settle(server.client.predict("x", {"deadline": 0.001}))
	_tests.same("openings", server.client.circuit_opened_count(), 1)
	var sent = server.requests.size()
	var refused = server.client.predict("x", {"default": "ok"})
	_tests.check("refused at once", refused.ready() and refused.result().is_default)
	_tests.same("nobody was asked", server.requests.size(), sent)
	server.at += 1.5
	server.answers = [{"status": 200, "body": {"label": "a"}}]
	var looked = server.client.predict("x")
	server.settle(looked)
	_tests.same("one call looks", looked.result().label, "a")
	server.client.free()


func test_retries_are_limited():
	var server = Fakes.new([])
	server.settle(server.client.predict("x", {"retries": 2, "deadline": 60.0}))
	_tests.same("tries", server.requests.size(), 3)
	server.client.retries = 0
	server.settle(server.client.predict("x", {"deadline": 60.0}))
	_tests.same("the client's", server.requests.size(), 4)
	server.client.free()


func test_a_broken_model_silences_no_other():
	var server = Fakes.new([])
	for _call in range(6):
		server.settle(server.client.predict("x", {"model": "bad", "default": "d"}))
	_tests.check("its circuit opened", server.client.circuit_opened_count() > 0)
	server.answers = [{"status": 200, "body": {"label": "a"}}]
	var other = server.client.predict("x", {"model": "good"})
	server.settle(other)
	_tests.same("the other answers", other.result().label, "a")
	server.client.free()


func test_a_callers_tiny_deadline_does_not_open_the_circuit():
	var server = Fakes.new([])
	for _call in range(20):
		server.answers = [{"fault": "late"}]
		server.settle(server.client.predict("x", {"deadline": 0.1, "default": "d"}))
	_tests.same("closed", server.client.circuit_opened_count(), 0)
	for _call in range(5):
		server.answers = [{"fault": "late"}]
		server.settle(server.client.predict("x", {"default": "d"}))
	_tests.same("its own deadline does", server.client.circuit_opened_count(), 1)
	server.client.free()


func test_an_expired_token_is_replaced_at_once():
	var expired = {"status": 401, "body": {"code": "unauthorized"}}
	var server = Fakes.new([expired, {"status": 200, "body": {"label": "a"}}])
	server.client.api_key = funcref(self, "_token")
	var ticket = server.client.predict("x")
	server.settle(ticket)
	_tests.same("answered", ticket.result().label, "a")
	_tests.same("with a new one", server.requests[1].headers["authorization"], "Bearer 2")
	_tests.same("without a pause", server.waits, [])
	server.answers = [expired, expired]
	ticket = server.client.predict("x")
	server.settle(ticket)
	_tests.same("once", ticket.error().type, "AuthError")
	server.client.free()


var _tokens = 0


func _token():
	_tokens += 1
	return str(_tokens)


func test_the_circuit_breaker_by_its_steps():
	var world = Fakes.new([])
	var breaker = CircuitBreaker.new(world)
	# an outcome, or seconds of waiting; whether a call is admitted afterwards; openings
	var steps = [["failed", true, 0], ["failed", true, 0], ["failed", true, 0],
			["failed", true, 0], ["failed", false, 1], [0.9, false, 1], [0.2, true, 1],
			[0.0, false, 1], # one probe at a time
			["failed", false, 2], [1.9, false, 2], [0.2, true, 2],
			["gave_up", true, 2], # a probe without an outcome: another is admitted
			["failed", false, 3], ["failed", false, 3], # a call that was under way before
			[3.9, false, 3], [-1000.0, true, 3], # the clock jumps back
			["succeeded", true, 3], ["failed", true, 3], ["failed", true, 3],
			["failed", true, 3], ["failed", true, 3], ["failed", false, 4],
			[1.1, true, 4]] # closing resets the pause
	for step in steps:
		if step[0] is String:
			breaker.call(step[0])
		else:
			world.at += step[0]
		_tests.same("after %s" % [step], [breaker.admit(), breaker.opened_count], [step[1], step[2]])
	for _look in range(10):
		breaker.failed()
		_tests.check("open", not breaker.admit())
		world.at += 30.1 # the longest pause
		_tests.check("looked at again", breaker.admit())
	world.client.free()


func test_a_success_gives_a_tenth_of_a_retry_back():
	var world = Fakes.new([])
	var breaker = CircuitBreaker.new(world)
	for at in range(11):
		_tests.same("token %d" % at, breaker.may_retry(), at < 10)
	for _success in range(10):
		breaker.succeeded()
	_tests.check("one more", breaker.may_retry() and not breaker.may_retry())
	world.client.free()


func test_a_request_holds_no_more_than_a_batch_and_four_go_at_a_time():
	var server = Fakes.new([])
	for _request in range(6):
		server.answers.append({"status": 200, "takes": 0.1,
				"body": {"predictions": [{"label": "a"}, {"label": "b"}]}})
	server.client.batcher.batch = 2
	server.slow = true
	var tickets = []
	for _at in range(12):
		tickets.append(server.client.submit("x"))
	server.at += 0.01
	server.client.tick()
	_tests.same("at a time", server.requests.size(), 4)
	server.slow = false
	server.settle(tickets[11])
	_tests.same("requests", server.requests.size(), 6)
	_tests.same("in order", tickets[10].result().label + tickets[11].result().label, "ab")
	server.client.free()


func test_a_retry_after_of_0_becomes_no_storm():
	var server = Fakes.new([{"status": 503, "headers": {"retry-after": "0"}, "text": ""},
			{"status": 200, "body": {"label": "a"}}])
	server.settle(server.client.predict("x"))
	_tests.check("waits", abs(server.waits[0] - 0.025) < 1e-6, "%s" % [server.waits])
	server.client.free()


func test_the_retry_budget_ends():
	var server = Fakes.new([])
	var ticket = server.client.predict("x", {"deadline": 80000.0})
	server.settle(ticket)
	_tests.same("one try and ten more", server.requests.size(), 11)
	server.client.free()


func test_a_frames_inputs_are_one_request():
	var server = Fakes.new([])
	var labels = []
	for at in range(20):
		labels.append({"label": "line %d" % at})
	server.answers = [{"status": 200, "body": {"predictions": labels}}]
	var tickets = []
	for at in range(20):
		tickets.append(server.client.submit("line %d" % at, {"model": "chat"}))
	_tests.check("not yet", not tickets[0].ready())
	_tests.same("says so", tickets[0].error().type, "NotReadyError")
	_tests.check("default meanwhile", tickets[0].result("ok").is_default)
	_tests.same("nothing without a default", tickets[0].result(), null)
	server.settle(tickets[19])
	_tests.same("one request", server.requests.size(), 1)
	for at in range(20):
		_tests.same("its own answer", tickets[at].result().label, "line %d" % at)
	server.client.free()


func test_different_questions_do_not_share_a_request():
	var server = Fakes.new([])
	for at in range(2):
		server.answers.append({"status": 200, "body": {"predictions": [{"label": str(at)}]}})
	var one = server.client.submit("x", {"model": "a"})
	var two = server.client.submit("x", {"model": "b"})
	server.settle(one)
	server.settle(two)
	_tests.same("two requests", server.requests.size(), 2)
	_tests.same("paths", server.requests[1].path, "/v1/models/b/predict")
	server.client.free()


func test_one_bad_input_does_not_spoil_the_others():
	var bad = {"status": 422, "body": {"code": "invalid_input", "pointer": "/inputs/1"}}
	var good = {"status": 200, "body": {"predictions": [{"label": "a"}]}}
	var server = Fakes.new([bad, good, bad, good])
	var tickets = []
	for text in ["a", "", "b"]:
		tickets.append(server.client.submit(text))
	for ticket in tickets:
		server.settle(ticket)
	_tests.same("first", tickets[0].result().label, "a")
	_tests.same("bad", tickets[1].error().type, "BadInputError")
	_tests.same("last", tickets[2].result().label, "a")
	_tests.same("requests", server.requests.size(), 4)
	server.client.free()


func test_cancelled_and_closed_tickets_settle_at_once():
	var server = Fakes.new([])
	var cancelled = server.client.submit("x")
	_tests.check("was open", cancelled.cancel() and not cancelled.cancel())
	_tests.same("cancelled", cancelled.error().type, "CancelledError")
	server.at += 1.0
	server.client.tick()
	_tests.same("nobody is asked", server.requests.size(), 0)
	var open = server.client.submit("y")
	server.client.close()
	_tests.same("closed", open.error().type, "CancelledError")
	server.client.free()


func test_the_hook_hears_of_a_call():
	var server = Fakes.new([{"fault": "reset"}, {"status": 200, "body": {"label": "a"}}])
	server.client.connect("call_over", self, "_hear")
	server.settle(server.client.predict("x"))
	_tests.same("heard", _heard, ["/model-service", 2, 200, ""])
	server.client.free()


var _heard = []


func _hear(path, tries, _seconds, status, error):
	_heard = [path, tries, status, error]


func test_a_tickets_time_counts_from_when_it_was_submitted():
	var server = Fakes.new([])
	var ticket = server.client.submit("x", {"deadline": 0.5})
	server.at += 0.6
	server.client.tick()
	_tests.same("too late", ticket.error().type, "DeadlineError")
	_tests.same("nobody was asked", server.requests.size(), 0)
	server.client.free()
