"""An existing VPC: the functions in its subnets, and the endpoints that they need.

A function in a VPC has no way out of it. It reads S3 and DynamoDB through gateway
endpoints, which cost nothing; logs, metrics and traces leave by Lambda itself.
(docs.aws.amazon.com, "Giving Lambda functions access to resources in an Amazon VPC".)
"""

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hotseat_infra.deployment import Network, Stage
from hotseat_infra.stacks.nag import acknowledge

PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""The addresses of private networks (RFC 1918): who reaches a private API."""
_POLICY = "service-role/AWSLambdaVPCAccessExecutionRole"


def attach(function: lambda_.Function, role: iam.Role, network: Network | None) -> None:
    """Run a function in a network's subnets; without a network, nothing changes."""
    if network is None:
        return
    inner = function.node.default_child
    assert isinstance(inner, lambda_.CfnFunction)
    inner.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=list(network.subnets),
        security_group_ids=list(network.security_groups),
    )
    role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_POLICY))
    acknowledge(
        role,
        f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_POLICY}]",
        "network interfaces have no resource to name; AWS keeps the list of actions",
    )


def run_on_managed_instances(function: lambda_.Function, provider: str) -> None:
    """Run a function on the instances of a capacity provider (its ARN).

    One request at a time in each environment: the image's loop takes the next one when
    the last is answered (docs.aws.amazon.com, "Lambda Managed Instances").
    """
    inner = function.node.default_child
    assert isinstance(inner, lambda_.CfnFunction)
    kind = lambda_.CfnFunction
    inner.capacity_provider_config = kind.CapacityProviderConfigProperty(
        lambda_managed_instances_capacity_provider_config=(
            kind.LambdaManagedInstancesCapacityProviderConfigProperty(
                capacity_provider_arn=provider,
                per_execution_environment_max_concurrency=1,
            )
        )
    )


class Endpoints(Construct):
    """Gateway endpoints for S3 and DynamoDB in the network's route tables."""

    def __init__(self, scope: Construct, name: str, *, network: Network) -> None:
        super().__init__(scope, name)
        for service in ("s3", "dynamodb"):
            ec2.CfnVPCEndpoint(
                self,
                service.title(),
                vpc_id=network.vpc,
                service_name=f"com.amazonaws.{Aws.REGION}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(network.route_tables),
            )


class ApiEndpoint(Construct):
    """An interface endpoint for `execute-api`, through which a private API is reached.

    Private DNS stays off: with it, every public API of the region would resolve to
    this endpoint inside the VPC.
    """

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(scope, name)
        network = stage.network
        assert network is not None
        group = ec2.CfnSecurityGroup(
            self,
            "Callers",
            group_description=f"Hotseat {stage.name}: who calls the private API",
            vpc_id=network.vpc,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    cidr_ip=addresses,
                    description="HTTPS from private networks",
                )
                for addresses in PRIVATE_RANGES
            ],
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    cidr_ip="127.0.0.1/32",
                    description="none: an endpoint calls nobody",
                )
            ],
        )
        self.endpoint = ec2.CfnVPCEndpoint(
            self,
            "Api",
            vpc_id=network.vpc,
            service_name=f"com.amazonaws.{Aws.REGION}.execute-api",
            vpc_endpoint_type="Interface",
            private_dns_enabled=False,
            subnet_ids=list(network.subnets),
            security_group_ids=[group.attr_group_id],
        )


def private_policy(endpoints: list[str]) -> iam.PolicyDocument:
    """Return the policy of a private API: these endpoints and nobody else."""
    everything = ["execute-api:/*"]
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=["execute-api:Invoke"],
                resources=everything,
            ),
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["execute-api:Invoke"],
                resources=everything,
                conditions={"StringNotEquals": {"aws:SourceVpce": endpoints}},
            ),
        ]
    )
