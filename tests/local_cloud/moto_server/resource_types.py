"""The two kinds of resource types: calls of a service's API, or moto's own code.

`MotoType` uses moto's CloudFormation where it is complete. `ApiType` calls the API of
the service, which moto answers in the same process: botocore checks each parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target


@dataclass
class Resource:
    """A resource: the values of Ref and Fn::GetAtt."""

    physical_resource_id: str
    attributes: dict[str, str] = field(default_factory=dict)
    logical_resource_id: str = ""
    cf_resource_type: str = ""

    def get_cfn_attribute(self, name: str) -> str:
        """Return an attribute, or raise CloudFormation's error."""
        if name not in self.attributes:
            raise ValidationError(
                message=f"Requested attribute {name} does not exist in schema for "
                f"{self.cf_resource_type}"
            )
        return self.attributes[name]

    def is_created(self) -> bool:
        """Return True: the calls are synchronous."""
        return True


@dataclass(frozen=True)
class ApiType:
    """A type created by API calls; without `updater` an update replaces it."""

    creator: Callable[[Target, dict[str, Any]], Resource]
    deleter: Callable[[Target, Resource], Any]
    updater: Callable[[Target, Resource, dict[str, Any]], Resource] | None = None

    def create(self, target: Target, properties: dict[str, Any]) -> Resource:
        """See `ResourceType.create`."""
        return self.creator(target, properties)

    def update(
        self, target: Target, resource: Resource, properties: dict[str, Any]
    ) -> Resource:
        """See `ResourceType.update`."""
        if self.updater is not None:
            return self.updater(target, resource, properties)
        created = self.creator(target, properties)
        self.deleter(target, resource)
        return created

    def delete(self, target: Target, resource: Resource) -> None:
        """See `ResourceType.delete`."""
        self.deleter(target, resource)


@dataclass(frozen=True)
class MotoType:
    """A type that moto's CloudFormation creates, updates and deletes itself."""

    type: str

    def create(self, target: Target, properties: dict[str, Any]) -> Any:
        """See `ResourceType.create`."""
        kind = parsing.get_model_map()[self.type]
        return kind.create_from_cloudformation_json(
            self._name(target, properties),
            {"Type": self.type, "Properties": properties},
            target.account,
            target.region,
            LogicalId=target.logical,
            StackId=target.stack,
            ResourceType=self.type,
        )

    def update(self, target: Target, resource: Any, properties: dict[str, Any]) -> Any:
        """See `ResourceType.update`."""
        kind = parsing.get_model_map()[self.type]
        if hasattr(kind.update_from_cloudformation_json, "__isabstractmethod__"):
            raise ValidationError(message=f"moto cannot update {self.type}")
        named = {**properties, self._property: resource.physical_resource_id}
        return kind.update_from_cloudformation_json(
            original_resource=resource,
            new_resource_name=self._name(target, named),
            cloudformation_json={"Type": self.type, "Properties": properties},
            account_id=target.account,
            region_name=target.region,
        )

    def delete(self, target: Target, resource: Any) -> None:
        """See `ResourceType.delete`."""
        kind = parsing.get_model_map()[self.type]
        if hasattr(kind.delete_from_cloudformation_json, "__isabstractmethod__"):
            resource.delete(target.account, target.region)
        else:
            kind.delete_from_cloudformation_json(
                resource.physical_resource_id,
                {"Type": self.type, "Properties": {}},
                target.account,
                target.region,
            )

    @property
    def _property(self) -> str:
        return parsing.get_model_map()[self.type].cloudformation_name_type()

    def _name(self, target: Target, properties: dict[str, Any]) -> str:
        name: str = properties.get(self._property) or target.name
        return name


@cache
def client(region: str, service: str) -> Any:
    """Return a client of moto in this process."""
    return boto3.client(service, region_name=region)


def api(target: Target, service: str) -> Any:
    """Return a client for a resource's region."""
    return client(target.region, service)


def lower_first(properties: Any) -> Any:
    """Return a template's properties with lowercase first letters, as some APIs do."""
    if isinstance(properties, list):
        return [lower_first(item) for item in properties]
    if not isinstance(properties, dict):
        return properties
    if set(properties) == {"Key", "Value"}:  # a tag
        return properties
    return {k[0].lower() + k[1:]: lower_first(v) for k, v in properties.items()}


def keep(_target: Target, _made: Resource) -> None:
    """Delete nothing: another resource contains it, or AWS keeps it as well."""


for _type in (
    "AWS::CloudWatch::Dashboard", "AWS::ECR::Repository", "AWS::IAM::Policy",
    "AWS::IAM::Role", "AWS::SNS::Topic",
):  # fmt: skip
    RESOURCE_TYPES[_type] = MotoType(_type)

RESOURCE_TYPES |= {
    # records which library wrote the template; creates nothing on AWS either
    "AWS::CDK::Metadata": ApiType(
        lambda target, _: Resource(target.name),
        keep,
        lambda _target, created, _given: created,
    ),
}
