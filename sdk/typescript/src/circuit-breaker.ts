/** A retry budget and a circuit breaker: rules over a clock in seconds. */

const TOKENS = 100;
const TOKEN = 10; // in tenths, so that ten successes are one retry
const FAILURES = 5;
const FIRST = 1;
const LONGEST = 30;

export class CircuitBreaker {
  /** How often the circuit has opened. */
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

  /** Take a token for a retry; returns whether there was one. */
  mayRetry(): boolean {
    if (this.tokens < TOKEN) return false;
    this.tokens -= TOKEN;
    return true;
  }

  /** Record that the service answered, with success or an error of the request. */
  succeeded(): void {
    this.tokens = Math.min(this.tokens + 1, TOKENS);
    this.failures = 0;
    this.pause = FIRST;
    this.probing = false;
  }

  /** Record that no answer came, or that the service failed. */
  failed(): void {
    this.failures += 1;
    if (this.failures < FAILURES) return;
    if (this.failures > FAILURES && !this.probing) return; // was under way already
    if (this.probing) this.pause = Math.min(2 * this.pause, LONGEST);
    this.probing = false;
    this.openedCount += 1;
    this.until = this.clock() + this.pause;
  }

  /** Record that a call ended without showing the service's state. */
  gaveUp(): void {
    this.probing = false;
  }
}
