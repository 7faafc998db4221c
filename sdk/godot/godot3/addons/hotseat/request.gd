extends Reference
# One HTTP request, built from the service's URL, its key and the body.

const Address = preload("address.gd")
const Failure = preload("error.gd")
const Json = preload("json.gd")
const Platform = preload("platform.gd")


# {method, tls, host, port, path, headers, body}, or an error. Without `url`,
# the URL is HOTSEAT_URL, if set.
static func made(url, method, path, body):
	for other in [OS.get_environment("HOTSEAT_URL"), Address.HOME]:
		url = other if url == "" else url
	var base = Address.parts_of(url)
	if base is Failure:
		return base
	var headers = {"accept": "application/json", "user-agent": "hotseat-godot"}
	var data = null
	if body != null:
		headers["content-type"] = "application/json"
		# the same for every try of a call, so that the service counts it once
		headers["idempotency-key"] = Platform.token()
		var written = Json.write(body)
		if written == null:
			return _wrong("the input is not JSON: NaN, an object, or nested too deep")
		data = Platform.bytes_of(written)
	return {"method": method, "tls": base.tls, "host": base.host, "port": base.port,
			"path": base.path + path, "headers": headers, "body": data}


# Add the authentication header, or return an error. Each try calls a function again and
# so replaces an expired token. Without a key, the key is HOTSEAT_API_KEY, if set.
static func add_key(headers, key):
	if Platform.is_function(key):
		key = Platform.called(key)
		if not key is String or key == "":
			return Failure.new("TokenError", "the function api_key returned no token")
		headers["authorization"] = "Bearer %s" % key
	else:
		key = OS.get_environment("HOTSEAT_API_KEY") if key == null else key
		if key != "":
			headers["x-api-key"] = key
	for byte in Platform.bytes_of(str(key)):
		if byte < 32 or byte > 126:
			return _wrong("the API key has a character that is not valid in a header, "
					+ "such as a line break at its end")
	return null


static func _wrong(what):
	return Failure.new("ConfigError", what)
