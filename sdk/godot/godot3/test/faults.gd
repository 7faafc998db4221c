extends Reference
# Servers that misbehave (HOTSEAT_FAULTS: name, url, error): each call ends in time, with
# a documented error or its default, and no frame waits for it.

const Client = preload("res://addons/hotseat/client.gd")
const DEADLINE = 0.4
const LATE = 0.25 # a machine that does much else is late by so much

var _slowest = 0


func run(tests):
	var given = OS.get_environment("HOTSEAT_FAULTS")
	if given == "":
		print("  none are given")
		return
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
			var took = OS.get_ticks_usec() - before
			_slowest = took if took > _slowest else _slowest
		var seconds = (OS.get_ticks_usec() - began) / 1000000.0
		var error = ticket.error()
		tests.check(fault.name, error.is_a(fault.error), error.text())
		tests.check(fault.name + " (in time)", seconds < DEADLINE + LATE, "%f s" % seconds)
		tests.check(fault.name + " (default)", other.result().is_default)
		client.free()
	print("  the slowest look took %d us" % _slowest)
	tests.check("no frame waits", _slowest < 50000, "%d us" % _slowest)
