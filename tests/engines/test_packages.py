"""What `make packages` builds, installed into empty projects: each makes a call."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
import urllib3

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "sdk/packages"
URL = "https://git.example/studio/game-models"


def run(*words, cwd, environment=None):
    """Run a command that has to succeed; returns what it printed."""
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(need, tmp_path_factory):
    """All packages, built for a repository with an address."""
    need("npm", "test-packages")
    folder = tmp_path_factory.mktemp("packages")
    run(sys.executable, PACKAGES, folder, "--url", URL, cwd=folder)
    return folder


def only(folder, pattern):
    """Return the one file that a pattern names."""
    (found,) = folder.glob(pattern)
    return found


def contents(archive):
    """Return an archive's files by name."""
    if archive.suffix in {".zip", ".whl"}:
        with zipfile.ZipFile(archive) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    with tarfile.open(archive) as packed:
        return {
            entry.name: packed.extractfile(entry).read()
            for entry in packed
            if entry.isfile()
        }


ARCHIVES = {
    "hotseat-*.whl": "Changelog, https://git.example/studio/game-models/blob/python-",
    "hotseat-[0-9]*.tar.gz": f"Source, {URL}",
    "hotseat-npm-*.tgz": f'"homepage": "{URL}"',
    "dev.hotseat.sdk-*.tgz": f'"changelogUrl": "{URL}/blob/unity-',
    "hotseat-godot3-*.zip": f"{URL}/blob/godot-",
    "hotseat-godot4-*.zip": f"{URL}/blob/godot-",
    "hotseat-cpp-*.tar.gz": f"{URL}/blob/cpp-",
    "hotseat-lua-*.zip": f'homepage = "{URL}"',
}


@pytest.mark.parametrize("pattern", ARCHIVES)
def test_each_archive_has_licence_changes_and_links(packages, pattern):
    """The licence's text, the changelog, the repository; no link that leads nowhere."""
    files = contents(only(packages, pattern))
    texts = {
        name: content.decode("utf-8", "replace") for name, content in files.items()
    }
    assert any(
        "LICENSE" in name and "Apache License" in text for name, text in texts.items()
    )
    if not pattern.endswith(".whl"):  # whose metadata link to it
        assert any(name.endswith("CHANGELOG.md") for name in files)
    assert any(ARCHIVES[pattern] in text for text in texts.values())
    for name, text in texts.items():
        if name.endswith(("README.md", "METADATA", "PKG-INFO")):
            for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
                target = (Path("/", name).parent / link).as_posix().removeprefix("/")
                assert any(one.startswith(target) for one in files), f"{name}: {link}"


def test_the_wheel_answers_in_an_empty_environment(packages, answering, tmp_path):
    """`pip install` of the wheel, without this checkout."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install")
    run(*pip, "-q", only(packages, "hotseat-*.whl"), cwd=tmp_path)
    code = (
        "import sys; from hotseat import ModelServiceClient as Client; "
        "print(Client(sys.argv[1]).predict('gg').label)"
    )
    assert run(python, "-I", "-c", code, answering, cwd=tmp_path) == "ok\n"
    # a name of ours that is installed is never taken from a registry
    offline = ("--dry-run", "--no-index", "--no-deps", "hotseat[offline]")
    assert "already satisfied: hotseat" in run(*pip, *offline, cwd=tmp_path)


def test_the_npm_archive_answers_in_an_empty_project(packages, answering, tmp_path):
    """`npm install` of the archive: as a module, as CommonJS, and typed."""
    (tmp_path / "package.json").write_text('{"private": true}')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
        "--omit=peer", only(packages, "hotseat-npm-*.tgz"), cwd=tmp_path)  # fmt: skip
    (tmp_path / "module.mjs").write_text(
        "import { ModelServiceClient } from 'hotseat';\n"
        "const client = new ModelServiceClient({ baseUrl: process.argv[2] });\n"
        "console.log((await client.predict('gg')).label);\n"
    )
    (tmp_path / "common.cjs").write_text(
        "const { ModelServiceClient } = require('hotseat');\n"
        "const client = new ModelServiceClient({ baseUrl: process.argv[2] });\n"
        "client.predict('gg').then(({ label }) => console.log(label));\n"
    )
    for file in ("module.mjs", "common.cjs"):
        assert run("node", file, answering, cwd=tmp_path) == "ok\n"
    types = json.loads((tmp_path / "node_modules/hotseat/package.json").read_text())
    for entry in types["exports"].values():
        for file in entry.values() if isinstance(entry, dict) else [entry]:
            assert (tmp_path / "node_modules/hotseat" / file).exists(), file


def test_the_unity_package_is_the_folder_that_git_gives(packages):
    """What Unity takes by `?path=/sdk/unity` is in the archive, which adds links."""
    files = contents(only(packages, "dev.hotseat.sdk-*.tgz"))
    tracked = run("git", "ls-files", "-z", "sdk/unity", cwd=ROOT).split("\0")
    names = {
        name.removeprefix("sdk/unity/") for name in tracked if "Tests~" not in name
    }
    assert {name.removeprefix("package/") for name in files} == names - {""}
    for name, content in files.items():
        if not name.endswith((".md", "package.json")):
            own = ROOT / "sdk/unity" / name.removeprefix("package/")
            assert own.read_bytes() == content


def test_the_unity_package_answers_in_an_empty_project(
    need, packages, answering, tmp_path
):
    """Its Runtime folder compiles alone, and a program of it makes a call."""
    need("mcs", "test-packages")
    shutil.unpack_archive(only(packages, "dev.hotseat.sdk-*.tgz"), tmp_path, "gztar")
    program = tmp_path / "Game.cs"
    program.write_text(
        "static class Game { static void Main(string[] words) {\n"
        "  using (var client = new Hotseat.ModelServiceClient(words[0]))\n"
        '    System.Console.WriteLine(client.PredictAsync("gg").Result.Label);\n'
        "} }\n"
    )
    run("mcs", "-langversion:7.2", "-r:System.Net.Http.dll", "-out:Game.exe", program,
        *(tmp_path / "package/Runtime").glob("*.cs"), cwd=tmp_path)  # fmt: skip
    assert run(need("mono", "test-packages"), "Game.exe", answering, cwd=tmp_path) == (
        "ok\n"
    )


SCRIPT = """extends SceneTree
const Client = preload("res://addons/hotseat/client.gd")

func _init():
	call_deferred("ask")

func ask():
	var client = Client.new()
	client.base_url = OS.get_environment("HOTSEAT_LIVE")
	get_root().add_child(client)
	var ticket = client.predict("gg")
	yield(ticket, "done")
	print("label: ", ticket.result().label)
	quit()
"""


def test_the_godot_addon_answers_in_an_empty_project(
    need, packages, answering, tmp_path
):
    """The archive's folder `addons` alone, in a project of two lines."""
    engine = need("godot3-server", "test-packages")
    files = contents(only(packages, "hotseat-godot3-*.zip"))
    for name, content in files.items():
        if name.startswith("addons/hotseat/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    (tmp_path / "project.godot").write_text("config_version=4\n")
    (tmp_path / "game.gd").write_text(SCRIPT)
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "HOTSEAT_LIVE": answering,
    }
    said = run(engine, "--path", tmp_path, "-s", "game.gd", cwd=tmp_path,
               environment=environment)  # fmt: skip
    assert "label: ok" in said
    four = contents(only(packages, "hotseat-godot4-*.zip"))
    assert {name for name in files if "addons" in name} == {
        name for name in four if "addons" in name
    }


CMAKE = """cmake_minimum_required(VERSION 3.16)
project(game LANGUAGES CXX)
find_package(hotseat 0.1 REQUIRED)
add_executable(game game.cpp)
target_link_libraries(game PRIVATE hotseat::hotseat)
"""
GAME = """#include <iostream>
#include "hotseat/curl.hpp"
int main(int, char** words) {
  hotseat::Options options;
  options.base_url = words[1];
  options.transport = hotseat::curl_transport();
  std::cout << hotseat::Client(options).predict("gg").label.value_or("?") << "\\n";
}
"""


def test_the_cpp_archive_answers_in_an_empty_project(
    need, packages, answering, tmp_path
):
    """CMake installs the archive; `find_package` finds it from another project."""
    cmake = need("cmake", "test-packages")
    archive = only(packages, "hotseat-cpp-*.tar.gz")
    shutil.unpack_archive(archive, tmp_path)
    source, prefix = only(tmp_path, "hotseat-cpp-*"), tmp_path / "prefix"
    run(cmake, "-S", source, "-B", "build", f"-DCMAKE_INSTALL_PREFIX={prefix}",
        cwd=tmp_path)  # fmt: skip
    run(cmake, "--install", "build", cwd=tmp_path)
    game = tmp_path / "game"
    game.mkdir()
    (game / "CMakeLists.txt").write_text(CMAKE)
    (game / "game.cpp").write_text(GAME)
    run(cmake, "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=game)
    run(cmake, "--build", "build", cwd=game)
    assert run(game / "build/game", answering, cwd=game) == "ok\n"
    plugin = source / "unreal/Hotseat"
    version = json.loads((plugin / "Hotseat.uplugin").read_text())["VersionName"]
    assert version in archive.name
    headers = {path.name for path in (source / "include/hotseat").iterdir()}
    beside = {path.name for path in (plugin / "Source/ThirdParty/hotseat").iterdir()}
    assert beside == headers - {"curl.hpp"}
    port = (packages / "vcpkg/hotseat/portfile.cmake").read_text()
    assert f"{URL}/releases/download/cpp-{version}/{archive.name}" in port


LUA = """
local socket, hotseat = require("socket"), require("hotseat")
local client = hotseat.client({
  base_url = arg[1], transport = require("hotseat.luasocket"), clock = socket.gettime })
local ticket = client:predict("gg")
while not ticket:ready() do client:update() socket.sleep(0.005) end
print(ticket:result().label)
"""


def test_the_lua_archive_answers_in_an_empty_project(
    need, packages, answering, tmp_path
):
    """On `package.path` as a game carries it, and installed by LuaRocks."""
    shutil.unpack_archive(only(packages, "hotseat-lua-*.zip"), tmp_path)
    folder = only(tmp_path, "hotseat-lua-*")
    (tmp_path / "game.lua").write_text(LUA)
    path = f"package.path = '{folder}/?.lua;{folder}/?/init.lua;' .. package.path"
    lua = need("lua5.4", "test-packages")
    assert run(lua, "-e", path, "game.lua", answering, cwd=tmp_path) == "ok\n"
    # without the release on the web, the archive is the source
    run(need("luarocks", "test-packages"), "--lua-version=5.4", "--tree=rocks", "make",
        only(folder, "*.rockspec"), cwd=folder)  # fmt: skip
    share = folder / "rocks/share/lua/5.4"
    path = f"package.path = '{share}/?.lua;{share}/?/init.lua;' .. package.path"
    assert run(lua, "-e", path, "game.lua", answering, cwd=tmp_path) == "ok\n"


def test_packages_are_the_same_each_time(packages, tmp_path):
    """The archives that we write ourselves depend on no clock."""
    names = ("unity", "godot", "cpp", "lua")
    chosen = [word for name in names for word in ("--only", name)]
    run(sys.executable, PACKAGES, tmp_path, "--url", URL, *chosen, cwd=tmp_path)
    for path in tmp_path.glob("*.*"):
        assert path.read_bytes() == (packages / path.name).read_bytes(), path.name


def test_without_an_address_packages_say_so(tmp_path):
    """No link is made up."""
    done = subprocess.run(
        [sys.executable, PACKAGES, tmp_path, "--url", "", "--only", "lua"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "packages have no links" in done.stderr) == (0, True)
    assert "http" not in only(tmp_path, "*.rockspec").read_text()


def test_a_tag_needs_a_dated_entry_and_no_open_change(tmp_path):
    """`make tag SDK=lua` names the SDK and its version, with the entry as its text."""
    shutil.copytree(ROOT / "sdk/lua", tmp_path / "sdk/lua")
    shutil.copytree(PACKAGES, tmp_path / "sdk/packages")
    git = ("git", "-c", "user.name=ada", "-c", "user.email=ada@git.example")
    run(*git, "init", "-q", cwd=tmp_path)

    def commit():
        run(*git, "add", "-A", cwd=tmp_path)
        run(*git, "commit", "-q", "-m", "x", cwd=tmp_path)

    def tag():
        return subprocess.run(
            [sys.executable, "sdk/packages", "--tag", "lua"], cwd=tmp_path,
            capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_NAME": "ada",
                 "GIT_COMMITTER_EMAIL": "ada@git.example",
                 "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    commit()
    assert "is not released: write '## 0.1.0 - YYYY-MM-DD'" in tag().stderr
    log = tmp_path / "sdk/lua/CHANGELOG.md"
    log.write_text(
        log.read_text().replace("0.1.0 (not released yet)", "0.1.0 - 2026-12-01")
    )
    assert "git commit" in tag().stderr
    commit()
    assert tag().stdout == "git push origin lua-0.1.0\n"
    assert "LuaSocket" in run("git", "tag", "-n9", cwd=tmp_path)
    assert "already exists" in tag().stderr


NOT_IN_DEMO = ["boto3", "botocore", "cryptography", "fastapi", "onnx", "rich", "torch"]


def test_the_platforms_wheel_holds_the_playground(packages, tmp_path):
    """`hotseat demo` serves page and price with what the extra `demo` brings."""
    vendored = ROOT / "training/hotseat_train/playground/page/vendor/hotseat.js"
    assert vendored.exists(), "make test-packages builds it"
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT,
        cwd=tmp_path)  # fmt: skip
    target = tmp_path / "site"
    wheels = (only(packages, "hotseat-*.whl"), only(tmp_path, "*.whl"))
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps",
        "--target", target, *wheels, cwd=tmp_path)  # fmt: skip
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked/sitecustomize.py").write_text(
        f"import sys; sys.modules.update(dict.fromkeys({NOT_IN_DEMO}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "hotseat._cli", "demo", "--no-browser"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
             "PYTHONPATH": f"{tmp_path / 'blocked'}:{target}", "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        address = re.search(r"http://[\d.:]+/", process.stdout.readline())[0]
        sdk = urllib3.request("GET", f"{address}vendor/hotseat.js", retries=False)
        assert (sdk.status, sdk.data) == (200, vendored.read_bytes())
        found = urllib3.request("GET", f"{address}play/models", retries=False).json()
        said = urllib3.request(
            "POST", f"{address}v1/models/chat-moderation/predict",
            json={"input": "gg wp"}, retries=False,
        )  # fmt: skip
        assert said.json()["label"] == "ok"
        assert found["price"]["request"] > 0
        assert set(found["models"]) >= {"chat-moderation", "connect-four"}
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
