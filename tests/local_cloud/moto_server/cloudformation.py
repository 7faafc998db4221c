"""CloudFormation's order, rollback and strictness, where moto differs from AWS.

Moto deletes and adds before it modifies, leaves a failed update half done, and skips
an unknown type with a warning. Here resources are created and updated in the order of
their references, a failure rolls everything back, and a type without an entry in
`RESOURCE_TYPES` is an error.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.responses import ActionResult

from local_cloud.update_rules import exports, imports, refusals


@dataclass(frozen=True)
class Target:
    """The account, region and stack of a resource, and its names."""

    account: str
    region: str
    stack: str
    logical: str
    name: str
    """The name that CloudFormation generates, if the template has none."""


class ResourceType(Protocol):
    """A resource type: how to create, update and delete it."""

    def create(self, target: Target, properties: dict[str, Any]) -> Any:
        """Create a resource; the result has a physical_resource_id."""

    def update(self, target: Target, resource: Any, properties: dict[str, Any]) -> Any:
        """Update the resource in place, or return its replacement."""

    def delete(self, target: Target, resource: Any) -> None:
        """Delete the resource."""


RESOURCE_TYPES: dict[str, ResourceType] = {}
"""All known types; a stack with any other type fails."""


def resource_type(template: Mapping[str, Any]) -> ResourceType:
    """Return the type of a resource, or raise CloudFormation's error."""
    try:
        return RESOURCE_TYPES[template["Type"]]
    except KeyError:
        raise ValidationError(
            message=f"Unrecognized resource types: [{template['Type']}]"
        ) from None


def references(template: Any) -> Iterator[str]:
    """Yield the logical names to which a part of a template refers."""
    if isinstance(template, list):
        for item in template:
            yield from references(item)
    if not isinstance(template, dict):
        return
    for key, value in template.items():
        if key == "Ref":
            yield value
        elif key == "Fn::GetAtt":
            yield value.split(".")[0] if isinstance(value, str) else value[0]
        elif key == "DependsOn":
            yield from [value] if isinstance(value, str) else value
        elif key == "Fn::Sub" and isinstance(value, str):
            yield from re.findall(r"\$\{(\w+)[.}]", value)
        else:
            yield from references(value)


def in_order(resources: Mapping[str, Any]) -> list[str]:
    """Return logical names in an order that puts each after its references."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in ordered:
            return
        for other in references(resources[name]):
            if other in resources and other != name:
                visit(other)
        ordered[name] = None

    for name in resources:
        visit(name)
    return list(ordered)


def _target(resources: Any, logical: str, template: Mapping[str, Any]) -> Target:
    stack = resources["AWS::StackName"]
    return Target(
        resources._account_id,
        resources._region_name,
        stack,
        logical,
        parsing.generate_resource_name(template["Type"], stack, logical),
    )


def _wanted(resources: Any, template: Mapping[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = parsing.clean_json(
        template.get("Properties", {}), resources
    )
    return cleaned


def _named(resource: Any, logical: str, template: Mapping[str, Any]) -> Any:
    resource.logical_resource_id = logical
    resource.cf_resource_type = template["Type"]
    return resource


def create_resource(
    logical: str, template: dict[str, Any], resources: Any, *_: Any, **__: Any
) -> Any:
    """Create one resource; replaces moto's `parse_and_create_resource`."""
    condition = template.get("Condition")
    if condition and not resources.lazy_condition_map[condition]:
        return None
    kind = resource_type(template)
    wanted = _wanted(resources, template)
    resource = kind.create(_target(resources, logical, template), copy.deepcopy(wanted))
    resources.__dict__.setdefault("applied", {})[logical] = wanted
    return _named(resource, logical, template)


class ResourceMap(parsing.ResourceMap):
    """The resources of a stack."""

    applied: dict[str, dict[str, Any]]
    """The properties of each resource's last creation or update."""

    def create(self, template: dict[str, Any]) -> bool:
        """Create all resources."""
        self._template, self._resource_json_map = template, template["Resources"]
        self._check()
        for name in in_order(self._resource_json_map):
            _ = self[name]
        return True

    def update(
        self,
        template: dict[str, Any],
        parameters: dict[str, Any] | None = None,
        *,
        is_rollback: bool = False,
    ) -> None:
        """Create new resources, update changed ones, then delete removed ones.

        In a rollback the removed ones are those that the failed update created.
        """
        before, wanted = self._resource_json_map, template["Resources"]
        self._template = template
        if parameters:
            self.input_parameters = parameters
        self.load_mapping()
        self.load_parameters()
        self.load_conditions()
        self._resource_json_map = wanted
        self._check()
        # a rollback needs the templates of removed resources as well
        self._resource_json_map = {**before, **wanted}
        for name in in_order(wanted):
            if name not in self._parsed_resources:
                _ = self[name]
                continue
            properties = _wanted(self, wanted[name])
            if properties != self.applied[name]:
                self.applied[
                    name
                ] = {}  # if the update fails half-way, the rollback repeats it
                changed = resource_type(wanted[name]).update(
                    _target(self, name, wanted[name]),
                    self[name],
                    copy.deepcopy(properties),
                )
                self.applied[name] = properties
                self._parsed_resources[name] = _named(changed, name, wanted[name])
        for name in reversed(in_order(before)):
            if name not in wanted:
                self.remove(name, before[name], is_rollback=is_rollback)
        self._resource_json_map = wanted

    def delete(self) -> None:
        """Delete all resources except those with DeletionPolicy Retain."""
        for name in reversed(in_order(self._resource_json_map)):
            self.remove(name, self._resource_json_map[name])
        self._resource_json_map = {}  # or a later lookup would create one again

    def _check(self) -> None:
        """Raise for an unknown type before anything is created."""
        for template in self._resource_json_map.values():
            condition = template.get("Condition")
            if not condition or self.lazy_condition_map[condition]:
                resource_type(template)

    def remove(
        self, name: str, template: Mapping[str, Any], *, is_rollback: bool = False
    ) -> None:
        """Delete one resource, unless its DeletionPolicy retains it."""
        resource = self._parsed_resources.pop(name, None)
        kept = template.get("DeletionPolicy") in {
            "Retain", *([] if is_rollback else ["RetainExceptOnCreate"])
        }  # fmt: skip
        if resource is not None and not kept:
            resource_type(template).delete(_target(self, name, template), resource)


class Stack(models.Stack):
    """A stack whose updates succeed as a whole or are rolled back."""

    def create_resources(self) -> None:
        """Create all resources, or none."""
        try:
            super().create_resources()
        except Exception as error:  # noqa: BLE001 (any error of a resource)
            self._failed("CREATE_FAILED", error)
            self.resource_map.delete()
            self._forget_outputs()
            self._settled("ROLLBACK_COMPLETE")

    def update(
        self,
        template: str,
        role_arn: str | None = None,
        parameters: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Update all resources, or none."""
        before, parameters_before = (
            self.template,
            dict(self.resource_map.input_parameters),
        )
        try:
            check_update(self, json.loads(template))
            super().update(template, role_arn, parameters, tags)
            self._share_exports()
        except Exception as error:  # noqa: BLE001
            self._failed("UPDATE_FAILED", error)
            self.template = before
            self._parse_template()
            self.resource_map.update(
                self.template_dict, parameters_before, is_rollback=True
            )
            self.output_map = self._create_output_map()
            self._settled("UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Delete all resources and outputs."""
        super().delete()
        self._forget_outputs()

    def _share_exports(self) -> None:
        """Let other stacks import what this one exports now, and nothing else."""
        shared = cloudformation_backends[self.account_id][self.region_name].exports
        for name in [
            n for n, e in shared.items() if e.exporting_stack_id == self.stack_id
        ]:
            del shared[name]
        shared.update({export.name: export for export in self.exports})

    def _forget_outputs(self) -> None:
        self.output_map = models.OutputMap(self.resource_map, {}, self.stack_id)

    def _failed(self, status: str, error: Exception) -> None:
        self._add_stack_event(status, resource_status_reason=f"{error}")

    def _settled(self, status: str) -> None:
        self.status = status
        self._add_stack_event(status)


def check_update(stack: Any, template: Mapping[str, Any]) -> None:
    """Raise CloudFormation's error for an update that it refuses."""
    found = refusals(stack.template_dict, template)
    if found:
        raise ValidationError(message="; ".join(found))
    check_exports(stack, exports(stack.template_dict) - exports(template))


def check_exports(stack: Any, removed: set[str]) -> None:
    """Raise CloudFormation's error if another stack imports one of these exports."""
    others = cloudformation_backends[stack.account_id][stack.region_name].stacks
    for other in others.values():
        used = removed & set(imports(other.template_dict))
        if other.stack_id != stack.stack_id and used:
            raise ValidationError(
                message=f"Cannot delete export {min(used)} as it is in use by "
                f"{other.name}"
            )


_delete_stack = models.CloudFormationBackend.delete_stack


def delete_unprotected(self: Any, name_or_stack_id: str) -> None:
    """Refuse to delete a stack with termination protection, which moto ignores."""
    stack = self.get_stack(name_or_stack_id)
    if str(stack.enable_termination_protection).lower() == "true":
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while "
            "TerminationProtection is enabled"
        )
    check_exports(stack, exports(stack.template_dict))
    _delete_stack(self, name_or_stack_id)


def _update_termination_protection(self: Any) -> ActionResult:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def install() -> None:
    """Replace moto's own code with this module's."""
    parsing.parse_and_create_resource = create_resource
    models.ResourceMap = ResourceMap
    models.Stack = Stack
    models.CloudFormationBackend.delete_stack = delete_unprotected
    responses.CloudFormationResponse.update_termination_protection = (
        _update_termination_protection
    )
