"""The address of the repository, and links to its files."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!https?:)[^)#]+)(#[^)]*)?\)")


@dataclass(frozen=True)
class Repository:
    """A repository on the web; without an address there are no links."""

    url: str

    def __post_init__(self) -> None:
        """Refuse what is no https address."""
        if self.url and not re.fullmatch(r"https://[\w.-]+(/[\w.~-]+)+", self.url):
            raise ValueError(f"expected https://HOST/OWNER/NAME, got {self.url}")

    def file(self, path: str, tag: str) -> str:
        """Return the address of a file or folder at a tag."""
        return f"{self.url}/blob/{tag}/{path}"

    def outside_links(self, text: str, folder: str, kept: set[str], tag: str) -> str:
        """Return Markdown whose links to files outside the package are absolute.

        `folder` is the text's place in the repository, `kept` the package's own files,
        relative to it. Without an address only a link's text stays.
        """

        def replace(link: re.Match[str]) -> str:
            if PurePosixPath(link[2]).as_posix() in kept:
                return link[0]
            if not self.url:
                return link[1]
            parts: list[str] = []
            for part in PurePosixPath(folder, link[2]).parts:
                if part == "..":
                    parts.pop()
                else:
                    parts.append(part)
            return f"[{link[1]}]({self.file('/'.join(parts), tag)}{link[3] or ''})"

        return LINK.sub(replace, text)


def origin(root: Path) -> str:
    """Return the https address of git's remote `origin`, or nothing."""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    address = done.stdout.strip().removesuffix(".git")
    ssh = re.fullmatch(r"(?:ssh://)?git@([\w.-]+)[:/](.+)", address)
    if ssh:
        address = f"https://{ssh[1]}/{ssh[2]}"
    return address if address.startswith("https://") else ""
