using System;
using System.Collections.Generic;
using System.Globalization;

namespace Hotseat
{
    /// <summary>The next step: send, pause or end. One of the four is set.</summary>
    internal sealed class Step
    {
        public Request Send;
        public double Seconds; // the time limit of sending, or the pause
        public bool Pause;
        public Dictionary<string, object> Answer;
        public HotseatError Error;
    }

    /// <summary>
    /// The rules of one call, without a network. Coroutines, tickets and tasks run its
    /// steps.
    ///
    /// The service decides: after an error that is not retryable, the client never repeats
    /// the request. Retry-After is the minimum wait; without one, the wait is a backoff with
    /// full jitter, doubling from 50 ms to at most 1 s (Brooker 2015, "Exponential Backoff And
    /// Jitter"). No wait passes the deadline.
    /// </summary>
    internal sealed class Call
    {
        private const double First = 0.05, Largest = 1;
        private readonly Request request;
        private readonly string path;
        private readonly double allowed, start;
        private readonly Core core;
        private readonly Action<CallOver> hook;
        private readonly CircuitBreaker breaker;
        private readonly double share; // what a missed deadline says about the service
        private readonly int retries;
        private int tries, status;
        private bool isRenewed;
        private volatile bool hasBegun; // a stream that has begun is not begun again

        public Call(
            Core core, Request request, string path, double start, double allowed,
            Action<CallOver> hook, CircuitBreaker breaker, double share, int retries)
        {
            this.retries = retries;
            var deliver = request.OnPiece;
            if (deliver != null)
            {
                request.OnPiece = piece =>
                {
                    hasBegun = true;
                    deliver(piece);
                };
            }
            this.breaker = breaker;
            this.share = share;
            this.core = core;
            this.request = request;
            this.path = path;
            this.start = start;
            this.allowed = allowed;
            this.hook = hook;
        }

        /// <summary>The deadline on the clock.</summary>
        public double End => start + allowed;

        public Step Begin()
        {
            if (breaker.Admit()) return Resume();
            return Over(new CircuitOpenError(
                $"{path}: the service failed often; the circuit breaker is open"));
        }

        /// <summary>The next step after a pause.</summary>
        public Step Resume()
        {
            var left = End - core.Clock();
            if (left <= 0)
            {
                if (tries == 0) breaker.GaveUp(); // nothing was sent: the service's state is unknown
                return Over(Late());
            }
            // lets the service stop at the caller's deadline
            var whole = Math.Max(Math.Round(left * 1000), 1);
            var text = whole.ToString(CultureInfo.InvariantCulture);
            try
            {
                var signed = core.Signed(request).With("deadline-ms", text);
                return new Step { Send = signed, Seconds = left };
            }
            catch (HotseatError error)
            {
                breaker.GaveUp();
                return Over(error);
            }
        }

        /// <summary>The next step after a response or an error.</summary>
        public Step After(Response met, HotseatError failed)
        {
            tries++;
            if (failed == null)
            {
                status = met.Status;
                try
                {
                    var answer = Read(met);
                    breaker.Succeeded();
                    Log($"{status}");
                    Tell("");
                    return new Step { Answer = answer };
                }
                catch (HotseatError error)
                {
                    failed = error;
                }
            }
            Count(failed);
            Log($"{failed.GetType().Name}: {failed.Message}");
            if (failed is AuthError expired && expired.Status == 401 && core.RenewsKeys && !isRenewed)
            {
                isRenewed = true; // the token may have expired: at once, with a new one
                return Resume();
            }
            var wait = Wait(failed, core.Random());
            var mayTry = !hasBegun && MayRetry(failed) && tries <= retries && core.Clock() + wait < End;
            if (!mayTry || !breaker.MayRetry()) return Over(failed);
            return new Step { Pause = true, Seconds = wait };
        }

        private Dictionary<string, object> Read(Response met)
        {
            if (request.OnPiece == null) return Answer.Read(met);
            if (!Response.IsEvents(met.Status, met.Headers))
            {
                Answer.Read(met); // a refusal
                throw new TransportError($"{path}: the answer is no stream of events");
            }
            if (met.Body.Length > 0) request.OnPiece(met.Body); // a transport that cannot stream
            return new Dictionary<string, object>();
        }

        public DeadlineError Late()
        {
            return new DeadlineError($"{path}: no answer within {allowed:0.###} s");
        }

        /// <summary>End the call: the caller cancelled it.</summary>
        public Step GiveUp(string why)
        {
            breaker.GaveUp();
            return Over(new CancelledError(why));
        }

        private Step Over(HotseatError error)
        {
            Tell(error.GetType().Name);
            return new Step { Error = error };
        }

        private void Log(string how)
        {
            try
            {
                core.Log?.Invoke($"hotseat {request.Method} {path}: try {tries}: {how}");
            }
            catch (Exception)
            {
                // a failing log must not stop the game
            }
        }

        private void Tell(string error)
        {
            try
            {
                hook?.Invoke(new CallOver(path, tries, core.Clock() - start, status, error));
            }
            catch (Exception)
            {
                // a failing hook must not stop the game
            }
        }

        private double Wait(HotseatError error, double drawn)
        {
            var jittered = drawn * Math.Min(Largest, First * Math.Pow(2, Math.Min(tries - 1, 10)));
            var least = (error as StatusError)?.RetryAfter ?? 0;
            return Math.Max(least, jittered); // a 0 must not cause a retry storm
        }

        private static bool MayRetry(HotseatError error)
        {
            if (error is StatusError refusal) return refusal.Retryable;
            return error is TransportError && !(error is DeadlineError)
                && !(error is CircuitOpenError) && !(error is CancelledError)
                && !(error is TokenError);
        }

        /// <summary>Record a failed call; a refused request counts as a success of the service.</summary>
        private void Count(HotseatError error)
        {
            var no = error as StatusError;
            if (error is TokenError || error is CancelledError) breaker.GaveUp();
            else if (error is DeadlineError || no?.Code == "deadline_exceeded") breaker.Failed(share);
            else if (error is TransportError || no.Status >= 500 || no.IsForeign) breaker.Failed();
            else breaker.Succeeded();
        }
    }

    /// <summary>A finished call, as the argument of a hook.</summary>
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

        /// <summary>Status of the last response; 0 without a response.</summary>
        public int Status { get; }

        /// <summary>Name of the error's class; empty on success.</summary>
        public string Error { get; }
    }
}
