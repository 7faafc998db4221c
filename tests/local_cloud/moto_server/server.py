"""Run moto with our additions: ``python -m local_cloud.moto_server.server PORT``."""

import os
import sys

os.environ |= {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_LAMBDA_STUB_ECR": "false",  # a function's image has to exist
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
os.environ.pop("AWS_ENDPOINT_URL", None)  # moto's own calls stay in the process

from moto import mock_aws
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

from local_cloud.moto_server import (
    access_types,
    api_gateway_types,
    bucket_policy,
    cloudformation,
    event_types,
    http_api_types,
    lambda_types,
    nested_stacks,
    role_policies,
    storage_and_alarm_types,
)

TYPES = (
    access_types,
    api_gateway_types,
    event_types,
    http_api_types,
    lambda_types,
    nested_stacks,
    storage_and_alarm_types,
)
"""Each adds its types to `cloudformation.RESOURCE_TYPES` when it is imported."""


def main(port: int) -> None:
    """Serve until the process is stopped."""
    cloudformation.install()
    bucket_policy.install()
    role_policies.install()
    mock_aws().start(reset=False)
    application = DomainDispatcherApplication(create_backend_app)
    # one request at a time: moto checks and writes in two steps, S3 in one
    run_simple("127.0.0.1", port, application, threaded=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
