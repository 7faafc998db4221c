"""Print the OpenAPI document: ``python -m hotseat_serve.adapters.openapi``."""

import json
import sys

from hotseat_serve.adapters.fastapi_app import create_app
from hotseat_serve.api.factory import create_router
from hotseat_serve.settings import Settings

if __name__ == "__main__":
    document = create_app(create_router(Settings())).openapi()
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
