"""Requests as each front of AWS sends them; shapes as in `adapters.api_gateway`."""

import base64


def rest(method, path, body=b"", headers=None):
    """A REST API's event (payload 1.0)."""
    given = {"Host": "game", **(headers or {})}
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "path": f"/prod{path}",
            "stage": "prod",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def http_one(method, path, body=b"", headers=None):
    """An HTTP API's event with payload 1.0, whose path begins with the stage."""
    event = rest(method, path, body, headers)
    return {**event, "version": "1.0", "path": f"/prod{path}"}


def http_two(method, path, body=b"", headers=None):
    """An HTTP API's event with payload 2.0 on a named stage."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": f"/prod{path}",
        "rawQueryString": "",
        "cookies": ["a=b"],
        "headers": {"host": "game", **(headers or {})},
        "requestContext": {
            "domainName": "id.execute-api.eu-central-1.amazonaws.com",
            "http": {"method": method, "path": f"/prod{path}", "protocol": "HTTP/1.1"},
            "stage": "prod",
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def function_url(method, path, body=b"", headers=None):
    """A function URL's event: payload 2.0 without a stage."""
    event = http_two(method, path, body, headers)
    context = event["requestContext"]
    return {
        **event,
        "rawPath": path,
        "requestContext": {
            **context,
            "domainName": "id.lambda-url.eu-central-1.on.aws",
            "http": {**context["http"], "path": path},
            "stage": "$default",
        },
    }


def balancer(method, path, body=b"", headers=None):
    """A load balancer's event, one value a header."""
    arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/x/y"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "game", **(headers or {})},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def balancer_many(method, path, body=b"", headers=None):
    """A load balancer's event with multi-value headers on."""
    event = balancer(method, path, body, headers)
    del event["queryStringParameters"]
    given = event.pop("headers")
    return {
        **event,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "multiValueQueryStringParameters": {},
    }


def lattice(method, path, body=b"", headers=None):
    """VPC Lattice's event, version 2: every header a list."""
    given = {"host": "game", **(headers or {})}
    return {
        "version": "2.0",
        "path": f"{path}?version=9",
        "method": method,
        "headers": {name: [value] for name, value in given.items()},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "requestContext": {
            "serviceNetworkArn": "arn:aws:vpc-lattice:eu-central-1:1:servicenetwork/x",
            "region": "eu-central-1",
        },
    }


def lattice_one(method, path, body=b"", headers=None):
    """VPC Lattice's event, version 1: no context, other names."""
    return {
        "raw_path": f"{path}?version=9",
        "method": method,
        "headers": {"host": "game", **(headers or {})},
        "query_string_parameters": {"version": "9"},
        "body": base64.b64encode(body).decode(),
        "is_base64_encoded": True,
    }


FRONTS = (
    rest, http_one, http_two, function_url, balancer, balancer_many, lattice,
    lattice_one,
)  # fmt: skip


def unpacked(answer):
    """An answer as its front sends it on: status, body, headers."""
    data = answer["body"]
    data = base64.b64decode(data) if answer["isBase64Encoded"] else data.encode()
    headers = answer.get("headers")
    if headers is None:
        lists = answer["multiValueHeaders"]
        headers = {name: ", ".join(values) for name, values in lists.items()}
    return answer["statusCode"], data, headers
