extends Node
# A client of a Hotseat model service that never blocks a frame.
#
# Add it to the tree: it works a little in each frame. Each method returns a ticket at
# once; check it in later frames, or wait for its signal `done`.
#
# `options` of a call, all optional: model, version (a number or an alias), options
# (temperature, seed, level), player_id, deadline (seconds), retries, and default: the
# answer to use if no answer comes, or if the input is refused; a wrong configuration is
# an error anyway.

# HOTSEAT_LOG=debug prints a line for each try, without keys and inputs.

# Emitted after each call; without a response `status` is 0, without an error `error` "".
signal call_over(path, tries, seconds, status, error)

const Address = preload("address.gd")
const Answer = preload("answer.gd")
const Call = preload("call.gd")
const Batcher = preload("batcher.gd")
const Platform = preload("platform.gd")
const Events = preload("events.gd")
const Failure = preload("error.gd")
const CircuitBreaker = preload("circuit_breaker.gd")
const OfflineModels = preload("offline_models.gd")
const Request = preload("request.gd")
const Text = preload("text.gd")
const Ticket = preload("ticket.gd")
const Transport = preload("transport.gd")
const Work = preload("work.gd")
const DAY = 86400.0
const KNOWN = ["model", "version", "options", "player_id", "deadline", "retries", "default"]

var base_url = "" # default: HOTSEAT_URL, else the address of `hotseat serve`
var deadline = 2.0 # time limit of a call in seconds, including connecting and retries
var retries = 1000 # the most retries of a call
# A key, or a function that returns a player's short-lived token. Each try calls the
# function; it must not wait. Default: HOTSEAT_API_KEY.
var api_key = null
var transport = Transport.new()
var world = Platform.new() # clock and random numbers
var batcher
var desk # the old name of batcher, for one release
var offline # the versions in the game's own files
var _breakers = {} # one a model, so that a broken model silences no other
var _texts = [] # texts being written
var _lines = {} # the canned lines of versions, as their answers have brought them
var _open = [] # calls under way: work, ticket, reader
var _told = [] # weak references to tickets after their signal
var _settled = [] # settled tickets before their signal


func _init(given_transport = null, given_world = null):
	if given_transport != null:
		transport = given_transport
	if given_world != null:
		world = given_world
	offline = OfflineModels.new(world)
	batcher = Batcher.new(self, world, _settled)
	desk = batcher


func _process(_delta):
	tick()


func _exit_tree():
	close()


# Predict one input: a text, named features, a board.
func predict(input, options = {}):
	var plain = input is String and options.get("model") == null
	return _one("predict", {"text": input} if plain else {"input": input}, options)


# Predict many inputs in one request; the result is an array in their order.
func predict_many(inputs, options = {}):
	var ticket = Ticket.new(_settled)
	if not Platform.is_list(inputs):
		ticket.settle(_wrong("inputs is a list, not one input: use predict"))
		return ticket
	return _start(ticket, "predict", {"inputs": inputs}, options, inputs.size())


# Explain a prediction: return it with `parts` and their weights.
func explain(input, options):
	return _one("explain", {"input": input}, options, true)


# Choose a policy's action: `action`, and the probability of each legal one. `options`
# may also hold level, temperature, seed, and legal: the legal actions.
func choose(board, options):
	var given = {"board": board}
	if options.get("legal") != null:
		given["legal"] = options.legal
	var rest = _with_options(options, ["level", "temperature", "seed"], ["legal"])
	if rest.get("default") is int or rest.get("default") is float:
		rest["default"] = str(rest["default"])
	return _one("predict", {"input": given}, rest, true)


# Generate an `item`; the same `seed` and wishes repeat it.
func generate(wishes, options):
	return _one("predict", {"input": wishes}, _with_options(options, ["seed"], []), true)


# Ask a model for server-sent events: `verb` such as "generate", and the fields of the
# request. The deadline counts to the end of the stream; retries end with the first event.
# Return a stream (events.gd) to look at each frame. `say` is for texts.
func stream(verb, body, options):
	var events = Events.new()
	events.ticket = Ticket.new(_settled)
	var wrong = _unknown(options)
	if wrong == null and (options.get("model") == null or options.has("default")):
		wrong = _wrong("a stream needs a model and has no default")
	var work = work_for(verb, body, options, world.now(), events) if wrong == null else wrong
	_take({"work": work, "ticket": events.ticket, "reader": "stream", "began": world.now()})
	return events


# Let a model write a text: a dictionary with the slots of the version's template, a prompt,
# or an array of messages {role, content}. `options`: model, version, max_tokens, temperature,
# top_p, seed, stop, schema (the answer's `value` keeps to it) or grammar, player_id, retries,
# deadline (seconds to the end of the text, 20 by default), and default: the line to use if
# no text comes; while the service is away, the version's canned line comes before it, if an
# earlier answer has brought one. A text that breaks off then ends with what came. Return a
# text (text.gd) to look at each frame.
func say(input, options):
	var text = Text.new(Ticket.new(_settled), world, options, _lines)
	var request = Text.request(input, options)
	if request is Failure:
		text.ticket.settle(request)
		return text
	text.begin(stream("generate", request[0], request[1]))
	if not text.poll():
		_texts.append(text)
	return text


# Submit from a game loop: inputs of a few milliseconds share a request.
# Pass a default to `result` of the ticket, not here.
func submit(input, options = {}):
	var wrong = _unknown(options)
	if wrong == null and options.has("default"):
		wrong = _wrong("pass the default to the ticket's result")
	if wrong != null:
		var ticket = Ticket.new(_settled)
		ticket.settle(wrong)
		return ticket
	return batcher.submit(input, options)


# Answer with a version of the game's own files while the service is away: the text of a file
# of `hotseat model export NAME@N --to portable`, and the SHA-256 that the command prints.
# Return the model, or a ConfigError, also if the version's golden rows differ here.
func use_offline(text, sha256 = ""):
	return offline.add(text, sha256)


# The service's catalogue: an array of dictionaries; `within` is a deadline in seconds.
func models(within = null):
	return _fetch("/v1/models", "models", within)


# One model with its signature and card: a dictionary.
func card(model, within = null):
	var named = Address.part(model)
	if named is Failure:
		var ticket = Ticket.new(_settled)
		ticket.settle(named)
		return ticket
	return _fetch("/v1/models/%s" % named, "model", within)


# Whether the service answers and has a model loaded: true or false.
func service_ready(within = null):
	return _fetch("/v2/health/ready", "ready", within)


# Continue as far as possible without waiting; `_process` does so in each frame.
func tick():
	batcher.poll()
	var before = _open
	_open = []
	for item in before:
		if not _is_over(item):
			_open.append(item)
	_poll_texts()
	_tell()


# The time of the next poll without new data, on the world's clock; null if only the
# network can change something.
func wakes_at():
	var first = batcher.wakes_at()
	for item in _open:
		var at = item.work.wakes_at()
		if at != null and (first == null or at < first):
			first = at
	return first


# The number of times the circuit breaker opened because the service failed.
func circuit_opened_count():
	var count = 0
	for breaker in _breakers.values():
		count += breaker.opened_count
	return count


# The old name of circuit_opened_count, for one release.
func openings():
	return circuit_opened_count()


# Cancel open tickets and close connections.
func close():
	var why = "the client was closed"
	batcher.close(why)
	for item in _open:
		item.work.cancel(why)
		item.ticket.settle(Failure.new("CancelledError", why))
	_open = []
	_poll_texts()
	transport.close()
	_tell()


# Start a call to a model; return its work or an error.
func work_for(verb, body, options, start, listener = null):
	var path = Address.path_of(verb, options.get("model"), options.get("version"))
	if path is Failure:
		return path
	var whole = body.duplicate()
	var chosen = options.get("options")
	if chosen != null and chosen.size() > 0:
		whole["options"] = chosen
	if options.get("player_id") != null:
		whole["player_id"] = options.player_id
	return _work("POST", path, whole, options.get("deadline"), start, options.get("model"),
			options.get("retries"), listener)


func _poll_texts():
	var before = _texts
	_texts = []
	for text in before:
		if not text.poll():
			_texts.append(text)


# Emit the signals of settled tickets; a reference keeps Godot from freeing them.
func _tell():
	var settled = _settled.duplicate()
	_settled.clear()
	for ticket in settled:
		ticket.emit_signal("done")
		_told.append(weakref(ticket))
	_tell_late()


# Continue what waits for a ticket that was ready before: its signal has been emitted.
func _tell_late():
	var alive = []
	for reference in _told:
		var ticket = reference.get_ref()
		if ticket == null:
			continue
		alive.append(reference)
		var waits = ticket.get_signal_connection_list("done")
		var once = waits.size() > 0
		for one in waits: # a lasting connection has had its call
			once = once and one.flags & CONNECT_ONESHOT != 0
		if once:
			ticket.emit_signal("done")
	_told = alive


func _one(verb, body, options, named = false):
	var ticket = Ticket.new(_settled)
	if named and options.get("model") == null: # the service has no default model for these requests
		ticket.settle(_wrong("no model: pass model"))
		return ticket
	return _start(ticket, verb, body, options, "prediction")


func _start(ticket, verb, body, options, reader):
	var began = world.now()
	var work = _unknown(options)
	if work == null:
		work = work_for(verb, body, options, began)
	var item = {"work": work, "ticket": ticket, "reader": reader, "began": began}
	if verb == "predict":
		item["asked"] = {"body": body, "options": options}
	if options.has("default"):
		item["default"] = options.default
	return _take(item)


func _fetch(path, reader, within):
	var began = world.now()
	var work = _work("GET", path, null, within, began)
	return _take({"work": work, "ticket": Ticket.new(_settled), "reader": reader,
			"began": began})


func _take(item):
	if item.work is Failure:
		item.ticket.settle(_instead(item, item.work))
	elif not _is_over(item):
		_open.append(item)
	return item.ticket


func _is_over(item):
	if item.ticket.ready():
		item.work.cancel("the ticket was cancelled")
		return true
	if not item.work.poll():
		return false
	var outcome = item.work.outcome
	if not outcome is Failure:
		outcome = _read(outcome, item.reader, world.now() - item.began)
	if outcome is Failure:
		outcome = _instead(item, outcome)
	item.ticket.settle(outcome)
	return true


func _read(answer, reader, latency):
	if reader is int:
		return Answer.predictions(answer, reader, latency)
	match reader:
		"stream":
			return true
		"models":
			return Answer.models(answer)
		"model":
			return Answer.model(answer)
		"ready":
			var is_ready = answer.get("ready")
			return is_ready is bool and is_ready
	return Answer.prediction(answer, latency)


# Return the device's answer or the default for a failed call, or the error without one.
func _instead(item, error):
	if item.has("asked"):
		var found = offline.instead(error, item.asked.body, item.asked.options,
				world.now() - item.began)
		if found != null and not found is Failure:
			return found
		error = error if found == null else found
	var reader = item.reader
	if reader is String and reader == "ready":
		return error if error.type == "ConfigError" else false
	if not item.has("default") or error.type == "ConfigError":
		return error
	var latency = world.now() - item.began
	if not reader is int:
		return Answer.stand_in(item.default, latency, error)
	var all = []
	for _at in range(reader):
		all.append(Answer.stand_in(item.default, latency, error))
	return all


func _work(method, path, body, given_deadline, start, model = "", given_retries = null,
		listener = null):
	var request = Request.made(base_url, method, path, body)
	if request is Failure:
		return request
	if listener != null:
		request["listener"] = listener
		request.headers["accept"] = "text/event-stream"
	if not deadline > 0.0:
		return _wrong("a deadline is more than 0 seconds, not %s" % deadline)
	var allowed = deadline if given_deadline == null else given_deadline
	if not allowed <= DAY: # NaN too
		return _wrong("a deadline is at most %d seconds, not %s" % [DAY, allowed])
	var steps = Call.new(request, api_key, path, start, allowed, world, _breaker_of(model))
	steps.share = allowed / deadline if allowed < deadline else 1.0
	steps.retries = retries if given_retries == null else given_retries
	steps.logs = OS.get_environment("HOTSEAT_LOG") == "debug"
	var work = Work.new(steps, start, transport, world, self)
	work.begin()
	if work.outcome is Failure and work.outcome.type == "ConfigError":
		return work.outcome # a key that is invalid in a header
	return work


func _breaker_of(model):
	var name = "" if model == null else str(model)
	if not _breakers.has(name):
		_breakers[name] = CircuitBreaker.new(world)
	return _breakers[name]


func _with_options(options, moved, dropped):
	var rest = options.duplicate()
	var chosen = {}
	for option in moved:
		if rest.get(option) != null:
			chosen[option] = rest[option]
		rest.erase(option)
	for option in dropped:
		rest.erase(option)
	rest["options"] = chosen
	return rest


func _unknown(options):
	for option in options:
		if not option in KNOWN:
			return _wrong("there is no option \"%s\"; there are %s" % [option, KNOWN])
	return null


func _wrong(what):
	return Failure.new("ConfigError", what)


# Report a finished call.
func heard(path, tries, seconds, status, error):
	emit_signal("call_over", path, tries, seconds, status, error)
