extends Reference
# A stream of server-sent events that goes on. No method here waits: look each frame.
#
#	var stream = client.stream("generate", {"prompt": "..."}, {"model": "npc"})
#	...
#	var event = stream.next() # {name, data}, or null: nothing new
#	if event == null and stream.ready(): # the end; `error` says whether it broke off
#
# The parser takes bytes however they are cut (WHATWG HTML, "Parsing an event stream"). It
# keeps no ids: a broken stream is not resumed.

const Platform = preload("platform.gd")
const RETURN = 13
const NEWLINE = 10

var ticket # of the end of the stream
var has_begun = false
var _events = []
var _line = Platform.no_bytes()
var _data = []
var _name = ""
var _after_return = false
var _is_first = true


# The next event, {name, data}, or null.
func next():
	return _events.pop_front()


# Whether the stream has ended; events may be left.
func ready():
	return ticket.ready()


# Why the stream broke off, or null.
func error():
	return ticket.error()


# End the stream; the service stops, too. Return whether it was open.
func cancel():
	return ticket.cancel()


# Take bytes of the stream.
func piece(bytes):
	has_begun = true
	var start = 0
	for at in range(bytes.size()):
		var byte = bytes[at]
		if byte != RETURN and byte != NEWLINE:
			_after_return = false
			continue
		if at > start:
			_line.append_array(_part(bytes, start, at))
		start = at + 1
		if byte == RETURN or not _after_return:
			_take(Platform.text_of(_line))
			_line = Platform.no_bytes()
		_after_return = byte == RETURN
	if start < bytes.size():
		_line.append_array(_part(bytes, start, bytes.size()))


func _part(bytes, start, stop):
	return Platform.part(bytes, start, stop)


func _take(text):
	if _is_first and text.begins_with(char(0xFEFF)):
		text = text.substr(1)
	_is_first = false
	if text == "":
		if _data.size() > 0:
			var whole = _data[0]
			for at in range(1, _data.size()):
				whole += "\n" + _data[at]
			_events.append({"name": "message" if _name == "" else _name, "data": whole})
		_data = []
		_name = ""
		return
	var colon = text.find(":")
	var field = text if colon < 0 else text.substr(0, colon)
	var value = "" if colon < 0 else text.substr(colon + 1)
	if value.begins_with(" "):
		value = value.substr(1)
	if field == "data":
		_data.append(value)
	elif field == "event":
		_name = value
