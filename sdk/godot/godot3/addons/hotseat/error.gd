extends Reference
# The reason for a missing answer, as a value: GDScript has no exceptions.
#
# HotseatError
# ├─ ConfigError            the client's options or a call's arguments are invalid
# ├─ TransportError         no answer came, or one of another server
# │  ├─ DeadlineError          (the deadline passed)
# │  ├─ CircuitOpenError       (the circuit breaker is open)
# │  ├─ TokenError             (the function api_key returned no token)
# │  ├─ NotReadyError          (a ticket's answer has not arrived)
# │  └─ CancelledError         (the ticket or the client was closed)
# └─ StatusError            the service refused or failed
#    ├─ BadInputError          400, 405, 415, 422
#    ├─ AuthError              401, 403
#    ├─ NotFoundError          404
#    ├─ TooLargeError          413
#    ├─ RateLimitedError       429
#    └─ UnavailableError       5xx

const PARENTS = {
	"ConfigError": "HotseatError",
	"TransportError": "HotseatError",
	"DeadlineError": "TransportError",
	"CircuitOpenError": "TransportError",
	"TokenError": "TransportError",
	"NotReadyError": "TransportError",
	"CancelledError": "TransportError",
	"StatusError": "HotseatError",
	"BadInputError": "StatusError",
	"AuthError": "StatusError",
	"NotFoundError": "StatusError",
	"TooLargeError": "StatusError",
	"RateLimitedError": "StatusError",
	"UnavailableError": "StatusError",
}
const BY_STATUS = {
	400: "BadInputError",
	401: "AuthError",
	403: "AuthError",
	404: "NotFoundError",
	405: "BadInputError",
	413: "TooLargeError",
	415: "BadInputError",
	422: "BadInputError",
	429: "RateLimitedError",
}

var type = "HotseatError"
var detail = ""
# of a StatusError: `code` is the name of the problem, `pointer` the JSON pointer to the
# invalid part of the input, `retry_after` the seconds to wait, if the response has them
var status = 0
var code = ""
var retryable = false
var request_id = ""
var pointer = null
var retry_after = null
var is_foreign = false # whether another server answered, such as a hotel's login page


func _init(given_type, given_detail):
	type = given_type
	detail = given_detail


# Whether the error has a type or a subtype of it: every StatusError is a HotseatError.
func is_a(wanted):
	var own = type
	while own != wanted:
		if not PARENTS.has(own):
			return false
		own = PARENTS[own]
	return true


# Status, code, place, reason and request; never a key.
func text():
	if not is_a("StatusError"):
		return "%s: %s" % [type, detail]
	var named = " " + code if code != "" else ""
	var where = " at %s" % pointer if pointer != null else ""
	var asked = " (request %s)" % request_id if request_id != "" else ""
	return "%s %d%s%s: %s%s" % [type, status, named, where, detail, asked]


# The type of a status.
static func type_of(of_status):
	if of_status >= 500:
		return "UnavailableError"
	return BY_STATUS.get(of_status, "StatusError")


# Whether the service is away, rather than refusing the request.
func is_away():
	if is_a("StatusError"):
		return status >= 500 or status == 429 or is_foreign
	return is_a("TransportError") and type != "CancelledError"
