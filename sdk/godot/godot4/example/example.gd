extends Node
# A chat that hides what a model finds toxic, and never holds up a frame for it.
#
# It asks the service at HOTSEAT_URL, else where `hotseat serve` listens.

var _asked = [] # lines whose answer is on its way


func say(line):
	_asked.append({"line": line, "ticket": $Hotseat.submit(line)})


func _ready():
	for line in ["gg wp", "good"]:
		say(line)


func _process(_delta):
	for item in _asked.duplicate():
		if item.ticket.ready():
			_asked.erase(item)
			var found = item.ticket.result("ok") # shown where the service is away
			$Chat.text += "%s (%s)\n" % [item.line, found.label]
