"""The OpenAPI document, held against the service by schemathesis."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hotseat_registry import Reference
from hotseat_serve.adapters.fastapi_app import create_app
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


def test_the_service_keeps_to_its_document(registry, publish, tmp_path):
    """Whatever the document allows is answered as it says, and never with a 5xx."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")
    chosen = Settings(cache=str(tmp_path / "cache"), downloads="*")
    app = create_app(Router(ModelCache(registry, chosen), chosen))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.append(operation.label)

        @settings(
            max_examples=15, deadline=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case):
            if "model" in case.path_parameters:
                case.path_parameters["model"] = "mood"
            if "Deadline-Ms" in (case.headers or {}):
                # 0 and 1 are rightly a 504, which has a test of its own
                case.headers["Deadline-Ms"] = "60000"
            case.call_and_validate(
                checks=[
                    not_a_server_error,
                    status_code_conformance,
                    content_type_conformance,
                    response_schema_conformance,
                ]
            )

        ask()
    assert len(seen) == 29
