// The search on the device: what the service's search finds, visit by visit.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { KINDS } from "../dist/offline/kinds.js";
import { draw } from "../dist/offline/philox.js";
import { games } from "../dist/offline/rules.js";
import { search } from "../dist/offline/search.js";
import { PYTHON } from "./service.mjs";

const GAME = games["connect-four"];
const SCRIPT = new URL("../../../tests/searches.py", import.meta.url).pathname;
// what the service's search finds today, with the evaluation below
const FOUND = JSON.parse(execFileSync(PYTHON, [SCRIPT], { encoding: "utf8", timeout: 60_000 }));

const EMPTY = Array.from({ length: 6 }, () => Array(7).fill(0));
const PHILOX = [0.5844961951513713, 0.7081263296759799];

/** An evaluation that any language computes alike: stones in a column make it likelier. */
function valued(state) {
  const planes = GAME.encode(state);
  const stones = (plane, column) =>
    planes.slice(42 * plane, 42 * plane + 42).filter((cell, at) => cell && at % 7 === column).length;
  const columns = [0, 1, 2, 3, 4, 5, 6];
  const weights = columns.map((c) => 1 + 2 * stones(0, c) + stones(1, c));
  const total = weights.reduce((sum, w) => sum + w, 0);
  const ahead = columns.reduce((sum, c) => sum + stones(0, c) - stones(1, c), 0);
  return [weights.map((w) => w / total), ahead / 8];
}

const evaluate = async (states) => states.map(valued);

test("a search visits what the service's search visits", async () => {
  assert.ok(FOUND.some(({ proven }) => proven) && FOUND.some(({ proven }) => !proven));
  for (const { board, budget, policy, value, proven, simulations } of FOUND) {
    const found = await search(GAME, GAME.read(board), evaluate, budget, () => false);
    const where = JSON.stringify({ board, budget });
    found.policy.forEach((share, at) => assert.ok(Math.abs(share - policy[at]) < 1e-9, where));
    assert.ok(Math.abs(found.value - value) < 1e-9, where);
    assert.deepEqual([found.proven, found.simulations], [proven, simulations], where);
  }
});

test("a seed draws what numpy's Philox draws", () => {
  // np.random.Philox(key=(seed << 64) | row).random_raw() / 2.0**64
  assert.equal(draw(7, 0), PHILOX[0]);
  assert.equal(draw(2 ** 53 - 1, 63), PHILOX[1]);
});

test("a search lets the game go on every few milliseconds", async () => {
  let [now, ticks, over] = [0, 0, false];
  const tick = () => {
    ticks += 1;
    if (!over) setImmediate(tick);
  };
  setImmediate(tick);
  const signature = {
    inputs: [{ name: "board", datatype: "FP32", shape: [-1, 2, 6, 7], form: "board" }],
    outputs: [], rules: "connect-four", levels: { best: { simulations: 400 } },
  };
  const [found] = await KINDS.policy({
    manifest: { signature }, inputs: [EMPTY], options: { level: "best" },
    run: async ({ board: { dims: [rows] } }) => ({
      policy: Array(7 * rows).fill(1 / 7), value: Array(rows).fill(0),
    }),
    clock: () => (now += 0.0005), // half a millisecond each time that it is asked
  });
  over = true;
  assert.ok(found.action);
  assert.ok(ticks > 3, `${ticks} ticks`);
});

test("a board that is none is refused in the service's words", () => {
  const rows = (last) => [...Array.from({ length: 5 }, () => Array(7).fill(0)), last];
  assert.throws(() => GAME.read([]), /a list of 6 rows/);
  assert.throws(() => GAME.read(rows([1, 1, 1, 0, 0, 0, 0])), /cannot be 3 stones ahead/);
  assert.throws(() => GAME.read(rows([3, 0, 0, 0, 0, 0, 0])), /0 \(empty\), 1 \(first\)/);
  const floating = rows(Array(7).fill(0));
  floating[0][0] = 1;
  assert.throws(() => GAME.read(floating), /floats above an empty cell/);
});
