/**
 * Tree search guided by a network, as the service searches: PUCT (Silver et al., 2018),
 * with proven wins and losses passed up (Winands et al., 2008).
 */

import type { Game } from "./rules.js";

export interface Found {
  /** Each action's share of the visits; a proven win takes all. */
  policy: number[];
  /** What whoever is to move may expect, from -1 to 1. */
  value: number;
}

/** A state to its probabilities and its value. */
export type Evaluate<S> = (state: S) => Promise<[ArrayLike<number>, number]>;

const EXPLORE = 1.5;

class Node {
  readonly visits: number[];
  readonly totals: number[];
  readonly nexts: (Node | number | null)[];
  proven: number | null = null;

  constructor(
    readonly actions: number[],
    readonly prior: number[],
  ) {
    this.visits = actions.map(() => 0);
    this.totals = actions.map(() => 0);
    this.nexts = actions.map(() => null);
  }

  /** The place of the action to follow. */
  best(): number {
    const wide = EXPLORE * Math.sqrt(this.visits.reduce((sum, n) => sum + n, 1));
    let top = -Infinity;
    let best = 0;
    this.visits.forEach((visits, place) => {
      if (known(this.nexts[place]!) === 1) return; // the other side wins there
      const mean = visits ? this.totals[place]! / visits : 0;
      const score = mean + (wide * this.prior[place]!) / (1 + visits);
      if (score > top) [top, best] = [score, place];
    });
    return best;
  }

  /** Pass up what is certain: one winning action, or all actions known. */
  prove(): void {
    const all = this.nexts.map(known);
    if (all.includes(-1)) this.proven = 1;
    else if (!all.includes(null)) this.proven = Math.max(...all.map((value) => -value!));
  }
}

/** Search one position, at most so many simulations and until `stop` says so. */
export async function search<S>(
  game: Game<S>, state: S, evaluate: Evaluate<S>, simulations: number, stop: () => boolean,
): Promise<Found> {
  const grown = async (here: S): Promise<[Node, number]> => {
    const [policy, worth] = await evaluate(here);
    const actions = game.legal(here);
    const prior = actions.map((action) => Math.max(policy[action]!, 1e-6));
    const total = prior.reduce((sum, p) => sum + p, 0);
    return [new Node(actions, prior.map((p) => p / total)), worth];
  };
  let [root, value] = await grown(state);
  let done = 0;
  while (done < simulations && root.proven === null && !stop()) {
    done += 1;
    const path: [Node, number][] = [];
    let node = root;
    let here = state;
    for (;;) {
      const place = node.best();
      path.push([node, place]);
      here = game.apply(here, node.actions[place]!);
      let after = node.nexts[place]!;
      if (after === null) {
        const over = game.outcome(here);
        if (over === null) {
          [after, value] = await grown(here);
          node.nexts[place] = after;
          break;
        }
        node.nexts[place] = after = over;
      }
      const certain = known(after);
      if (certain !== null) {
        value = certain;
        break;
      }
      node = after as Node;
    }
    for (const [passed, place] of path.reverse()) {
      value = -value;
      passed.visits[place]! += 1;
      passed.totals[place]! += value;
      if (known(passed.nexts[place]!) !== null) {
        passed.prove();
        if (passed.proven !== null) value = passed.proven;
      }
    }
  }
  return found(game.actions, root, value, done);
}

function found(actions: number, root: Node, value: number, done: number): Found {
  const all = root.nexts.map(known);
  const total = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0);
  let visits = root.visits;
  if (root.proven !== null) {
    // among the actions that are worth what is proven, the most visited
    visits = visits.map((n, at) => (all[at] !== null && -all[at]! === root.proven ? n + 1 : 0));
  } else if (total(visits)) {
    visits = visits.map((n, at) => (all[at] === 1 ? 0 : n));
  }
  if (!total(visits)) visits = root.prior;
  const policy = Array<number>(actions).fill(0);
  root.actions.forEach((action, at) => (policy[action] = visits[at]! / total(visits)));
  if (root.proven !== null) return { policy, value: root.proven };
  return { policy, value: done ? total(root.totals) / total(root.visits) : value };
}

function known(node: Node | number | null): number | null {
  return node instanceof Node ? node.proven : node;
}
