extends Reference
# A text as it is written. No method here waits: look each frame.
#
#	var line = client.say({"words": "Hello?"}, {"model": "npc-lines", "default": "Hm."})
#	...
#	label.text += line.take() # what came since the last look
#	if line.ready(): print(line.result().text)
#
# `ticket` is of its end and has the signal `done`.

const Answer = preload("answer.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Platform = preload("platform.gd")
const TextAnswer = preload("text_answer.gd")
const DEADLINE = 20.0 # seconds of a text, unless a call says another time
const SHARE = 0.9 # of it, after which the model ends its sentence
const CHOSEN = ["max_tokens", "temperature", "top_p", "seed", "schema", "grammar"]
const OF_CALL = ["model", "version", "player_id", "retries"]

var ticket
var _events = null
var _world
var _lines # the canned lines of versions, as earlier answers have brought them
var _version
var _default
var _has_format
var _start
var _first = null
var _text = ""
var _new = ""


func _init(of_end, world, options, lines):
	ticket = of_end
	_lines = lines
	_version = "%s %s" % [options.get("model"), options.get("version")]
	_world = world
	_start = world.now()
	_default = options.get("default")
	_has_format = options.get("schema") != null or options.get("grammar") != null


# The text that came since the last `take`; "" if none did.
func take():
	poll()
	var piece = _new
	_new = ""
	return piece


# The text so far; it stays when the stream breaks off.
func text():
	return _text


# Whether the text has ended or failed.
func ready():
	return poll()


# The answer (text_answer.gd); without it one with the default, or null without one.
func result(default = null):
	if poll() and ticket.error() == null:
		return ticket.result()
	if default == null:
		return null
	var answer = TextAnswer.new()
	answer.stand_in(default, error())
	return answer


# The reason for the missing answer, or null.
func error():
	return ticket.error()


# End the text; the service stops, too. Return whether it was open.
func cancel():
	var was_open = ticket.cancel()
	if _events != null:
		_events.cancel()
	return was_open


# Return [body, options of the stream], or an error.
static func request(input, options):
	for option in options:
		if not option in CHOSEN + OF_CALL + ["stop", "deadline", "default"]:
			return Failure.new("ConfigError", "there is no option \"%s\" of a text" % option)
	if options.get("schema") != null and options.get("grammar") != null:
		return Failure.new("ConfigError", "pass schema or grammar, not both")
	var seconds = DEADLINE if options.get("deadline") == null else options.deadline
	if not (seconds > 0.0 and seconds <= 86400.0):
		return Failure.new("ConfigError", "a deadline is more than 0 seconds and at most a day")
	var whole = int(round(seconds * SHARE * 1000.0))
	var chosen = {"deadline_ms": whole if whole > 1 else 1, "stream": true}
	for option in CHOSEN:
		if options.get(option) != null:
			chosen[option] = options[option]
	if options.get("stop") != null:
		chosen["stop"] = [options.stop] if options.stop is String else options.stop
	var body = {"options": chosen}
	if input is String:
		body["input"] = {"prompt": input}
	elif input is Dictionary:
		body["input"] = {"context": input}
	elif Platform.is_list(input):
		body["input"] = {"messages": input}
	else:
		return Failure.new("ConfigError",
				"expected a prompt, a list of messages or a dictionary of slots")
	var call = {"deadline": seconds}
	for option in OF_CALL:
		if options.get(option) != null:
			call[option] = options[option]
	return [body, call]


# Read the events of a stream from now on.
func begin(events):
	_events = events


# Take what has come; return whether the text has ended.
func poll():
	if _events == null or ticket.ready():
		return ticket.ready()
	var is_over = _events.ready()
	var event = _events.next()
	while event != null and not ticket.ready():
		_read(event)
		event = _events.next()
	if is_over and not ticket.ready():
		var failed = _events.error()
		fail(failed if failed != null else Failure.new("TransportError",
				"the text ended without its last event"))
	return ticket.ready()


# End with what stands for a failed text, or with its error.
func fail(failure):
	var default = _default
	if failure.is_away() and not _has_format and _lines.has(_version):
		default = _lines[_version]
	if default == null or failure.type in ["ConfigError", "CancelledError"]:
		ticket.settle(failure)
		return
	var answer = TextAnswer.new()
	if _text != "" and not _has_format:
		answer.text = _text
		answer.finish_reason = "broken_off"
		answer.reason = failure.text()
	else:
		answer.stand_in(default, failure)
		if _text == "":
			_add(answer.text)
	_settle(answer)


func _read(event):
	if not event.name in ["token", "done", "error"]:
		return # of a later service
	var wrong = null
	var fields = Json.read(Platform.bytes_of(event.data))
	if not fields is Dictionary:
		wrong = TextAnswer.strange("an event %s that is no JSON object" % event.name)
	elif event.name == "token":
		if fields.get("text") is String:
			_add(fields.text)
		else:
			wrong = TextAnswer.strange("a token without a text")
	elif event.name == "done":
		var answer = TextAnswer.new()
		wrong = answer.read(fields)
		if wrong == null:
			if answer.text.begins_with(_text):
				_add(answer.text.substr(_text.length()))
			if fields.get("canned") is String:
				_lines[_version] = fields.canned
			_settle(answer)
	else:
		var status = fields.get("status")
		if not ((status is float or status is int) and status >= 400):
			status = 500
		wrong = Answer.read({"status": int(status), "headers": {},
				"body": Platform.bytes_of(event.data)})
	if wrong != null:
		fail(wrong)
		_events.cancel()


func _add(piece):
	if piece != "" and _first == null:
		_first = _world.now() - _start
	_text += piece
	_new += piece


func _settle(answer):
	answer.latency = _world.now() - _start
	answer.first_latency = _first
	_text = answer.text
	ticket.settle(answer)
