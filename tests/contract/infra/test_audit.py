"""The audit finds what is known, and does not take silence for safety."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def audit(tmp_path):
    """Run the script with stand-ins for pip-audit and npm that print given words."""

    def run(python, npm="found 0 vulnerabilities", python_code=0, npm_code=0):
        for name, words, code in (
            ("pip-audit", python, python_code), ("npm", npm, npm_code)
        ):  # fmt: skip
            path = tmp_path / name
            path.write_text(f"#!/bin/sh\ncat <<'END'\n{words}\nEND\nexit {code}\n")
            path.chmod(0o755)
        done = subprocess.run(
            ["bash", ROOT / "infra/audit.sh"],
            env={
                **os.environ, "AUDIT": str(tmp_path / "pip-audit"),
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    return run


def test_silence_is_no_proof(audit):
    """A source that does not know a known advisory has not been reached."""
    code, said = audit("No known vulnerabilities found")
    assert code == 3
    assert "cannot be reached: none of them is audited" in said


def test_findings_end_with_1(audit):
    """Of either language."""
    code, said = audit("jinja2 CVE-2020-28493", python_code=1)
    assert (code, "findings: functions/requirements.txt" in said) == (1, True)
    code, said = audit("jinja2 CVE-2020-28493", "1 high severity", npm_code=1)
    assert (code, "findings: sdk/typescript" in said) == (1, True)


def test_npm_away_is_said(audit):
    """Its error is not a finding."""
    words = "npm error audit endpoint returned an error"
    code, said = audit("jinja2 CVE-2020-28493", words, npm_code=1)
    assert (code, "cannot be reached: sdk/typescript" in said) == (3, True)


def test_all_reached_and_nothing_found(audit):
    """The only way to 0; every lock in the repository is among them."""
    code, said = audit("jinja2 CVE-2020-28493")
    skipped = {"node_modules", ".venv", "build", ".git"}
    locks = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("**/package-lock.json", "*/requirements*.txt")
        for path in ROOT.glob(pattern)
        if not skipped & set(path.parts)
    ]
    assert len(locks) >= 6
    assert (code, said.count("no known advisory")) == (0, len(locks))
    assert all(f"no known advisory: {lock}" in said for lock in locks)
