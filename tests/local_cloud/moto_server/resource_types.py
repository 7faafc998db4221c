"""Resource types that moto's CloudFormation lacks or half has, made by its own API.

What moto's CloudFormation does well is taken from there (`Stock`); all else is a call
or two of the service's API, answered by moto in the same process, so that botocore
checks each parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from local_cloud.moto_server.cloudformation import KINDS, Place


@dataclass
class Made:
    """A resource: what Ref and Fn::GetAtt give."""

    physical_resource_id: str
    attributes: dict[str, str] = field(default_factory=dict)
    logical_resource_id: str = ""
    cf_resource_type: str = ""

    def get_cfn_attribute(self, name: str) -> str:
        """Return an attribute, or fail as CloudFormation does."""
        if name not in self.attributes:
            raise ValidationError(
                message=f"Requested attribute {name} does not exist in schema for "
                f"{self.cf_resource_type}"
            )
        return self.attributes[name]

    def is_created(self) -> bool:
        """All are, at once."""
        return True


@dataclass(frozen=True)
class Called:
    """A type made by calls; where `change` is None it is made anew, as AWS replaces."""

    make: Callable[[Place, dict[str, Any]], Made]
    drop: Callable[[Place, Made], Any]
    change: Callable[[Place, Made, dict[str, Any]], Made] | None = None

    def create(self, place: Place, properties: dict[str, Any]) -> Made:
        """See `Kind.create`."""
        return self.make(place, properties)

    def update(self, place: Place, resource: Made, properties: dict[str, Any]) -> Made:
        """See `Kind.update`."""
        if self.change is not None:
            return self.change(place, resource, properties)
        made = self.make(place, properties)
        self.drop(place, resource)
        return made

    def delete(self, place: Place, resource: Made) -> None:
        """See `Kind.delete`."""
        self.drop(place, resource)


@dataclass(frozen=True)
class Stock:
    """A type that moto's CloudFormation makes, changes and takes away itself."""

    type: str

    def create(self, place: Place, properties: dict[str, Any]) -> Any:
        """See `Kind.create`."""
        kind = parsing.get_model_map()[self.type]
        return kind.create_from_cloudformation_json(
            self._name(place, properties),
            {"Type": self.type, "Properties": properties},
            place.account,
            place.region,
            LogicalId=place.logical,
            StackId=place.stack,
            ResourceType=self.type,
        )

    def update(self, place: Place, resource: Any, properties: dict[str, Any]) -> Any:
        """See `Kind.update`."""
        kind = parsing.get_model_map()[self.type]
        if hasattr(kind.update_from_cloudformation_json, "__isabstractmethod__"):
            raise ValidationError(message=f"moto cannot update {self.type}")
        named = {**properties, self._property: resource.physical_resource_id}
        return kind.update_from_cloudformation_json(
            original_resource=resource,
            new_resource_name=self._name(place, named),
            cloudformation_json={"Type": self.type, "Properties": properties},
            account_id=place.account,
            region_name=place.region,
        )

    def delete(self, place: Place, resource: Any) -> None:
        """See `Kind.delete`."""
        kind = parsing.get_model_map()[self.type]
        if hasattr(kind.delete_from_cloudformation_json, "__isabstractmethod__"):
            resource.delete(place.account, place.region)
        else:
            kind.delete_from_cloudformation_json(
                resource.physical_resource_id,
                {"Type": self.type, "Properties": {}},
                place.account,
                place.region,
            )

    @property
    def _property(self) -> str:
        return parsing.get_model_map()[self.type].cloudformation_name_type()

    def _name(self, place: Place, properties: dict[str, Any]) -> str:
        name: str = properties.get(self._property) or place.name
        return name


@cache
def client(region: str, service: str) -> Any:
    """A client of moto in this very process."""
    return boto3.client(service, region_name=region)


def api(place: Place, service: str) -> Any:
    """A client in the place of a resource."""
    return client(place.region, service)


def lower_first(given: Any) -> Any:
    """Return a template's properties as an API with small first letters has them."""
    if isinstance(given, list):
        return [lower_first(item) for item in given]
    if not isinstance(given, dict):
        return given
    if set(given) == {"Key", "Value"}:  # a tag
        return given
    return {k[0].lower() + k[1:]: lower_first(v) for k, v in given.items()}


def stays(_place: Place, _made: Made) -> None:
    """Leave it: it goes with another, or AWS itself leaves it."""


for _type in (
    "AWS::CloudWatch::Dashboard", "AWS::ECR::Repository", "AWS::IAM::Policy",
    "AWS::IAM::Role", "AWS::SNS::Topic", "AWS::SSM::Parameter",
):  # fmt: skip
    KINDS[_type] = Stock(_type)

KINDS |= {
    # a note of which library made the template; nothing on AWS either
    "AWS::CDK::Metadata": Called(
        lambda place, _: Made(place.name),
        stays,
        lambda _place, made, _given: made,
    ),
}
