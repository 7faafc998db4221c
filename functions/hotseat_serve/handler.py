"""The Lambda function's entry."""

import os

from mangum import Mangum

from hotseat_serve.app import create_app
from hotseat_serve.problems import MEDIA_TYPE
from hotseat_serve.settings import Settings

handler = Mangum(
    create_app(Settings.from_env(os.environ)),
    lifespan="off",  # Mangum would enter it on every invocation
    text_mime_types=["application/json", MEDIA_TYPE, "text/"],
)
