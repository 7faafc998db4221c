extends RefCounted
# Collects the tickets of a frame and has them answered, many in one request.

const Answer = preload("answer.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Ticket = preload("ticket.gd")
const SENDERS = 4 # requests under way at a time

var window = 0.004 # seconds in which submitted inputs become one request
var batch = 64
var _client
var _world
var _groups = {} # what has to be the same for inputs to go in one request: its items
var _first = null # when the oldest of them came
var _under_way = []
var _alone = 0
var _settled


func _init(client, world, settled):
	_client = weakref(client) # which holds this desk
	_world = world
	_settled = settled


# Take an input; returns at once.
func submit(input, options):
	var ticket = Ticket.new(_settled)
	var key = Json.write([options.get("model"), options.get("version"),
			options.get("options"), options.get("player_id"), options.get("deadline")])
	if key == null:
		ticket.settle(Failure.new("ConfigError", "the options are not JSON"))
	elif Json.write(input) == null:
		# told now, so that the others of its request do not suffer
		ticket.settle(Failure.new("ConfigError", "the input is not JSON"))
	else:
		if not _groups.has(key):
			_groups[key] = []
		_groups[key].append({"input": input, "options": options, "ticket": ticket})
		if _first == null:
			_first = _world.now()
	return ticket


# Go on as far as it goes without waiting.
func poll():
	var before = _under_way
	_under_way = []
	for group in before:
		if not _arrived(group):
			_under_way.append(group)
	if _first != null and _world.now() - _first >= window:
		_send_some()


# When a window is over; null where no input waits, or too much is under way.
func wakes_at():
	return null if _first == null or _under_way.size() >= SENDERS else _first + window


func close(why):
	for group in _under_way:
		group.work.cancel(why)
		_settle_all(group.items, Failure.new("CancelledError", why))
	for key in _groups:
		_settle_all(_groups[key], Failure.new("CancelledError", why))
	_under_way = []
	_groups = {}
	_first = null


func _send_some():
	for key in _groups.keys():
		while _under_way.size() < SENDERS and _groups.has(key):
			var taken = []
			var rest = []
			for item in _groups[key]:
				if item.ticket.ready():
					continue # cancelled
				if taken.size() < batch:
					taken.append(item)
				else:
					rest.append(item)
			if rest.size() > 0:
				_groups[key] = rest
			else:
				_groups.erase(key)
			_send(taken)
	if _groups.size() == 0:
		_first = null


func _send(items):
	var client = _client.get_ref()
	if items.size() == 0 or client == null:
		return
	var inputs = []
	for item in items:
		inputs.append(item.input)
	var start = _world.now()
	var work = client.work_for("predict", {"inputs": inputs}, items[0].options)
	if work is Failure:
		_settle_all(items, work)
		return
	var group = {"items": items, "work": work, "start": start}
	if not _arrived(group):
		_under_way.append(group)


func _arrived(group):
	if not group.work.poll():
		if _all_settled(group.items):
			group.work.cancel("the tickets were cancelled")
			return true
		return false
	var outcome = group.work.outcome
	var items = group.items
	if not outcome is Failure:
		outcome = Answer.predictions(outcome, items.size(), _world.now() - group.start)
	if outcome is Failure:
		if items.size() > 1 and outcome.pointer != null:
			# one input is wrong: the others must not suffer for it
			for item in items:
				_alone += 1
				_groups["alone %d" % _alone] = [item]
			_first = _world.now() - window
		else:
			_settle_all(items, outcome)
	else:
		for at in range(items.size()):
			items[at].ticket.settle(outcome[at])
	return true


func _all_settled(items):
	for item in items:
		if not item.ticket.ready():
			return false
	return true


func _settle_all(items, what):
	for item in items:
		item.ticket.settle(what)
