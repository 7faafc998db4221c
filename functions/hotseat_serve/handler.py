"""The Lambda function's entry."""

import os

from mangum import Mangum

from hotseat_serve.app import create_app
from hotseat_serve.settings import Settings

# lifespan off: Mangum would enter it on every invocation
handler = Mangum(create_app(Settings.from_env(os.environ)), lifespan="off")
