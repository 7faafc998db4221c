using System;

// All errors of the SDK. All languages share the names; see sdk/spec/errors.json.
//
// HotseatError
// ├─ ConfigError            the client's options or a call's arguments are invalid
// ├─ TransportError         no answer came, or one of another server
// │  ├─ DeadlineError          (the deadline passed)
// │  ├─ CircuitOpenError       (the circuit breaker is open)
// │  ├─ TokenError             (the function Token returned none)
// │  ├─ NotReadyError          (a ticket's answer has not arrived)
// │  └─ CancelledError         (the ticket or the client was closed)
// └─ StatusError            the service refused or failed
//    ├─ BadInputError          400, 405, 415, 422
//    ├─ AuthError              401, 403
//    ├─ NotFoundError          404
//    ├─ TooLargeError          413
//    ├─ RateLimitedError       429
//    └─ UnavailableError       5xx
namespace Hotseat
{
    /// <summary>Base class of all errors of the SDK.</summary>
    public class HotseatError : Exception
    {
        public HotseatError(string detail) : base(detail) { }

        /// <summary>The service's name for the request, for its log; empty if no answer came.</summary>
        public string RequestId { get; internal set; } = "";

        /// <summary>Whether the service is away, rather than refusing the request.</summary>
        internal bool IsAway => this is StatusError refused
            ? refused.Status >= 500 || refused.Status == 429 || refused.IsForeign
            : this is TransportError && !(this is CancelledError);
    }

    /// <summary>The client's options or a call's arguments are invalid.</summary>
    public class ConfigError : HotseatError
    {
        public ConfigError(string detail) : base(detail) { }
    }

    /// <summary>No answer came: no connection, a broken one, or an answer of another server.</summary>
    public class TransportError : HotseatError
    {
        public TransportError(string detail) : base(detail) { }
    }

    /// <summary>The deadline passed before an answer came.</summary>
    public class DeadlineError : TransportError
    {
        public DeadlineError(string detail) : base(detail) { }
    }

    /// <summary>The service failed often: the circuit breaker is open for a moment.</summary>
    public class CircuitOpenError : TransportError
    {
        public CircuitOpenError(string detail) : base(detail) { }
    }

    /// <summary>The function Token failed or returned none.</summary>
    public class TokenError : TransportError
    {
        public TokenError(string detail) : base(detail) { }
    }

    /// <summary>The answer of a ticket has not arrived.</summary>
    public class NotReadyError : TransportError
    {
        public NotReadyError(string detail) : base(detail) { }
    }

    /// <summary>The ticket or the call was cancelled, or its client was closed.</summary>
    public class CancelledError : TransportError
    {
        public CancelledError(string detail) : base(detail) { }
    }

    /// <summary>The service answered with an error.</summary>
    public class StatusError : HotseatError
    {
        public StatusError(string detail) : base(detail)
        {
            Detail = detail;
        }

        public string Detail { get; }
        public int Status { get; internal set; }

        /// <summary>The name of the problem; empty for the answer of a gateway.</summary>
        public string Code { get; internal set; } = "";

        public bool Retryable { get; internal set; }
        /// <summary>JSON pointer to the invalid part of the input, or null.</summary>
        public string Pointer { get; internal set; }

        /// <summary>Seconds to wait, if the response has them.</summary>
        public double? RetryAfter { get; internal set; }

        /// <summary>Whether another server answered, such as a hotel's login page.</summary>
        public bool IsForeign { get; internal set; }

        /// <summary>Status, code, place, reason and request.</summary>
        public override string Message
        {
            get
            {
                var code = string.IsNullOrEmpty(Code) ? "" : " " + Code;
                var where = Pointer == null ? "" : " at " + Pointer;
                var request = string.IsNullOrEmpty(RequestId) ? "" : $" (request {RequestId})";
                var status = Status == 0 ? "not sent" : Status.ToString();
                return $"{status}{code}{where}: {Detail}{request}";
            }
        }

        /// <summary>Return the error of a status.</summary>
        internal static StatusError Of(int status, string detail)
        {
            if (status >= 500) return new UnavailableError(detail);
            switch (status)
            {
                case 400:
                case 405:
                case 415:
                case 422: return new BadInputError(detail);
                case 401:
                case 403: return new AuthError(detail);
                case 404: return new NotFoundError(detail);
                case 413: return new TooLargeError(detail);
                case 429: return new RateLimitedError(detail);
                default: return new StatusError(detail);
            }
        }
    }

    /// <summary>The request does not fit the model's signature.</summary>
    public class BadInputError : StatusError
    {
        public BadInputError(string detail) : base(detail) { }
    }

    /// <summary>The key is missing, wrong or lacks permission.</summary>
    public class AuthError : StatusError
    {
        public AuthError(string detail) : base(detail) { }
    }

    /// <summary>No such model, version or route.</summary>
    public class NotFoundError : StatusError
    {
        public NotFoundError(string detail) : base(detail) { }
    }

    /// <summary>The input is larger than the limit.</summary>
    public class TooLargeError : StatusError
    {
        public TooLargeError(string detail) : base(detail) { }
    }

    /// <summary>Too many requests.</summary>
    public class RateLimitedError : StatusError
    {
        public RateLimitedError(string detail) : base(detail) { }
    }

    /// <summary>The service failed or is unavailable.</summary>
    public class UnavailableError : StatusError
    {
        public UnavailableError(string detail) : base(detail) { }
    }
}
