extends Node
# A chat that hides toxic lines and never blocks a frame.
#
# The service is at HOTSEAT_URL, else at the address of `hotseat serve`.

var _asked = [] # lines that wait for their answers


func say(line):
	_asked.append({"line": line, "ticket": $Hotseat.submit(line)})


func _ready():
	for line in ["gg wp", "good"]:
		say(line)


func _process(_delta):
	for item in _asked.duplicate():
		if item.ticket.ready():
			_asked.erase(item)
			var found = item.ticket.result("ok") # shown if the service is unavailable
			$Chat.text += "%s (%s)\n" % [item.line, found.label]
