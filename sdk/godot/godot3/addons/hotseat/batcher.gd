extends Reference
# Collects the tickets of a frame and gets their answers, many in one request.

const Answer = preload("answer.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Ticket = preload("ticket.gd")
const SENDERS = 4 # requests under way at a time

var window = 0.004 # seconds of submitted inputs in one request
var batch = 64
var _client
var _world
var _waiting = [] # groups of inputs, each one request
var _filling = {} # the open group of inputs, by their common options
var _first = null # time of the oldest of them
var _under_way = []
var _settled


func _init(client, world, settled):
	_client = weakref(client) # the owner of this batcher
	_world = world
	_settled = settled


# Queue an input and return its ticket at once.
func submit(input, options):
	var ticket = Ticket.new(_settled)
	var key = Json.write([options.get("model"), options.get("version"),
			options.get("options"), options.get("player_id"), options.get("deadline"),
			options.get("retries")])
	# converted at once: errors show here, and no frame converts a whole batch
	var text = Json.write(input)
	if key == null or text == null:
		ticket.settle(Failure.new("ConfigError", "the input or its options are not JSON"))
		return ticket
	var group = _filling.get(key)
	if group == null or group.tickets.size() >= batch:
		group = _group(options, _world.now())
		_filling[key] = group
	group.inputs.append(Json.Written.new(text))
	group.tickets.append(ticket)
	if _first == null:
		_first = _world.now()
	return ticket


# Continue as far as possible without waiting.
func poll():
	var before = _under_way
	_under_way = []
	for group in before:
		if not _arrived(group):
			_under_way.append(group)
	if _first == null or _world.now() - _first < window:
		return
	_filling = {} # later inputs belong to the next window
	while _waiting.size() > 0 and _under_way.size() < SENDERS:
		_send(_waiting.pop_front())
	if _waiting.size() == 0:
		_first = null


# The end of the next window or pause; null without one.
func wakes_at():
	var first = null
	if _first != null and _under_way.size() < SENDERS:
		first = _first + window
	for group in _under_way:
		var at = group.work.wakes_at()
		if at != null and (first == null or at < first):
			first = at
	return first


func close(why):
	for group in _under_way:
		group.work.cancel(why)
	for group in _under_way + _waiting:
		_settle_all(group, Failure.new("CancelledError", why))
	_under_way = []
	_waiting = []
	_filling = {}
	_first = null


# Add a group of inputs for one request to the queue, with their tickets. Its time limit
# counts from its first input.
func _group(options, start):
	var group = {"options": options, "start": start, "inputs": [], "tickets": []}
	_waiting.append(group)
	return group


func _send(group):
	var open = group.duplicate()
	open.inputs = []
	open.tickets = []
	for at in range(group.tickets.size()):
		if not group.tickets[at].ready(): # a ready ticket was cancelled
			open.inputs.append(group.inputs[at])
			open.tickets.append(group.tickets[at])
	var client = _client.get_ref()
	if open.tickets.size() == 0 or client == null:
		return
	open["work"] = client.work_for(
			"predict", {"inputs": open.inputs}, open.options, open.start)
	if open.work is Failure:
		_settle_all(open, open.work)
	elif not _arrived(open):
		_under_way.append(open)


func _arrived(group):
	if not group.work.poll():
		if _all_settled(group):
			group.work.cancel("the tickets were cancelled")
			return true
		return false
	var outcome = group.work.outcome
	var tickets = group.tickets
	if not outcome is Failure:
		outcome = Answer.predictions(outcome, tickets.size(), _world.now() - group.start)
	var client = _client.get_ref()
	if outcome is Failure and client != null:
		var found = client.offline.instead(outcome, {"inputs": group.inputs}, group.options,
				_world.now() - group.start)
		outcome = outcome if found == null else found
	if not outcome is Failure:
		for at in range(tickets.size()):
			tickets[at].settle(outcome[at])
	elif tickets.size() == 1 or outcome.pointer == null:
		_settle_all(group, outcome)
	else:
		# one input is invalid: send each alone, so that the others succeed
		for at in range(tickets.size()):
			var alone = _group(group.options, group.start)
			alone.inputs.append(group.inputs[at])
			alone.tickets.append(tickets[at])
		_first = _world.now() - window
	return true


func _all_settled(group):
	for ticket in group.tickets:
		if not ticket.ready():
			return false
	return true


func _settle_all(group, what):
	for ticket in group.tickets:
		ticket.settle(what)
