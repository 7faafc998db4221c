extends Reference
# The answer to one input.
#
# Which fields a model fills depends on its kind: a classification has `label`,
# `probability` and `scores`, a policy `action` and `actions`, a generation `item`.

var label = null
var probability = null
var scores = {}
var value = null
var action = null
var actions = {}
var item = null
var labels = null # of labels that do not exclude each other, those that hold
var embedding = null # the vector of a text or an image
var outputs = {} # of a model of the kind tensor: each output by its name
var seed_used = null # repeats the answer; `seed` in the service's JSON
var parts = [] # parts of the input with their weights, from `explain`
var model = null
var version = null
var variant = null
var request_id = null
var latency = 0.0 # seconds from call to answer, including retries
var cold = false # whether this request caused a cold start
var is_default = false # whether no model answered: the prediction holds the caller's default
var source = "service" # where the answer comes from: "service" or "default"
var raw = {} # the whole answer, including fields unknown to this SDK
