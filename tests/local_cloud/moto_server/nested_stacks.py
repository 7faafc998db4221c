"""A nested stack: created, updated and rolled back with its parent.

A nested stack that fails fails its parent; on its way back the parent updates it again
with the former template (docs.aws.amazon.com, "Working with nested stacks").
"""

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.utils import get_stack_from_s3_url

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource


def _template(target: Target, properties: dict[str, Any]) -> str:
    text: str = get_stack_from_s3_url(properties["TemplateURL"], target.account, "aws")
    return text


def _backend(target: Target) -> Any:
    return cloudformation_backends[target.account][target.region]


def _read(stack: Any) -> Resource:
    """Return a complete stack; raises CloudFormation's error."""
    if stack.status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        reasons = [
            event.resource_status_reason
            for event in stack.events
            if str(event.resource_status).endswith("_FAILED")
        ]
        raise ValidationError(
            message=f"Embedded stack {stack.stack_id} was not successfully created or "
            f"updated: {'; '.join(str(reason) for reason in reasons)}"
        )
    outputs = {
        f"Outputs.{output.key}": output.value for output in stack.output_map.values()
    }
    return Resource(stack.stack_id, outputs)


def _create(target: Target, properties: dict[str, Any]) -> Resource:
    return _read(
        _backend(target).create_stack(
            target.name,
            _template(target, properties),
            properties.get("Parameters", {}),
        )
    )


def _update(target: Target, created: Resource, properties: dict[str, Any]) -> Resource:
    stack = _backend(target).get_stack(created.physical_resource_id)
    stack.update(
        _template(target, properties), parameters=properties.get("Parameters", {})
    )
    return _read(stack)


RESOURCE_TYPES["AWS::CloudFormation::Stack"] = ApiType(
    _create,
    lambda target, created: _backend(target).delete_stack(created.physical_resource_id),
    _update,
)
