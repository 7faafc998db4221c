extends Reference
# A DNS that hangs for seconds (HOTSEAT_SLOW_HOST): no frame waits, the deadline holds.

const Client = preload("res://addons/hotseat/client.gd")
const DEADLINE = 0.4


func run(tests):
	var host = OS.get_environment("HOTSEAT_SLOW_HOST")
	if host == "":
		print("  HOTSEAT_SLOW_HOST is empty")
		return
	var client = Client.new()
	client.base_url = "http://%s" % host
	tests.get_root().add_child(client)
	for number in range(2): # the second call comes while the first look-up runs
		var looks = []
		var began = OS.get_ticks_usec()
		var ticket = client.predict("x", {"deadline": DEADLINE, "default": "ok"})
		while not ticket.ready():
			yield(tests, "idle_frame")
			var before = OS.get_ticks_usec()
			client.tick()
			looks.append(OS.get_ticks_usec() - before)
		var seconds = (OS.get_ticks_usec() - began) / 1000000.0
		tests.check("slow DNS %d (in time)" % number, seconds < DEADLINE + 1.2, "%f s" % seconds)
		tests.check("slow DNS %d (default)" % number, ticket.result().is_default)
		tests.quick("a look while a name is looked up", looks, 20000)
	client.free()
