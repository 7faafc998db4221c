using System;

namespace Hotseat
{
    /// <summary>
    /// A retry budget and a circuit breaker: protect a failing service, and the game's time.
    /// A retry budget: each retry takes a token, each success returns a tenth of one (as
    /// gRPC's retry throttling, gRFC A6). A circuit breaker: after some failures in a row
    /// calls fail at once for a while, then one call is let through to look (Nygard,
    /// "Release It!"). Rules over a clock in seconds; safe for threads.
    /// </summary>
    internal sealed class CircuitBreaker
    {
        private const int Most = 100, Token = 10; // in tenths, so that ten of them are one
        private const int Enough = 5;
        private const double First = 1, Longest = 30;
        private readonly object gate = new object();
        private readonly Func<double> clock;
        private int tokens = Most, failures;
        private double until, pause = First;
        private bool probing;

        public CircuitBreaker(Func<double> clock)
        {
            this.clock = clock;
        }

        /// <summary>How often the circuit opened so far.</summary>
        public int OpenedCount { get; private set; }

        /// <summary>Whether a call may be sent now; an open circuit admits one probe.</summary>
        public bool Admit()
        {
            lock (gate)
            {
                if (failures < Enough) return true;
                // a clock that jumped back must not keep the circuit open for days
                var waits = until - clock();
                if (probing || (waits > 0 && waits <= Longest)) return false;
                probing = true;
                return true;
            }
        }

        /// <summary>Take a token for a retry; returns whether there was one.</summary>
        public bool MayRetry()
        {
            lock (gate)
            {
                if (tokens < Token) return false;
                tokens -= Token;
                return true;
            }
        }

        /// <summary>Record that the service answered, with success or an error of the request.</summary>
        public void Succeeded()
        {
            lock (gate)
            {
                tokens = Math.Min(tokens + 1, Most);
                failures = 0;
                pause = First;
                probing = false;
            }
        }

        /// <summary>Record that no answer came, or that the service failed.</summary>
        public void Failed()
        {
            lock (gate)
            {
                failures++;
                if (failures < Enough) return;
                if (failures > Enough && !probing) return; // was under way when it opened
                if (probing) pause = Math.Min(2 * pause, Longest);
                probing = false;
                OpenedCount++;
                until = clock() + pause;
            }
        }

        /// <summary>Record that a call ended without showing the service's state.</summary>
        public void GaveUp()
        {
            lock (gate) probing = false;
        }
    }
}
