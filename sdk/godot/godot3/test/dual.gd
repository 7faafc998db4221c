extends Reference
# A name with a dead IPv6 address first (HOTSEAT_DUAL: its URLs, plain and with TLS): the
# other family answers, no frame waits, and the connection is kept.

const Client = preload("res://addons/hotseat/client.gd")


func run(tests):
	for url in OS.get_environment("HOTSEAT_DUAL").split(" ", false):
		var client = Client.new()
		client.base_url = url
		tests.get_root().add_child(client)
		for number in range(2):
			var looks = [0]
			var began = OS.get_ticks_usec()
			var ticket = client.predict("x", {"deadline": 10.0})
			while not ticket.ready():
				yield(tests, "idle_frame")
				var before = OS.get_ticks_usec()
				client.tick()
				looks.append(OS.get_ticks_usec() - before)
			var seconds = (OS.get_ticks_usec() - began) / 1000000.0
			var error = ticket.error()
			tests.check("%s %d" % [url, number], error == null, "" if error == null else error.text())
			tests.check("%s %d (in time)" % [url, number], seconds < 5.0, "%f s" % seconds)
			tests.check("%s %d (raced)" % [url, number], number == 1 or seconds > 0.2, "%f s" % seconds)
			tests.quick("a look", looks, 20000)
		client.free()
