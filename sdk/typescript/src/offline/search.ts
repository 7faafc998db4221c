/**
 * The service's search, on the device: PUCT (Silver et al., 2018) on a graph of positions
 * (Czech et al., 2021), with proven values backed up (Winands et al., 2008). The
 * network does not evaluate positions that two plies decide, or with one candidate action.
 */

import type { Game } from "./rules.js";

export interface Found {
  /** Each action's share of the visits; a proven win takes all. */
  policy: number[];
  /** The expected result for the side to move, from -1 to 1. */
  value: number;
  /** Whether the value is certain. */
  proven: boolean;
  simulations: number;
}

/** States to the probabilities and the value of each. */
export type Evaluate<S> = (states: S[]) => Promise<[ArrayLike<number>, number][]>;

const EXPLORE = 1.5;
/** Reduction of the parent's value for an action without visits. */
const UNSEEN = 0.2;
/** Leaves in one evaluation: the time grows slowly with their number. */
const TOGETHER = 8;

type Path = [Node, number][];

/** A position; values are from the view of its side to move. */
class Node {
  base = 0;
  /** The current value; null before the evaluation. */
  value: number | null;
  prior: number[] = [];
  readonly counts: number[];
  /** The value of each action; -Infinity for a proven loss. */
  readonly values: number[];
  readonly nexts: (Node | null)[];

  constructor(
    readonly actions: number[],
    public proven: number | null,
  ) {
    this.value = proven;
    this.counts = actions.map(() => 0);
    this.values = actions.map(() => 0);
    this.nexts = actions.map(() => null);
  }

  grow(policy: ArrayLike<number>, value: number): void {
    const prior = this.actions.map((action) => Math.max(policy[action]!, 1e-6));
    const whole = sum(prior);
    this.prior = prior.map((p) => p / whole);
    this.base = this.value = value;
  }

  /** The index of the action to follow. */
  best(): number {
    if (this.counts.length === 1) return 0;
    const wide = EXPLORE * Math.sqrt(sum(this.counts) + 1);
    const unseen = this.value! - UNSEEN;
    let [top, best] = [-Infinity, 0];
    this.counts.forEach((count, place) => {
      const score =
        (count ? this.values[place]! : unseen) + (wide * this.prior[place]!) / (1 + count);
      if (score > top) [top, best] = [score, place];
    });
    return best;
  }

  /** Update an action's value; back up proven values. */
  update(place: number): void {
    const after = this.nexts[place]!;
    this.values[place] = -after.value!;
    if (after.proven !== null) {
      if (after.proven === -1) {
        this.proven = this.value = 1;
        return;
      }
      if (after.proven === 1) this.values[place] = -Infinity;
      const known = this.nexts.map((node) => node && node.proven);
      if (!known.includes(null)) {
        this.proven = this.value = Math.max(...known.map((value) => -value!));
        return;
      }
    }
    if (this.proven !== null) return; // later visits do not change a proven value
    // with one action the network was not evaluated: only its value counts
    let [total, weight] = this.prior.length ? [this.base, 1] : [0, 0];
    this.counts.forEach((count, at) => {
      if (!count || this.values[at] === -Infinity) return;
      total += count * this.values[at]!;
      weight += count;
    });
    if (weight) this.value = total / weight;
  }
}

/** A search from a position: `ask` returns states, `tell` takes their values. */
class Search<S> {
  simulations = 0;
  readonly #known = new Map<string, Node>();
  readonly root: Node;
  #pending: [Node, Path][] = [];

  constructor(
    readonly game: Game<S>,
    readonly state: S,
  ) {
    this.root = this.#node(state);
  }

  /** Simulate further; return at most `together` states to evaluate, maybe none. */
  ask(together: number): S[] {
    if (this.root.value === null && this.root.actions.length > 1) {
      this.#pending.push([this.root, []]);
      return [this.state];
    }
    const states: S[] = [];
    for (let turn = 0; turn < 2 * together; turn += 1) {
      if (this.root.proven !== null || states.length === together) break;
      this.simulations += 1;
      const [leaf, path, here] = this.#descend();
      if (leaf.value !== null) {
        back(path);
      } else if (this.#pending.some(([other]) => other === leaf)) {
        this.#undo(path);
        break;
      } else {
        this.#pending.push([leaf, path]);
        states.push(here);
      }
    }
    return states;
  }

  tell(answers: [ArrayLike<number>, number][]): void {
    this.#pending.forEach(([node, path], at) => {
      node.grow(...answers[at]!);
      back(path);
    });
    this.#pending = [];
  }

  /** Follow the best actions to a node that is proven or not evaluated. */
  #descend(): [Node, Path, S] {
    let [node, here] = [this.root, this.state];
    const path: Path = [];
    for (;;) {
      const place = node.best();
      path.push([node, place]);
      here = this.game.apply(here, node.actions[place]!);
      // a virtual loss until the evaluation: the next visit takes another path
      const count = node.counts[place]!;
      node.values[place] = (node.values[place]! * count - 1) / (count + 1);
      node.counts[place] = count + 1;
      const after = (node.nexts[place] ??= this.#node(here));
      if (after.proven !== null || (after.value === null && after.actions.length > 1)) {
        return [after, path, here];
      }
      node = after;
    }
  }

  #node(state: S): Node {
    const key = this.game.key(state);
    let node = this.#known.get(key);
    if (!node) {
      const over = this.game.outcome(state);
      node = over === null ? new Node(...this.game.glance(state)) : new Node([], over);
      this.#known.set(key, node);
    }
    return node;
  }

  /** Undo a visit to a node that another visit already waits for. */
  #undo(path: Path): void {
    this.simulations -= 1;
    for (const [node, place] of path.reverse()) {
      node.counts[place]! -= 1;
      const after = node.nexts[place];
      if (node.counts[place] && after && after.value !== null) node.update(place);
    }
  }

  found(): Found {
    const { root, simulations } = this;
    const known = root.nexts.map((node) => node && node.proven);
    let visits = root.counts;
    if (root.proven === null) {
      visits = visits.map((count, at) => (known[at] === 1 ? 0 : count));
    } else if (known.some((there) => there !== null)) { // otherwise two plies proved it
      visits = visits.map((count, at) =>
        known[at] !== null && -known[at]! === root.proven ? count + 1 : 0,
      );
    }
    if (!sum(visits)) visits = root.prior.length ? root.prior : visits.map(() => 1);
    const whole = sum(visits);
    const policy = Array<number>(this.game.actions).fill(0);
    root.actions.forEach((action, at) => (policy[action] = visits[at]! / whole));
    return { policy, value: root.value ?? 0, proven: root.proven !== null, simulations };
  }
}

/** Search one position until `stop`, with at most so many simulations. */
export async function search<S>(
  game: Game<S>, state: S, evaluate: Evaluate<S>, simulations: number, stop: () => boolean,
): Promise<Found> {
  const tree = new Search(game, state);
  for (;;) {
    const left = simulations - tree.simulations;
    if (tree.root.proven !== null || left <= 0 || (tree.simulations && stop())) break;
    // at the start, a search has too few values for many leaves at once
    const together = Math.min(TOGETHER, 1 + Math.floor(tree.simulations / TOGETHER), left);
    const asked = tree.ask(together);
    if (asked.length) tree.tell(await evaluate(asked));
  }
  return tree.found();
}

function back(path: Path): void {
  for (const [node, place] of path.reverse()) node.update(place);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
