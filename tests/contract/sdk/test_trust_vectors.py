"""The vectors of signed versions and heads, replayed by the Python SDK's device."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from hotseat._device import trust as device
from hotseat._device.bundle import Bundle
from hotseat._device.signed_head import Seen
from hotseat._device.trust import Trust
from hotseat.errors import UntrustedError

PLACE = Path(__file__).parents[3] / "sdk/spec/trust.json"
VALUE = json.loads(PLACE.read_text("utf-8").replace("@LONG@", " " * (1 << 20)))


@pytest.mark.parametrize("case", VALUE["cases"], ids=lambda case: case["name"])
def test_a_case(case, tmp_path, monkeypatch):
    """Each is accepted, or refused for its reason."""

    class Then(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime.fromisoformat(VALUE["now"]).astimezone(zone)

    monkeypatch.setattr(device, "datetime", Then)
    paths = []
    for number, key in enumerate(case["keys"]):
        paths.append(tmp_path / f"{number}.pub")
        paths[-1].write_text(key)
    trust = Trust(paths, case["threshold"])
    seen = Seen(**case["seen"]) if case["seen"] else None

    def check():
        document = dict(case["document"])
        # this SDK makes the signed bytes of the manifest itself
        if "content" in document:
            content = json.loads(document["content"])
            version = document["manifest"]["version"]
            document["manifest"] = {**content, "version": version}
        bundle = Bundle.read(document, "mood")
        trust.check(bundle)
        required = case["required"]
        return trust.check_head(bundle, case["reference"], seen, required=required)

    if case["error"] is None:
        check()
        return
    with pytest.raises(UntrustedError) as refused:
        check()
    assert case["error"] in str(refused.value)
