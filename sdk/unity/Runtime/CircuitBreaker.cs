using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat
{
    /// <summary>
    /// A retry budget and a circuit breaker, to spare a failing service and the game's time.
    /// The retry budget: each retry takes a token, each success returns a tenth of one (as in
    /// gRPC's retry throttling, gRFC A6). The circuit breaker: after some failures in a row,
    /// calls fail at once for a while, then the client sends one probe (Nygard,
    /// "Release It!"). Safe for threads; the clock is in seconds.
    /// </summary>
    internal sealed class CircuitBreaker
    {
        private const int Most = 100, Token = 10; // in tenths, so that ten of them are one
        private const int Enough = 5;
        private const double First = 1, Longest = 30;
        private readonly object gate = new object();
        private readonly Func<double> clock;
        private int tokens = Most;
        private double failures;
        private double until, pause = First;
        private bool probing;

        public CircuitBreaker(Func<double> clock)
        {
            this.clock = clock;
        }

        /// <summary>The number of times the circuit opened.</summary>
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

        /// <summary>Take a token for a retry; return whether one was left.</summary>
        public bool MayRetry()
        {
            lock (gate)
            {
                if (tokens < Token) return false;
                tokens -= Token;
                return true;
            }
        }

        /// <summary>Record an answer of the service: a success, or an error of the request.</summary>
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

        /// <summary>
        /// Record a missing answer or a failure of the service. `share` is how much it says
        /// about the service, from 0 to 1: a caller with a tiny deadline learns little from
        /// missing it.
        /// </summary>
        public void Failed(double share = 1)
        {
            lock (gate)
            {
                if (failures >= Enough && !probing) return; // was under way when it opened
                failures += share;
                if (failures < Enough) return;
                if (probing) pause = Math.Min(2 * pause, Longest);
                probing = false;
                OpenedCount++;
                until = clock() + pause;
            }
        }

        /// <summary>Record the end of a call that says nothing about the service's state.</summary>
        public void GaveUp()
        {
            lock (gate) probing = false;
        }
    }

    /// <summary>One circuit breaker a model, so that a broken model silences no other.</summary>
    internal sealed class CircuitBreakers
    {
        private readonly Func<double> clock;
        private readonly Dictionary<string, CircuitBreaker> breakers =
            new Dictionary<string, CircuitBreaker>();

        public CircuitBreakers(Func<double> clock)
        {
            this.clock = clock;
        }

        /// <summary>The breaker of a model; null: the default model, or no model.</summary>
        public CircuitBreaker Of(string model)
        {
            lock (breakers)
            {
                if (!breakers.TryGetValue(model ?? "", out var breaker))
                {
                    breaker = breakers[model ?? ""] = new CircuitBreaker(clock);
                }
                return breaker;
            }
        }

        /// <summary>The number of times a circuit opened.</summary>
        public int OpenedCount
        {
            get
            {
                lock (breakers) return breakers.Values.Sum(one => one.OpenedCount);
            }
        }
    }
}
