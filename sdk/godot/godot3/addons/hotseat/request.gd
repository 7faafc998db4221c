extends Reference
# One HTTP request, made of where a service is, its key and what is asked.

const Address = preload("address.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Platform = preload("platform.gd")


# {method, tls, host, port, path, headers, body}, or an error. `url` and `key` may be
# missing: then HOTSEAT_URL and HOTSEAT_API_KEY hold, where they are set.
static func made(url, key, method, path, body):
	for other in [OS.get_environment("HOTSEAT_URL"), Address.HOME]:
		url = other if url == "" else url
	var base = Address.parts_of(url)
	if base is Failure:
		return base
	var headers = {"accept": "application/json", "user-agent": "hotseat-godot"}
	var wrong = _add_key(headers, key)
	if wrong != null:
		return wrong
	var data = null
	if body != null:
		headers["content-type"] = "application/json"
		# the same for every try of this call, so that nothing is counted twice
		headers["idempotency-key"] = Platform.token()
		var written = Json.write(body)
		if written == null:
			return _wrong("the input is not JSON: NaN, an object, or nested too deep")
		data = Platform.bytes_of(written)
	return {"method": method, "tls": base.tls, "host": base.host, "port": base.port,
			"path": base.path + path, "headers": headers, "body": data}


static func _add_key(headers, key):
	if Platform.is_function(key):
		key = Platform.called(key)
		headers["authorization"] = "Bearer %s" % key
	else:
		key = OS.get_environment("HOTSEAT_API_KEY") if key == null else key
		if key != "":
			headers["x-api-key"] = key
	for byte in Platform.bytes_of(str(key)):
		if byte < 32 or byte > 126:
			return _wrong("the API key has a character that no header can carry: "
					+ "is there a line break at its end?")
	return null


static func _wrong(what):
	return Failure.new("ConfigError", what)
