extends Reference
# Looks names up in threads, so that a slow DNS never stops a frame.
#
# Godot's own look-up shares a lock with the main thread, which waits for it while it runs.
# Here nothing asks Godot for a name until a thread has the address; then the engine knows
# it, too. One thread a name at a time; a thread that is slow ends by itself.

const Platform = preload("platform.gd")
const FRESH = 60.0 # seconds until a name is looked up again

var world = Platform.new()
var _names = {} # by host: {thread, done, found, at}


# Start looking a name up, unless it is known or being looked up.
func start(host):
	if not _needs_lookup(host):
		return
	var known = _names.get(host)
	if known != null and (not known.done or (known.found and world.now() - known.at < FRESH)):
		return
	var item = Item.new()
	_names[host] = item
	item.at = world.now()
	Platform.keep(item) # until its thread ends, even if the client is gone
	item.thread = Platform.start_thread(item, "run", host)


# Whether a name has an address; null while it is being looked up.
func state(host):
	if not _needs_lookup(host):
		return true
	var item = _names.get(host)
	if item == null:
		return false
	if item.done:
		if item.join():
			Platform.release(item)
		return item.found
	return null


# The addresses of a name that was looked up, one a family, the system's choice first;
# none if Godot looks the name up.
func addresses(host):
	return _names[host].addresses if _needs_lookup(host) and _names.has(host) else []


func _needs_lookup(host):
	return Platform.has_threads() and not host.is_valid_ip_address() and host != "localhost"


class Item extends Reference:
	var thread = null
	var done = false # set last by the thread
	var found = false
	var addresses = []
	var at = 0.0
	var _script = Platform # else it may be freed while the game quits

	func run(host):
		IP.clear_cache(host)
		addresses = _script.addresses(host)
		found = addresses.size() > 0
		done = true

	# End the thread; return whether it still ran.
	func join():
		if thread == null:
			return false
		thread.wait_to_finish()
		thread = null
		return true
