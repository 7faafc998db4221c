"""A game's server in .NET mints what services accept.

Needs the compiler of Mono, and a .NET runtime with its OpenSSL: DOTNET_ROOT, the
folder of `dotnet`. (PyPI's dotnetcore2 has one, and takes OpenSSL 1.1.)
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from hotseat_serve.access.access_keys import from_pem
from hotseat_serve.access.verify import Verifier

SOURCE = Path(__file__).parents[3] / "sdk/unity/Dotnet~/Tokens.cs"
PROGRAM = """
using System; using System.IO; using Hotseat;
public static class Program {
  public static int Main(string[] words) {
    var pem = File.ReadAllText(words[0]);
    Console.WriteLine(Tokens.Mint(pem, "p9", "chess", new[] { "mood" }, 2.5, 4));
    foreach (var bad in new Action[] {
        () => Tokens.Mint(pem, "p 9"), () => Tokens.Mint("x", "p"),
        () => Tokens.Mint(pem, "p", seconds: 86401) })
      try { bad(); return 1; } catch (ArgumentException) { }
    return 0;
  }
}
"""
RUNTIME = """{"runtimeOptions": {"framework": {
  "name": "Microsoft.NETCore.App", "version": "%s"}}}"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, and the runtime that runs it."""
    root = Path(os.environ.get("DOTNET_ROOT", ""))
    frameworks = sorted(root.glob("shared/Microsoft.NETCore.App/*"))
    if not (shutil.which("mcs") and frameworks and (root / "dotnet").exists()):
        pytest.skip("needs mcs and DOTNET_ROOT")
    folder = tmp_path_factory.mktemp("dotnet")
    (folder / "Program.cs").write_text(PROGRAM)
    (folder / "Program.runtimeconfig.json").write_text(RUNTIME % frameworks[-1].name)
    names = (
        "System.Private.CoreLib", "System.Runtime", "System.Console", "mscorlib",
        "System.Security.Cryptography.Algorithms", "System.Runtime.Extensions",
        "System.Security.Cryptography.Primitives", "System.Collections",
        "System.IO.FileSystem", "netstandard",
    )  # fmt: skip
    references = [
        f"-r:{frameworks[-1] / name}.dll"
        for name in names
        if (frameworks[-1] / f"{name}.dll").exists()
    ]
    subprocess.run(
        ["mcs", "-nostdlib", "-noconfig", "-langversion:7", *references,
         f"-out:{folder}/Program.dll", folder / "Program.cs", SOURCE],
        check=True, capture_output=True,
    )  # fmt: skip
    return [root / "dotnet", folder / "Program.dll"]


@pytest.mark.parametrize("form", ["sec1", "pkcs8"])
def test_a_token_of_dotnet_is_verified(program, keys, tmp_path, form):
    """Both forms in which openssl writes a key; mistakes are ArgumentExceptions."""
    path = tmp_path / "written.pem"
    words = ["ec"] if form == "sec1" else ["pkcs8", "-topk8", "-nocrypt"]
    subprocess.run(
        ["openssl", *words, "-in", keys[0], "-out", path],
        check=True,
        capture_output=True,
    )
    env = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    done = subprocess.run([*program, path], capture_output=True, env=env, check=True)
    known = from_pem([keys[1].read_bytes()])
    verifier = Verifier(lambda _anew: known, time.time)
    caller = verifier.verify(done.stdout.decode().strip()).caller
    assert (caller.player, caller.game, caller.models) == ("p9", "chess", {"mood"})
    assert (caller.rate, caller.burst) == (2.5, 4)
