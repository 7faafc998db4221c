extends Reference
# URLs of a service and of its models. Each returns a value or an error.

const Platform = preload("platform.gd")
const Failure = preload("error.gd")
const HOME = "http://localhost:8080" # the address of `hotseat serve`
const PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


# {host, port, tls, path} of a base URL such as https://models.example/prod.
static func parts_of(url):
	var tls = url.begins_with("https://")
	if not tls and not url.begins_with("http://"):
		return _no_base(url)
	var rest = url.substr(8 if tls else 7, url.length())
	var slash = rest.find("/")
	var host = rest if slash < 0 else rest.substr(0, slash)
	var path = "" if slash < 0 else rest.substr(slash, rest.length())
	var port = 443 if tls else 80
	var colon = host.find("]:") + 1 if host.find("]") >= 0 else host.find(":")
	if colon > 0:
		var digits = host.substr(colon + 1, host.length())
		port = int(digits)
		host = host.substr(0, colon)
		if str(port) != digits or port < 1 or port > 65535:
			return _no_base(url)
	if host.begins_with("[") and host.ends_with("]"):
		host = host.substr(1, host.length() - 2) # an IPv6 address
	elif host.find(":") >= 0:
		return _no_base(url)
	for letter in ["?", "#", "@", " ", "[", "]"]:
		if (host + path).find(letter) >= 0:
			return _no_base(url)
	while path.ends_with("/"):
		path = path.substr(0, path.length() - 1)
	if host == "":
		return _no_base(url)
	return {"host": host, "port": port, "tls": tls, "path": path}


# The path of a model's endpoint.
static func path_of(verb, model, version):
	if model == null:
		if version != null:
			return _wrong("version without model: pass model as well")
		return "/model-service"
	var named = part(model)
	if named is Failure:
		return named
	if version == null:
		return "/v1/models/%s/%s" % [named, verb]
	var numbered = part(version)
	if numbered is Failure:
		return numbered
	return "/v1/models/%s/versions/%s/%s" % [named, numbered, verb]


# A quoted segment of a path; dots alone are an error.
static func part(name):
	var text = str(name)
	if text in ["", ".", ".."]:
		return _wrong("\"%s\" names no model or version" % text)
	var quoted = ""
	for byte in Platform.bytes_of(text):
		var letter = char(byte)
		quoted += letter if byte < 128 and PLAIN.find(letter) >= 0 else "%%%02X" % byte
	return quoted


static func _no_base(url):
	# hides a URL that may contain a password
	var shown = "the base URL" if url.find("@") >= 0 else "\"%s\"" % url
	return _wrong("%s is not a base URL, such as https://models.example/prod" % shown)


static func _wrong(what):
	return Failure.new("ConfigError", what)
