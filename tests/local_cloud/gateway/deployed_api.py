"""What is deployed, read from the account: routes, keys, plans, functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import boto3


@dataclass(frozen=True)
class Route:
    """A method of the API: the function that answers, and whether it needs a key."""

    resource: str
    method: str
    alias: str
    """ARN of the function's alias."""
    keyed: bool
    authorizer: str = ""
    """Id of the authorizer that is asked first; empty: none."""


@dataclass(frozen=True)
class Authorizer:
    """A REQUEST authorizer: its function, what it reads, how long its answer holds."""

    id: str
    function: str
    """ARN of the function."""
    headers: tuple[str, ...]
    """Names of the headers that identify a caller."""
    ttl_s: int


@dataclass(frozen=True)
class Plan:
    """A usage plan's limits: requests a second, at once and a day."""

    id: str
    rate: float
    burst: int
    quota: int


@dataclass(frozen=True)
class Function:
    """A version of a function, with all that is needed to run it."""

    name: str
    version: str
    image: str
    """Repository and digest, without the registry's host."""
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int
    role: str = ""
    """ARN of the role that it runs as."""
    command: tuple[str, ...] = ()
    """In place of the image's own; empty: the image's."""
    tmp_mb: int = 512
    """Size of /tmp."""
    log_group: str = ""
    """Where its lines go."""
    reserved_concurrency: int | None = None
    """Most environments at a time; None: as many as the account allows."""


class DeployedApi:
    """One stage of one API, as it is in the account at the moment of each call."""

    def __init__(self, region: str, api: str, stage: str) -> None:
        self.api, self.stage, self.region = api, stage, region
        self._api_gateway = boto3.client("apigateway", region_name=region)
        self._lambda = boto3.client("lambda", region_name=region)

    def routes(self) -> list[Route]:
        """Return all methods of all resources."""
        resources = self._api_gateway.get_resources(restApiId=self.api, limit=500)[
            "items"
        ]
        routes = []
        for resource in resources:
            for method in resource.get("resourceMethods", {}):
                read = self._api_gateway.get_method(
                    restApiId=self.api, resourceId=resource["id"], httpMethod=method
                )
                uri = read["methodIntegration"]["uri"]
                routes.append(
                    Route(
                        resource["path"],
                        method,
                        uri.split("/functions/")[1].removesuffix("/invocations"),
                        read["apiKeyRequired"],
                        read.get("authorizerId") or "",
                    )
                )
        return routes

    def binary(self) -> list[str]:
        """Return the binary media types."""
        listed: list[str] = self._api_gateway.get_rest_api(restApiId=self.api).get(
            "binaryMediaTypes", []
        )
        return listed

    def key_source(self) -> str:
        """Return where a request's API key is: HEADER or AUTHORIZER."""
        read = self._api_gateway.get_rest_api(restApiId=self.api)
        return str(read.get("apiKeySource", "HEADER"))

    def gateway_response(self, kind: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and template of one of the gateway responses."""
        read = self._api_gateway.get_gateway_response(
            restApiId=self.api, responseType=kind
        )
        headers = {
            name.removeprefix("gatewayresponse.header."): value.strip("'")
            for name, value in read["responseParameters"].items()
        }
        return int(read["statusCode"]), headers, read["responseTemplates"][
            "application/json"
        ]  # fmt: skip

    def plan(self, key: str) -> Plan | None:
        """Return the usage plan that lets a key call this stage."""
        keys = self._api_gateway.get_api_keys(includeValues=True)["items"]
        for api_key in keys:
            if api_key["value"] != key or not api_key["enabled"]:
                continue
            for plan in self._api_gateway.get_usage_plans(keyId=api_key["id"])["items"]:
                if any(
                    (at["apiId"], at["stage"]) == (self.api, self.stage)
                    for at in plan["apiStages"]
                ):
                    throttle = plan["throttle"]
                    return Plan(
                        plan["id"],
                        throttle["rateLimit"],
                        throttle["burstLimit"],
                        plan["quota"]["limit"],
                    )
        return None

    def key(self, name: str) -> str:
        """Return the value of a key by its name."""
        (api_key,) = self._api_gateway.get_api_keys(nameQuery=name, includeValues=True)[
            "items"
        ]
        value: str = api_key["value"]
        return value

    def allows(self, alias: str, route: Route, account: str) -> bool:
        """Return whether the function's policy lets this API's method invoke it."""
        path = route.resource.replace("{proxy+}", "*")
        return self._permits(alias, account, f"{self.stage}/POST{path}")

    def allows_authorizer(self, authorizer: Authorizer, account: str) -> bool:
        """Return whether its function's policy lets this API's authorizer invoke it."""
        return self._permits(
            authorizer.function, account, f"authorizers/{authorizer.id}"
        )

    def _permits(self, arn: str, account: str, caller: str) -> bool:
        name = arn.split(":function:")[1].split(":", maxsplit=1)[0]
        policy = json.loads(self._lambda.get_policy(FunctionName=name)["Policy"])
        source = f"arn:aws:execute-api:{self.region}:{account}:{self.api}/{caller}"
        return any(
            statement["Resource"] == arn
            and statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
            and fnmatchcase(source, statement["Condition"]["ArnLike"]["AWS:SourceArn"])
            for statement in policy["Statement"]
        )

    def authorizer(self, identity: str) -> Authorizer:
        """Return an authorizer by its id."""
        read = self._api_gateway.get_authorizer(
            restApiId=self.api, authorizerId=identity
        )
        if read["type"] != "REQUEST":
            raise NotImplementedError(f"an authorizer of type {read['type']}")
        sources = [part.strip() for part in read["identitySource"].split(",")]
        headers = [
            name.removeprefix("method.request.header.").lower() for name in sources
        ]
        if any("." in name for name in headers):
            raise NotImplementedError(f"identity sources {sources}")
        return Authorizer(
            identity,
            read["authorizerUri"].split("/functions/")[1].split("/invocations")[0],
            tuple(headers),
            read["authorizerResultTtlInSeconds"],
        )

    def function(self, arn: str) -> Function:
        """Return the version that an alias points to now, or `$LATEST` without one."""
        name, _, qualifier = arn.split(":function:")[1].partition(":")
        version = "$LATEST"
        if qualifier:
            version = self._lambda.get_alias(FunctionName=name, Name=qualifier)[
                "FunctionVersion"
            ]
        read: dict[str, Any] = self._lambda.get_function(
            FunctionName=name, Qualifier=version
        )
        configuration = read["Configuration"]
        return Function(
            name,
            version,
            read["Code"]["ResolvedImageUri"].partition("/")[2],
            configuration["Environment"]["Variables"],
            configuration["MemorySize"],
            configuration["Timeout"],
            configuration["Role"],
            tuple(
                configuration.get("ImageConfigResponse", {})
                .get("ImageConfig", {})
                .get("Command", ())
            ),
            configuration["EphemeralStorage"]["Size"],
            configuration["LoggingConfig"]["LogGroup"],
            # of the function, whatever the version
            self._lambda.get_function_concurrency(FunctionName=name).get(
                "ReservedConcurrentExecutions"
            ),
        )
