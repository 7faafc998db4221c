extends Reference
# Servers that misbehave (HOTSEAT_FAULTS: name, url, error): each call ends in time, with
# a documented error or its default, and no frame waits for it.

const Client = preload("res://addons/hotseat/client.gd")
const DEADLINE = 0.4
const LATE = 3.0 # a busy machine is late; the servers go on for 10 s

func run(tests):
	var given = OS.get_environment("HOTSEAT_FAULTS")
	if given == "":
		print("  HOTSEAT_FAULTS is empty")
		return
	var looks = []
	for fault in parse_json(given):
		var client = Client.new()
		client.base_url = fault.url
		tests.get_root().add_child(client)
		var began = OS.get_ticks_usec()
		var ticket = client.predict("x", {"deadline": DEADLINE})
		var other = client.predict("x", {"deadline": DEADLINE, "default": "ok"})
		while not (ticket.ready() and other.ready()):
			yield(tests, "idle_frame")
			var before = OS.get_ticks_usec()
			client.tick()
			looks.append(OS.get_ticks_usec() - before)
		var seconds = (OS.get_ticks_usec() - began) / 1000000.0
		var error = ticket.error()
		tests.check(fault.name, error.is_a(fault.error), error.text())
		tests.check(fault.name + " (in time)", seconds < DEADLINE + LATE, "%f s" % seconds)
		tests.check(fault.name + " (default)", other.result().is_default)
		client.free()
	tests.quick("a look", looks, 4000)
