using System;
using System.Collections.Generic;
using System.Globalization;

namespace Hotseat
{
    /// <summary>What to do next: send, or pause, or it is over. One of the four is set.</summary>
    internal sealed class Step
    {
        public Request Send;
        public double Seconds; // that sending may take, or to pause
        public bool Pause;
        public Dictionary<string, object> Answer;
        public HotseatError Error;
    }

    /// <summary>
    /// One call, step by step, without a network. Written once; coroutines, tickets and
    /// tasks only carry the steps out.
    ///
    /// The server knows best: what it calls not retryable is never sent twice. Its
    /// Retry-After is the least to wait; else backoff with full jitter, doubling from 50 ms
    /// to at most 1 s (Brooker 2015, "Exponential Backoff And Jitter"). Never past the
    /// deadline.
    /// </summary>
    internal sealed class Call
    {
        private const double First = 0.05, Largest = 1;
        private readonly Request request;
        private readonly string path;
        private readonly double allowed, start;
        private readonly Func<double> clock, random;
        private readonly Guard guard;
        private readonly Action<CallOver> hook;
        private int tries, status;

        public Call(
            Request request, string path, double allowed, Func<double> clock,
            Func<double> random, Guard guard, Action<CallOver> hook)
        {
            this.request = request;
            this.path = path;
            this.allowed = allowed;
            this.clock = clock;
            this.random = random;
            this.guard = guard;
            this.hook = hook;
            start = clock();
        }

        /// <summary>When its time is over, on the clock.</summary>
        public double End => start + allowed;

        public Step Begin()
        {
            if (guard.Admit()) return Resume();
            return Over(new CircuitOpenError(
                $"{path}: the service failed often; it is left alone for a moment"));
        }

        /// <summary>After a pause.</summary>
        public Step Resume()
        {
            var left = End - clock();
            if (left <= 0)
            {
                guard.GaveUp();
                return Over(Late());
            }
            // the service need not go on working for somebody who has left
            var whole = Math.Max(Math.Round(left * 1000), 1);
            var text = whole.ToString(CultureInfo.InvariantCulture);
            return new Step { Send = request.With("deadline-ms", text), Seconds = left };
        }

        /// <summary>After a try that met a response, or else an error.</summary>
        public Step After(Response met, HotseatError failed)
        {
            tries++;
            if (failed == null)
            {
                status = met.Status;
                try
                {
                    var answer = Answer.Read(met);
                    guard.Succeeded();
                    Tell("");
                    return new Step { Answer = answer };
                }
                catch (HotseatError error)
                {
                    failed = error;
                }
            }
            Count(failed);
            var wait = Wait(failed, random());
            if (!MayRetry(failed) || clock() + wait >= End || !guard.MayRetry()) return Over(failed);
            return new Step { Pause = true, Seconds = wait };
        }

        public DeadlineError Late()
        {
            return new DeadlineError($"{path}: no answer within {allowed:0.###} s");
        }

        /// <summary>Hear that nobody waits for the answer any more.</summary>
        public Step GiveUp(string why)
        {
            guard.GaveUp();
            return Over(new CancelledError(why));
        }

        private Step Over(HotseatError error)
        {
            Tell(error.GetType().Name);
            return new Step { Error = error };
        }

        private void Tell(string error)
        {
            hook?.Invoke(new CallOver(path, tries, clock() - start, status, error));
        }

        private double Wait(HotseatError error, double drawn)
        {
            var jittered = drawn * Math.Min(Largest, First * Math.Pow(2, Math.Min(tries - 1, 10)));
            var asked = (error as StatusError)?.RetryAfter ?? 0;
            return Math.Max(asked, jittered); // a 0 must not become a storm
        }

        private static bool MayRetry(HotseatError error)
        {
            if (error is StatusError refusal) return refusal.Retryable;
            return error is TransportError && !(error is DeadlineError)
                && !(error is CircuitOpenError) && !(error is CancelledError);
        }

        /// <summary>Count what says that the service is away; a no to one request does not.</summary>
        private void Count(HotseatError error)
        {
            if (error is TransportError || (error is StatusError no && no.Status >= 500)) guard.Failed();
            else guard.Succeeded();
        }
    }

    /// <summary>What a hook hears of each call when it is over.</summary>
    public sealed class CallOver
    {
        internal CallOver(string path, int tries, double seconds, int status, string error)
        {
            Path = path;
            Tries = tries;
            Seconds = seconds;
            Status = status;
            Error = error;
        }

        public string Path { get; }
        public int Tries { get; }
        public double Seconds { get; }

        /// <summary>Of the last answer; 0 where none came.</summary>
        public int Status { get; }

        /// <summary>The error's class; empty where it succeeded.</summary>
        public string Error { get; }
    }
}
