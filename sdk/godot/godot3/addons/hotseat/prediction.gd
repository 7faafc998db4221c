extends Reference
# The answer to one input.
#
# The fields depend on the kind of the model: a classification has `label`,
# `probability` and `scores`, a policy `action` and `actions`, a generation `item`.

var label = null
var probability = null
var scores = {}
var value = null
var action = null
var actions = {}
var item = null
var labels = null # the labels that apply, of a model with several labels an input
var embedding = null # the vector of a text or an image
var outputs = {} # the outputs of a tensor model by name
var seed_used = null # the seed that repeats the answer; `seed` in the service's JSON
var parts = [] # parts of the input with their weights, from `explain`
var model = null
var version = null
var variant = null
var request_id = null
var latency = 0.0 # seconds from call to answer, including retries
var cold = false # whether this request caused a cold start
var reason = null # why the default was used: the error's text
var is_default = false # whether no model answered: the prediction holds the caller's default
var source = "service" # where the answer comes from: "service", "offline" or "default"
var raw = {} # the whole answer, including fields unknown to this SDK
