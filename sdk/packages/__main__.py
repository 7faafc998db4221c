"""Build what each SDK publishes: ``python sdk/packages [FOLDER] [--url URL]``.

Writes wheel, sdist, npm archive, Unity package, Godot archives, C++ headers and Lua
modules into FOLDER (default: dist/packages). `--url` is the https address of the
repository, for the links of each package; default: that of git's remote `origin`.
`--tag NAME` creates an SDK's tag instead.
"""

import argparse
import sys
from pathlib import Path

from builders import BUILDERS
from repository import Repository, origin
from tags import create_tag, tag_name
from versions import changes, version

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Build the packages, or create a tag."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist/packages")
    parser.add_argument("--url", help="https address of the repository")
    parser.add_argument("--only", choices=BUILDERS, action="append", metavar="NAME")
    parser.add_argument("--tag", choices=BUILDERS, metavar="NAME")
    arguments = parser.parse_args()
    try:
        if arguments.tag:
            print(f"git push origin {create_tag(ROOT, arguments.tag)}")
            return 0
        repository = Repository(
            origin(ROOT) if arguments.url is None else arguments.url
        )
        if not repository.url:
            print(
                "no --url and no https remote: packages have no links", file=sys.stderr
            )
        folder: Path = arguments.folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in arguments.only or BUILDERS:
            number = version(ROOT, name)
            changes(ROOT, name, number)  # refuses a version without an entry
            for path in BUILDERS[name](ROOT, folder, repository):
                print(f"{tag_name(name, number):<20} {path.relative_to(folder)}")
    except (ValueError, OSError) as error:
        print(f"packages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
