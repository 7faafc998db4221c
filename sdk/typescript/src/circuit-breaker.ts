/** A retry budget and a circuit breaker for each model: rules over a clock in seconds. */

const TOKENS = 100;
const TOKEN = 10; // in tenths, so that ten successes are one retry
const FAILURES = 5;
const FIRST = 1;
const LONGEST = 30;

export class CircuitBreaker {
  /** The number of times the circuit opened. */
  openedCount = 0;
  private tokens = TOKENS;
  private failures = 0;
  private until = 0;
  private pause = FIRST;
  private probing = false;

  constructor(private readonly clock: () => number) {}

  /** Whether a call may be sent now; an open circuit admits one probe. */
  admit(): boolean {
    if (this.failures < FAILURES) return true;
    const waits = this.until - this.clock();
    // a clock that jumped back must not keep the circuit open for days
    if (this.probing || (waits > 0 && waits <= LONGEST)) return false;
    this.probing = true;
    return true;
  }

  /** Take a token for a retry; return whether one was left. */
  mayRetry(): boolean {
    if (this.tokens < TOKEN) return false;
    this.tokens -= TOKEN;
    return true;
  }

  /** Record an answer of the service: a success, or an error of the request. */
  succeeded(): void {
    this.tokens = Math.min(this.tokens + 1, TOKENS);
    this.failures = 0;
    this.pause = FIRST;
    this.probing = false;
  }

  /**
   * Record a missing answer or a failure of the service. `share` is how much it says about
   * the service, from 0 to 1: a caller with a tiny deadline learns little from missing it.
   */
  failed(share = 1): void {
    if (this.failures >= FAILURES && !this.probing) return; // was under way already
    this.failures += share;
    if (this.failures < FAILURES) return;
    if (this.probing) this.pause = Math.min(2 * this.pause, LONGEST);
    this.probing = false;
    this.openedCount += 1;
    this.until = this.clock() + this.pause;
  }

  /** Record the end of a call that says nothing about the service's state. */
  gaveUp(): void {
    this.probing = false;
  }
}

/** One circuit breaker a model, so that a broken model silences no other. */
export class CircuitBreakers {
  private readonly breakers = new Map<string, CircuitBreaker>();

  constructor(private readonly clock: () => number) {}

  /** The breaker of a path's model; paths without a model share one. */
  of(path: string): CircuitBreaker {
    const model = /^\/v1\/models\/([^/]+)/.exec(path)?.[1] ?? "";
    let breaker = this.breakers.get(model);
    if (!breaker) this.breakers.set(model, (breaker = new CircuitBreaker(this.clock)));
    return breaker;
  }

  /** The number of times a circuit opened. */
  get openedCount(): number {
    return [...this.breakers.values()].reduce((sum, { openedCount }) => sum + openedCount, 0);
  }
}
