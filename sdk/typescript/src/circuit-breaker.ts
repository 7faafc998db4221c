/** A retry budget and a circuit breaker: rules over a clock in seconds. */

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

  /** Record a missing answer or a failure of the service. */
  failed(): void {
    this.failures += 1;
    if (this.failures < FAILURES) return;
    if (this.failures > FAILURES && !this.probing) return; // was under way already
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
