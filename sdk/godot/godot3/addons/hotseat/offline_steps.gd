extends Reference
# The steps of a portable file (docs/reference/portable.md).
#
# Values are flat lists of numbers or texts of one row. Numbers of FP32 are rounded as the
# graph does.

const Platform = preload("platform.gd")
const TWO = ["add", "sub", "mul", "div", "greater", "less", "equal"]
const ONE = ["copy", "neg", "abs", "exp", "log", "sqrt", "tanh", "trunc", "relu", "sigmoid",
		"not", "isnan", "clip"]
const GROUPS = ["softmax", "sum", "mean", "max", "argmax", "norm"]
const OTHERS = ["where", "gather", "concat", "pair", "matmul", "lookup", "onehot", "trees"]

var _nodes
var _constants = {}
var _outputs
var _places = {} # the places of keys, by the name of the step's value


func _init(file):
	_nodes = file.nodes
	_outputs = file.outputs
	for name in file.constants:
		_constants[name] = Platform.singles(numbers(file.constants[name]))
	for node in _nodes:
		if node.has("keys"):
			_places[node.out] = {}
			for key in node["keys"]:
				_places[node.out][key] = _places[node.out].size()
		if node.op == "trees": # JSON's numbers are floats: places are whole
			for name in ["roots", "mode", "feature", "yes", "no", "missing", "target"]:
				node[name] = _whole(node[name])
			for name in ["value", "weight", "base"]:
				node[name] = Platform.singles(node[name])
		if node.op == "gather":
			node.index = _whole(node.index)
		if node.has("size"):
			node["size"] = int(node["size"])


# The first step of a file that this addon does not know, or "".
static func unknown(file):
	for node in file.nodes:
		if not (node.op in TWO or node.op in ONE or node.op in GROUPS or node.op in OTHERS):
			return node.op
	return ""


# A list of JSON as numbers: null is NaN.
static func numbers(list):
	var found = []
	for item in list:
		found.append(NAN if item == null else item)
	return found


# The outputs by role, from the values of the inputs by name; null where the graph fails.
func run(inputs):
	var values = _constants.duplicate()
	for name in inputs:
		values[name] = inputs[name]
	for node in _nodes:
		var given = []
		for name in node["in"]:
			given.append(values[name])
		var found = _step(node, given)
		if found == null:
			return null
		if node.has("single") and found.size() > 0 and not found[0] is String:
			found = Platform.singles(found)
		values[node.out] = found
	var outputs = {}
	for role in _outputs:
		outputs[role] = values[_outputs[role]]
	return outputs


func _step(node, given):
	if node.op in TWO:
		return _two(node.op, given[0], given[1])
	if node.op in ONE:
		return _one(node, given[0])
	if node.op in GROUPS:
		return _groups(node, given[0])
	var found = []
	match node.op:
		"where":
			found = _where(given)
		"gather":
			for at in node.index:
				found.append(given[0][at])
		"concat":
			for list in given:
				found += list
		"pair":
			found = [1.0 - given[0][0], given[0][0]]
		"matmul":
			found = _product(given[0], given[1], node["size"])
		"lookup":
			found = _lookup(node, given[0])
		"onehot":
			found = _one_hot(node, given[0])
		"trees":
			found = _trees(node, given[0])
	return found


static func _two(op, left, right):
	var found = []
	var a = left.size()
	var b = right.size()
	for at in range(a if a > b else b):
		var x = left[at % a]
		var y = right[at % b]
		match op:
			"add":
				found.append(x + y)
			"sub":
				found.append(x - y)
			"mul":
				found.append(x * y)
			"div":
				found.append(_quotient(x, y))
			"greater":
				found.append(1.0 if x > y else 0.0)
			"less":
				found.append(1.0 if x < y else 0.0)
			"equal":
				found.append(1.0 if x == y and not is_nan(x) else 0.0)
	return found


static func _quotient(x, y):
	if y != 0.0:
		return x / y
	return NAN if x == 0.0 or is_nan(x) else (INF if x > 0.0 else -INF)


static func _one(node, values):
	var found = []
	var low = node.get("low")
	var high = node.get("high")
	for x in values:
		match node.op:
			"copy":
				found.append(x)
			"neg":
				found.append(-x)
			"abs":
				found.append(abs(x))
			"exp":
				found.append(exp(x))
			"log":
				found.append(log(x))
			"sqrt":
				found.append(sqrt(x))
			"tanh":
				found.append(tanh(x))
			"trunc":
				found.append(floor(x) if x >= 0.0 else ceil(x))
			"relu":
				found.append(0.0 if x < 0.0 else x)
			"sigmoid":
				found.append(1.0 / (1.0 + exp(-x)))
			"not":
				found.append(1.0 if x == 0.0 else 0.0)
			"isnan":
				found.append(1.0 if is_nan(x) else 0.0)
			"clip":
				if low != null and x < low:
					found.append(low)
				else:
					found.append(high if high != null and x > high else x)
	return found


static func _where(given):
	var size = 0
	for list in given:
		size = list.size() if list.size() > size else size
	var found = []
	for at in range(size):
		var chosen = given[1] if given[0][at % given[0].size()] != 0.0 else given[2]
		found.append(chosen[at % chosen.size()])
	return found


# Rows of the first operand by the second, a matrix [rows, size].
static func _product(left, right, size):
	var inner = int(right.size() / size)
	var found = []
	for row in range(int(left.size() / inner)):
		var sums = []
		for column in range(size):
			sums.append(0.0)
		for at in range(inner):
			var x = left[row * inner + at]
			if x == 0.0:
				continue
			var from = at * size
			for column in range(size):
				sums[column] += x * right[from + column]
		found += sums
	return found


static func _groups(node, values):
	var found = []
	for start in range(0, values.size(), node["size"]):
		var group = []
		for at in range(node["size"]):
			group.append(values[start + at])
		match node.op:
			"softmax":
				found += _softmax(group)
			"sum":
				found.append(_sum(group))
			"mean":
				found.append(_sum(group) / group.size())
			"max":
				found.append(group[best(group)])
			"argmax":
				found.append(float(best(group)))
			"norm":
				found += _unit(group, node.norm)
	return found


# The place of the greatest number: the first of several.
static func best(numbers):
	var place = 0
	for at in range(numbers.size()):
		if numbers[at] > numbers[place]:
			place = at
	return place


static func _softmax(group):
	var most = group[best(group)]
	var powers = []
	for x in group:
		powers.append(exp(x - most))
	var total = _sum(powers)
	var found = []
	for power in powers:
		found.append(power / total)
	return found


static func _sum(group):
	var total = 0.0
	for x in group:
		total += x
	return total


static func _unit(group, norm):
	var length = 0.0
	for x in group:
		length += x * x if norm == "l2" else abs(x)
	if norm == "l2":
		length = sqrt(length)
	elif norm == "max":
		length = group[best(group)]
	if length == 0.0:
		return group
	var found = []
	for x in group:
		found.append(x / length)
	return found


func _lookup(node, values):
	var found = []
	for key in values:
		var at = _places[node.out].get(key)
		var value = node.default if at == null else node["values"][at]
		found.append(NAN if value == null else value)
	return found


func _one_hot(node, values):
	var found = []
	for key in values:
		if node.has("closed") and not _places[node.out].has(key):
			return null
		for at in range(node["keys"].size()):
			found.append(1.0 if _places[node.out].get(key) == at else 0.0)
	return found


static func _trees(node, row):
	var sums = []
	for _target in node.base:
		sums.append(0.0)
	var mode = node.mode
	for root in node.roots:
		var at = root
		while mode[at] >= 0:
			var x = row[node.feature[at]]
			var goes
			if is_nan(x):
				goes = node.missing[at] != 0 or mode[at] == 5
			else:
				goes = _goes(mode[at], x, node.value[at])
			at = node.yes[at] if goes else node.no[at]
		var first = node.feature[at]
		for leaf in range(first, first + node.yes[at]):
			sums[node.target[leaf]] += node.weight[leaf]
	for at in range(sums.size()):
		sums[at] = sums[at] * node.share + node.base[at]
	return sums


static func _goes(mode, x, value):
	match mode:
		0:
			return x <= value
		1:
			return x < value
		2:
			return x >= value
		3:
			return x > value
		4:
			return x == value
	return x != value


static func _whole(list):
	var found = []
	for item in list:
		found.append(int(item))
	return found
