extends Reference
# A text that a model wrote.

const Json = preload("json.gd")
const Failure = preload("error.gd")

var text = ""
# stop, length (max_tokens), deadline (ended in time), filtered, canned (a prepared line in
# its place) or broken_off (the text so far, with `reason`); others may follow
var finish_reason = ""
var value = null # the parsed text, if the call had a schema
var model = null
var version = null
var prompt_tokens = null
var completion_tokens = null
var request_id = null
var warnings = [] # possible mistakes: {code, detail, pointer}
var latency = 0.0 # seconds from call to end, including retries
var first_latency = null # seconds from call to the first piece; null without one
var is_default = false # whether no model answered: the text is the caller's default
var source = "service" # or "default"
var reason = null # why the default was used or the text broke off
var raw = {} # the whole answer, including fields unknown to this SDK


# Take the fields of an event `done`; return an error, or null.
func read(answer):
	for field in ["text", "finish_reason"]:
		if not answer.get(field) is String:
			return strange("an end without text and finish_reason")
	var usage = answer.get("usage") if answer.get("usage") is Dictionary else {}
	text = answer.text
	finish_reason = answer.finish_reason
	value = answer.get("value")
	model = answer.get("model")
	version = _whole(answer.get("version"))
	prompt_tokens = _whole(usage.get("prompt_tokens"))
	completion_tokens = _whole(usage.get("completion_tokens"))
	request_id = answer.get("request_id")
	warnings = answer.get("warnings") if answer.get("warnings") is Array else []
	raw = answer
	return null


# Take a default, a text or the value of a schema, and its reason.
func stand_in(default, error):
	text = default if default is String else Json.write(default)
	value = null if default is String else default
	finish_reason = "canned"
	is_default = true
	source = "default"
	reason = error.text()


func _whole(number):
	return int(number) if number is float or number is int else null


static func strange(what):
	return Failure.new("TransportError",
			"the stream has %s: is this a Hotseat service?" % what)
