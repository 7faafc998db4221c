using System;

// What a call can fail with, as one tree; nothing else leaves the SDK. The names are those
// that every language has, and sdk/spec/errors.json tells them apart.
//
// HotseatError
// ├─ ConfigError            the client was made or called in a way that cannot work
// ├─ TransportError         no answer came, or none of the service's
// │  ├─ DeadlineError          (the time allowed was over)
// │  ├─ CircuitOpenError       (the service failed often and is left alone)
// │  ├─ TokenError             (the function given as Token gave none)
// │  ├─ NotReadyError          (a ticket's answer is not there yet)
// │  └─ CancelledError         (the ticket or the client was closed)
// └─ StatusError            an answer came, and it was no
//    ├─ BadInputError          400, 405, 415, 422
//    ├─ AuthError              401, 403
//    ├─ NotFoundError          404
//    ├─ TooLargeError          413
//    ├─ RateLimitedError       429
//    └─ UnavailableError       5xx
namespace Hotseat
{
    /// <summary>Anything that the SDK throws.</summary>
    public class HotseatError : Exception
    {
        public HotseatError(string detail) : base(detail) { }
    }

    /// <summary>The client was made or called in a way that cannot work.</summary>
    public class ConfigError : HotseatError
    {
        public ConfigError(string detail) : base(detail) { }
    }

    /// <summary>No answer came: no connection, or it broke, or it was none of the service's.</summary>
    public class TransportError : HotseatError
    {
        public TransportError(string detail) : base(detail) { }
    }

    /// <summary>The time allowed was over before an answer came.</summary>
    public class DeadlineError : TransportError
    {
        public DeadlineError(string detail) : base(detail) { }
    }

    /// <summary>The service failed often; it is left alone for a moment.</summary>
    public class CircuitOpenError : TransportError
    {
        public CircuitOpenError(string detail) : base(detail) { }
    }

    /// <summary>The function that was given as Token failed, or gave none.</summary>
    public class TokenError : TransportError
    {
        public TokenError(string detail) : base(detail) { }
    }

    /// <summary>The answer of a ticket is not there yet.</summary>
    public class NotReadyError : TransportError
    {
        public NotReadyError(string detail) : base(detail) { }
    }

    /// <summary>The ticket or the call was cancelled, or its client closed.</summary>
    public class CancelledError : TransportError
    {
        public CancelledError(string detail) : base(detail) { }
    }

    /// <summary>The service answered no.</summary>
    public class StatusError : HotseatError
    {
        public StatusError(string detail) : base(detail)
        {
            Detail = detail;
        }

        public string Detail { get; }
        public int Status { get; internal set; }

        /// <summary>Names the problem; empty where a gateway answered.</summary>
        public string Code { get; internal set; } = "";

        public bool Retryable { get; internal set; }
        public string RequestId { get; internal set; } = "";

        /// <summary>JSON pointer to the fault in the input; null where there is none.</summary>
        public string Pointer { get; internal set; }

        /// <summary>Seconds to wait, where the service said so.</summary>
        public double? RetryAfter { get; internal set; }

        /// <summary>Status, code, place, reason and request.</summary>
        public override string Message
        {
            get
            {
                var code = string.IsNullOrEmpty(Code) ? "" : " " + Code;
                var where = Pointer == null ? "" : " at " + Pointer;
                var asked = string.IsNullOrEmpty(RequestId) ? "" : $" (request {RequestId})";
                return $"{Status}{code}{where}: {Detail}{asked}";
            }
        }

        /// <summary>The error that a status is told as.</summary>
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

    /// <summary>The key is missing, wrong or not allowed this.</summary>
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

    /// <summary>The service failed or is not there now.</summary>
    public class UnavailableError : StatusError
    {
        public UnavailableError(string detail) : base(detail) { }
    }
}
