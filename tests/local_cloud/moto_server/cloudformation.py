"""CloudFormation as AWS has it, where moto's differs: order, rollback, strictness.

Moto deletes and adds before it modifies, leaves half an update where one fails, and
skips a type that it does not know with a warning. Here resources are made and changed
in the order of their references, a failure takes everything back, and a type without
an entry in `KINDS` is an error.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import ValidationError
from moto.core.responses import ActionResult


@dataclass(frozen=True)
class Place:
    """Where a resource is made, and how it is named there."""

    account: str
    region: str
    stack: str
    logical: str
    name: str
    """What CloudFormation would call it, where the template does not."""


class Kind(Protocol):
    """One resource type: how it is made, changed and taken away."""

    def create(self, place: Place, properties: dict[str, Any]) -> Any:
        """Make it; what is returned has a physical_resource_id."""

    def update(self, place: Place, resource: Any, properties: dict[str, Any]) -> Any:
        """Change it in place, or return another in its stead."""

    def delete(self, place: Place, resource: Any) -> None:
        """Take it away."""


KINDS: dict[str, Kind] = {}
"""All that is known; a stack with any other type fails."""


def kind_of(template: Mapping[str, Any]) -> Kind:
    """Return what is known of a resource's type, or fail as CloudFormation does."""
    try:
        return KINDS[template["Type"]]
    except KeyError:
        raise ValidationError(
            message=f"Unrecognized resource types: [{template['Type']}]"
        ) from None


def references(template: Any) -> Iterator[str]:
    """Yield the logical names that a part of a template refers to."""
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
    """Return logical names so that each comes after all that it refers to."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in found:
            return
        for other in references(resources[name]):
            if other in resources and other != name:
                visit(other)
        found[name] = None

    for name in resources:
        visit(name)
    return list(found)


def _place(resources: Any, logical: str, template: Mapping[str, Any]) -> Place:
    stack = resources["AWS::StackName"]
    return Place(
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
    """Make one resource, in the place of moto's `parse_and_create_resource`."""
    condition = template.get("Condition")
    if condition and not resources.lazy_condition_map[condition]:
        return None
    kind = kind_of(template)
    wanted = _wanted(resources, template)
    made = kind.create(_place(resources, logical, template), copy.deepcopy(wanted))
    resources.__dict__.setdefault("applied", {})[logical] = wanted
    return _named(made, logical, template)


class ResourceMap(parsing.ResourceMap):
    """The resources of a stack."""

    applied: dict[str, dict[str, Any]]
    """The properties each was last made or changed with."""

    def create(self, template: dict[str, Any]) -> bool:
        """Make all of them."""
        self._template, self._resource_json_map = template, template["Resources"]
        self._check()
        for name in in_order(self._resource_json_map):
            _ = self[name]
        return True

    def update(
        self, template: dict[str, Any], parameters: dict[str, Any] | None = None
    ) -> None:
        """Make what is new, change what differs, then take away what is no more."""
        before, wanted = self._resource_json_map, template["Resources"]
        self._template = template
        if parameters:
            self.input_parameters = parameters
        self.load_mapping()
        self.load_parameters()
        self.load_conditions()
        self._resource_json_map = wanted
        self._check()
        # what an update has to know of all that goes is still there when it is undone
        self._resource_json_map = {**before, **wanted}
        for name in in_order(wanted):
            if name not in self._parsed_resources:
                _ = self[name]
                continue
            properties = _wanted(self, wanted[name])
            if properties != self.applied[name]:
                self.applied[name] = {}  # half done is not done: a roll back does it
                changed = kind_of(wanted[name]).update(
                    _place(self, name, wanted[name]),
                    self[name],
                    copy.deepcopy(properties),
                )
                self.applied[name] = properties
                self._parsed_resources[name] = _named(changed, name, wanted[name])
        for name in reversed(in_order(before)):
            if name not in wanted:
                self.remove(name, before[name])
        self._resource_json_map = wanted

    def delete(self) -> None:
        """Take all away but what its template keeps."""
        for name in reversed(in_order(self._resource_json_map)):
            self.remove(name, self._resource_json_map[name])
        self._resource_json_map = {}  # or whoever asks for one would make it again

    def _check(self) -> None:
        """Know every type, before anything is made."""
        for template in self._resource_json_map.values():
            condition = template.get("Condition")
            if not condition or self.lazy_condition_map[condition]:
                kind_of(template)

    def remove(self, name: str, template: Mapping[str, Any]) -> None:
        """Take one away, unless its template keeps it."""
        resource = self._parsed_resources.pop(name, None)
        if resource is not None and template.get("DeletionPolicy") != "Retain":
            kind_of(template).delete(_place(self, name, template), resource)


class Stack(models.Stack):
    """A stack that is whole or as it was."""

    def create_resources(self) -> None:
        """Make all, or nothing."""
        try:
            super().create_resources()
        except Exception as error:  # noqa: BLE001 (whatever a resource says)
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
        """Change all, or nothing."""
        before, given = self.template, dict(self.resource_map.input_parameters)
        try:
            super().update(template, role_arn, parameters, tags)
        except Exception as error:  # noqa: BLE001
            self._failed("UPDATE_FAILED", error)
            self.template = before
            self._parse_template()
            self.resource_map.update(self.template_dict, given)
            self.output_map = self._create_output_map()
            self._settled("UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Take all away; outputs go with it."""
        super().delete()
        self._forget_outputs()

    def _forget_outputs(self) -> None:
        self.output_map = models.OutputMap(self.resource_map, {}, self.stack_id)

    def _failed(self, status: str, error: Exception) -> None:
        self._add_stack_event(status, resource_status_reason=f"{error}")

    def _settled(self, status: str) -> None:
        self.status = status
        self._add_stack_event(status)


_delete_stack = models.CloudFormationBackend.delete_stack


def delete_unprotected(self: Any, name_or_stack_id: str) -> None:
    """Heed the protection from termination, which moto reads and does not heed."""
    stack = self.get_stack(name_or_stack_id)
    if str(stack.enable_termination_protection).lower() == "true":
        raise ValidationError(
            message=f"Stack [{stack.name}] cannot be deleted while "
            "TerminationProtection is enabled"
        )
    _delete_stack(self, name_or_stack_id)


def _update_termination_protection(self: Any) -> ActionResult:
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def install() -> None:
    """Put all of this in the place of moto's own."""
    parsing.parse_and_create_resource = create_resource
    models.ResourceMap = ResourceMap
    models.Stack = Stack
    models.CloudFormationBackend.delete_stack = delete_unprotected
    responses.CloudFormationResponse.update_termination_protection = (
        _update_termination_protection
    )
