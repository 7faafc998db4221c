"""A game's server in .NET mints what services accept.

On CoreCLR 3.1, compiled by Mono's compiler: `make test-unity` brings both. DOTNET_ROOT
names another runtime, the folder of its `dotnet`.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from hotseat_serve.access.access_keys import from_pem
from hotseat_serve.access.verify import Verifier

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "sdk/unity/Dotnet~/Tokens.cs"
DOTNET = ROOT / ".venv/dotnet"
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


@pytest.fixture
def program(need, tmp_path):
    """The program, and the runtime that runs it."""
    need("mcs", "test-unity")
    root = Path(os.environ.get("DOTNET_ROOT") or DOTNET / "dotnetcore2/bin")
    frameworks = sorted(root.glob("shared/Microsoft.NETCore.App/*"))
    if not frameworks and not os.environ.get("CI"):
        pytest.skip("no CoreCLR: make test-unity brings it")
    folder = tmp_path
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
    env = {
        **os.environ,
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
        "LD_LIBRARY_PATH": str(DOTNET / "psycopg2_binary.libs"),
    }
    done = subprocess.run([*program, path], capture_output=True, env=env, check=True)
    known = from_pem([keys[1].read_bytes()])
    verifier = Verifier(lambda _anew: known, time.time)
    caller = verifier.verify(done.stdout.decode().strip()).caller
    assert (caller.player, caller.game, caller.models) == ("p9", "chess", {"mood"})
    assert (caller.rate, caller.burst) == (2.5, 4)
