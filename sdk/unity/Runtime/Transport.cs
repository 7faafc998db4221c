using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>One HTTP request.</summary>
    public sealed class Request
    {
        internal Request(string method, string url, Dictionary<string, string> headers, byte[] body)
        {
            Method = method;
            Url = url;
            Headers = headers;
            Body = body;
        }

        public string Method { get; }
        public string Url { get; }

        /// <summary>Names in lower case. They include the key: do not log them.</summary>
        public IReadOnlyDictionary<string, string> Headers { get; }

        /// <summary>JSON in UTF-8; null for a GET.</summary>
        public byte[] Body { get; }

        /// <summary>
        /// If not null, it wants the body of an answer with events (text/event-stream) piece by
        /// piece, and the Response without it. A transport that cannot do so returns the whole.
        /// </summary>
        public Action<byte[]> OnPiece { get; internal set; }

        internal Request With(string name, string value)
        {
            var more = new Dictionary<string, string>();
            foreach (var header in Headers) more[header.Key] = header.Value;
            more[name] = value;
            return new Request(Method, Url, more, Body) { OnPiece = OnPiece };
        }
    }

    /// <summary>One HTTP response.</summary>
    public sealed class Response
    {
        /// <param name="status">For example 200.</param>
        /// <param name="headers">Names in lower case.</param>
        /// <param name="body">The whole body.</param>
        public Response(int status, IReadOnlyDictionary<string, string> headers, byte[] body)
        {
            Status = status;
            Headers = headers;
            Body = body;
        }

        public int Status { get; }
        public IReadOnlyDictionary<string, string> Headers { get; }
        public byte[] Body { get; }

        /// <summary>Whether the answer is a stream of events.</summary>
        internal static bool IsEvents(int status, IReadOnlyDictionary<string, string> headers)
        {
            return status == 200 && headers.TryGetValue("content-type", out var type)
                && type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>The transport interface: implement it where HttpClient does not work.</summary>
    public interface ITransport : IDisposable
    {
        /// <summary>
        /// Send a request; never blocks. The task ends within `seconds` with a response or
        /// a <see cref="TransportError"/>; the client waits no longer.
        /// </summary>
        Task<Response> Send(Request request, double seconds, CancellationToken cancel);
    }
}
