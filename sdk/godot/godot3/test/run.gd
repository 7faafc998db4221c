extends SceneTree
# The addon's own tests: godot3-server --path . -s test/run.gd
#
# Prints a line for each check, then their count; exits with 1 if one failed. The suites to
# run and the URLs of services are environment variables: see tests/engines.

const SUITES = ["rules", "tickets", "vectors", "faults", "live"]

var _passed = 0
var _failed = 0


func _init():
	call_deferred("_run")


func check(name, holds, told = ""):
	if holds:
		_passed += 1
	else:
		_failed += 1
		print("FAILED %s: %s" % [name, told])


func same(name, found, wanted):
	check(name, equal(found, wanted), "%s is not %s" % [found, wanted])


# Check that the median of the durations in microseconds is less than `most`: on a busy
# machine, the maximum says little.
func quick(name, took, most):
	took.sort()
	var usual = took[took.size() / 2]
	var nearly_all = took[took.size() * 95 / 100]
	print("  %s: half %d us, 95 %% %d us, all %d us" % [name, usual, nearly_all, took[-1]])
	check(name + " is quick", usual < most, "%d us" % usual)


# By value: Godot 3 compares dictionaries by identity.
func equal(one, other):
	if one is Dictionary and other is Dictionary:
		if one.size() != other.size():
			return false
		for key in one:
			if not other.has(key) or not equal(one[key], other[key]):
				return false
		return true
	if one is Array and other is Array:
		if one.size() != other.size():
			return false
		for at in range(one.size()):
			if not equal(one[at], other[at]):
				return false
		return true
	var numbers = (one is int or one is float) and (other is int or other is float)
	if typeof(one) != typeof(other) and not numbers:
		return false
	return one == other


func _run():
	var chosen = OS.get_environment("HOTSEAT_SUITES")
	for name in SUITES if chosen == "" else Array(chosen.split(",")):
		print(name)
		var running = load("res://test/%s.gd" % name).new().run(self)
		if running is GDScriptFunctionState:
			yield(running, "completed")
	print("%d passed, %d failed" % [_passed, _failed])
	quit(1 if _failed > 0 or _passed == 0 else 0)
