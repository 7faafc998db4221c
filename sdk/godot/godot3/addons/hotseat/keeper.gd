extends Node
# Holds look-ups while their threads run; a thread must end before the engine does.

var items = []


func _exit_tree():
	for item in items.duplicate():
		item.join()
