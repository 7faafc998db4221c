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
var seed_used = null # gives the same answer again; `seed` on the wire
var parts = [] # of an explanation: each part of the input and its weight
var model = null
var version = null
var variant = null
var request_id = null
var latency = 0.0 # seconds from call to answer, retries included
var cold = false # the service's process was just started for it
var is_default = false # no model answered: here stands what the caller gave
var source = "service" # who answered; "default" where nobody did
var raw = {} # the whole answer, with the fields that this SDK does not know
