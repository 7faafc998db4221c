"""What API Gateway asks of a caller: tokens, an identity provider's JWT, or IAM."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hotseat_infra.deployment import Api


def rest_authorization(
    scope: Construct, api: Api, function: lambda_.IFunction | None
) -> dict[str, Any]:
    """Return the options of a REST API's methods; preflight requests stay open."""
    if api.access == "iam":
        return {"authorization_type": rest.AuthorizationType.IAM}
    if api.access == "jwt":
        pool = cognito.UserPool.from_user_pool_arn(scope, "Users", api.user_pool)
        users = rest.CognitoUserPoolsAuthorizer(scope, "Jwt", cognito_user_pools=[pool])
        return {
            "authorizer": users,
            "authorization_type": rest.AuthorizationType.COGNITO,
        }
    if function is None:
        return {}
    tokens = rest.RequestAuthorizer(
        scope,
        "Tokens",
        handler=function,
        # without the header API Gateway answers 401 itself
        identity_sources=[rest.IdentitySource.header("Authorization")],
        results_cache_ttl=Duration.seconds(api.token_cache_seconds),
    )
    return {
        "authorizer": tokens,
        "authorization_type": rest.AuthorizationType.CUSTOM,
    }


def http_authorizer(
    api: Api, function: lambda_.IFunction | None
) -> http.IHttpRouteAuthorizer | None:
    """Return the authorizer of an HTTP API's routes."""
    if api.access == "iam":
        return authorizers.HttpIamAuthorizer()
    if api.access == "jwt":
        return authorizers.HttpJwtAuthorizer(
            "Jwt", api.issuer, jwt_audience=[api.audience]
        )
    if function is None:
        return None
    return authorizers.HttpLambdaAuthorizer(
        "Tokens",
        function,
        response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
        identity_source=["$request.header.Authorization"],
        results_cache_ttl=Duration.seconds(api.token_cache_seconds),
    )


def who_calls(api: Api) -> str:
    """Return who may call the API, as the reason of cdk-nag's findings."""
    if api.access:
        return "preflight requests of browsers carry no credentials; others need them"
    if api.games:
        return "games send their API key; players have no AWS identity"
    return "a stage without games is open on purpose"
