using System;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>
    /// Requests over HTTP/1.1, off the caller's thread. Safe for several threads.
    ///
    /// Without a handler of the game's own, connections are the SDK's: the first address
    /// that accepts (RFC 8305), none that idled for 55 s, a rival for a silent one. Mono,
    /// and so Unity, has no hook for these in HttpClient. Behind the system's proxy, and
    /// with a handler, HttpClient sends.
    /// </summary>
    public sealed class HttpTransport : ITransport
    {
        private readonly ITransport given;
        private readonly Lazy<ClientTransport> proxied =
            new Lazy<ClientTransport>(() => new ClientTransport());
        private readonly SocketTransport direct;

        /// <param name="handler">Your own, with proxies and certificates.</param>
        public HttpTransport(HttpMessageHandler handler = null) : this(new SocketTransport())
        {
            if (handler != null) given = new ClientTransport(handler);
        }

        internal HttpTransport(SocketTransport direct)
        {
            this.direct = direct;
        }

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            if (given != null) return given.Send(request, seconds, cancel);
            // the system's proxy settings may have to be fetched
            return Task.Run(() => IsProxied(request.Url)
                ? proxied.Value.Send(request, seconds, cancel)
                : direct.Send(request, seconds, cancel));
        }

        public void Dispose()
        {
            given?.Dispose();
            direct.Dispose();
            if (proxied.IsValueCreated) proxied.Value.Dispose();
        }

        private static bool IsProxied(string url)
        {
            try
            {
                var uri = new Uri(url);
                var proxy = WebRequest.DefaultWebProxy;
                if (uri.IsLoopback || proxy == null || proxy.IsBypassed(uri)) return false;
                var by = proxy.GetProxy(uri);
                return by != null && by.Authority != uri.Authority;
            }
            catch (Exception)
            {
                return false; // a platform without proxy settings
            }
        }
    }
}
