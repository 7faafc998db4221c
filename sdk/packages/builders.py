"""One builder for each SDK: from the files of the repository to what is published."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archives import reproducible_tar, reproducible_zip
from repository import Repository
from tags import tag_name
from versions import version

Builder = Callable[[Path, Path, Repository], list[Path]]
SUMMARY = "Client of a Hotseat model service that never blocks a frame."
TEXTS = ("README.md", "CHANGELOG.md")


@contextmanager
def _staged(root: Path, sdk: str, repository: Repository) -> Iterator[Path]:
    """Copy the files of an SDK that git does not ignore; links work in the copy."""
    folder = f"sdk/{sdk}"
    command = ["git", "-C", str(root), "ls-files", "-z",
               "--cached", "--others", "--exclude-standard", folder]  # fmt: skip
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {name.removeprefix(f"{folder}/") for name in listed.split("\0") if name}
    tag = tag_name(sdk, version(root, sdk))
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary, sdk)
        for name in names:
            source = root / folder / name
            if source.is_file():  # not deleted since the last commit
                (stage / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, stage / name)
        for name in TEXTS:
            text = (stage / name).read_text("utf-8")
            text = repository.outside_links(text, folder, _packed(sdk, names), tag)
            (stage / name).write_text(text, "utf-8")
        if not any((stage / name).exists() for name in ("LICENSE", "LICENSE.md")):
            shutil.copyfile(root / "LICENSE", stage / "LICENSE")
        yield stage


def _packed(sdk: str, names: set[str]) -> set[str]:
    """Return which files a package's README may link to."""
    if sdk in {"python", "typescript", "godot"}:  # whose archives hold other paths
        return set(TEXTS)
    outside = ("tests/", "test/", "Tests~/")
    return {name for name in names if not name.startswith(outside)} | {
        "include/hotseat"
    }


def _run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"{' '.join(map(str, command))}: {done.stdout[-2000:]}")


def _edit_json(path: Path, changes: dict[str, Any]) -> None:
    value = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**value, **changes}, indent=2) + "\n", "utf-8")


def python(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Build sdist and wheel; the links become project.urls."""
    number = version(root, "python")
    with _staged(root, "python", repository) as stage:
        if repository.url:
            changelog = repository.file(
                "sdk/python/CHANGELOG.md", tag_name("python", number)
            )
            with (stage / "pyproject.toml").open("a", encoding="utf-8") as project:
                project.write(
                    f'\n[project.urls]\nSource = "{repository.url}"\n'
                    f'Changelog = "{changelog}"\nIssues = "{repository.url}/issues"\n'
                )
        _run(sys.executable, "-m", "build", "--outdir", folder, stage, cwd=root)
    sdist = folder / f"hotseat-{number}.tar.gz"
    return [*folder.glob(f"hotseat-{number}*.whl"), sdist]


def typescript(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Pack the compiled modules with npm; `make packages` compiles them first."""
    compiled = root / "sdk/typescript/dist"
    if not (compiled / "index.cjs").exists():
        raise ValueError("sdk/typescript/dist is missing: make playground")
    with _staged(root, "typescript", repository) as stage:
        shutil.copytree(compiled, stage / "dist")
        if repository.url:
            source = {"type": "git", "url": f"git+{repository.url}.git",
                      "directory": "sdk/typescript"}  # fmt: skip
            _edit_json(stage / "package.json", {
                "repository": source, "homepage": repository.url,
                "bugs": f"{repository.url}/issues",
            })  # fmt: skip
        _run("npm", "pack", "--silent", "--ignore-scripts",
             "--pack-destination", folder, cwd=stage)  # fmt: skip
        made = folder / f"hotseat-{version(root, 'typescript')}.tgz"
        named = folder / f"hotseat-npm-{version(root, 'typescript')}.tgz"
        made.rename(named)  # beside so many others, the name says what for
    return [named]


def unity(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Pack the folder that Unity takes by a git address, without its tests."""
    number = version(root, "unity")
    with _staged(root, "unity", repository) as stage:
        shutil.rmtree(stage / "Tests~")
        if repository.url:
            tag = tag_name("unity", number)
            _edit_json(stage / "package.json", {
                "documentationUrl": repository.file("sdk/unity/README.md", tag),
                "changelogUrl": repository.file("sdk/unity/CHANGELOG.md", tag),
                "licensesUrl": repository.file("sdk/unity/LICENSE.md", tag),
                "repository": {"type": "git", "url": f"{repository.url}.git"},
            })  # fmt: skip
        archive = folder / f"dev.hotseat.sdk-{number}.tgz"
        reproducible_tar(stage, archive, "package")
    return [archive]


def godot(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Write an archive for each engine in the layout of the asset library."""
    number = version(root, "godot")
    archives = []
    with _staged(root, "godot", repository) as stage:
        for engine in (3, 4):
            raw = stage / f"hotseat-godot{engine}.zip"
            _run(sys.executable, stage / "package.py", stage, cwd=root)
            content = stage / f"content{engine}"
            shutil.unpack_archive(raw, content)
            addon = content / "addons/hotseat"
            for name in TEXTS:
                shutil.copyfile(stage / name, addon / name)
            archive = folder / f"hotseat-godot{engine}-{number}.zip"
            reproducible_zip(content, archive)
            archives.append(archive)
    return archives


def cpp(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Pack headers, CMake's files and the Unreal plugin; write a port for vcpkg."""
    number = version(root, "cpp")
    with _staged(root, "cpp", repository) as stage:
        shutil.rmtree(stage / "tests")
        plugin = stage / "unreal/Hotseat"
        shutil.copytree(
            stage / "include/hotseat", plugin / "Source/ThirdParty/hotseat",
            ignore=shutil.ignore_patterns("curl.hpp"),
        )  # fmt: skip
        shutil.copyfile(stage / "LICENSE", plugin / "LICENSE")
        archive = folder / f"hotseat-cpp-{number}.tar.gz"
        reproducible_tar(stage, archive, f"hotseat-cpp-{number}")
    port = folder / "vcpkg/hotseat"
    port.mkdir(parents=True, exist_ok=True)
    _write_port(port, archive, repository, tag_name("cpp", number))
    return [archive, port]


def _write_port(port: Path, archive: Path, repository: Repository, tag: str) -> None:
    """Write a port of vcpkg that takes the archive: from its release, else a path."""
    number = tag.partition("-")[2]
    manifest = {
        "name": "hotseat", "version": number, "license": "Apache-2.0",
        "description": SUMMARY,
        "homepage": repository.url,
        "dependencies": ["curl", {"name": "vcpkg-cmake", "host": True},
                         {"name": "vcpkg-cmake-config", "host": True}],
    }  # fmt: skip
    if not repository.url:
        del manifest["homepage"]
    (port / "vcpkg.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    if repository.url:
        digest = hashlib.sha512(archive.read_bytes()).hexdigest()
        address = f"{repository.url}/releases/download/{tag}/{archive.name}"
        fetch = (f'vcpkg_download_distfile(ARCHIVE\n  URLS "{address}"\n'
                 f'  FILENAME "{archive.name}"\n  SHA512 {digest})\n')  # fmt: skip
    else:
        fetch = f'set(ARCHIVE "${{CMAKE_CURRENT_LIST_DIR}}/../../{archive.name}")\n'
    (port / "portfile.cmake").write_text(
        f'{fetch}vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${{ARCHIVE}}")\n'
        'vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}")\n'
        "vcpkg_cmake_install()\n"
        "vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/hotseat)\n"
        'file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" '
        '"${CURRENT_PACKAGES_DIR}/lib")\n'
        'vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")\n',
        "utf-8",
    )


def lua(root: Path, folder: Path, repository: Repository) -> list[Path]:
    """Pack the modules, and write a rockspec beside the archive."""
    number = version(root, "lua")
    with _staged(root, "lua", repository) as stage:
        shutil.rmtree(stage / "test")
        archive = folder / f"hotseat-lua-{number}.zip"
        modules = "".join(
            f'    ["{_module(path.relative_to(stage))}"] = '
            f'"{path.relative_to(stage).as_posix()}",\n'
            for path in sorted(stage.rglob("*.lua"))
        )
        tag = tag_name("lua", number)
        source = (
            f"{repository.url}/releases/download/{tag}/{archive.name}"
            if repository.url
            else archive.as_uri()
        )
        homepage = (
            f'  homepage = "{repository.url}",\n'
            f'  issues_url = "{repository.url}/issues",\n'
            if repository.url
            else ""
        )
        rockspec = folder / f"hotseat-{number}-1.rockspec"
        rockspec.write_text(
            'rockspec_format = "3.0"\npackage = "hotseat"\n'
            f'version = "{number}-1"\n'
            f'source = {{ url = "{source}", dir = "hotseat-lua-{number}" }}\n'
            "description = {\n"
            f'  summary = "{SUMMARY}",\n'
            f'{homepage}  license = "Apache-2.0",\n}}\n'
            'dependencies = { "lua >= 5.1, < 5.5" }\n'
            f'build = {{\n  type = "builtin",\n  modules = {{\n{modules}  }},\n}}\n',
            "utf-8",
        )
        shutil.copyfile(rockspec, stage / rockspec.name)
        reproducible_zip(stage, archive, f"hotseat-lua-{number}")
    return [archive, rockspec]


def _module(path: Path) -> str:
    name = path.with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".init")


BUILDERS: dict[str, Builder] = {
    "python": python, "typescript": typescript, "unity": unity, "godot": godot,
    "cpp": cpp, "lua": lua,
}  # fmt: skip
