#if UNITY_2020_2_OR_NEWER
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using UnityEngine.Networking;

namespace Hotseat
{
    /// <summary>
    /// Requests by UnityWebRequest: the only transport in a browser (WebGL), and the
    /// default there. Create it on the main thread; other threads may use it.
    /// </summary>
    public sealed class UnityWebTransport : ITransport
    {
        private readonly SynchronizationContext main = SynchronizationContext.Current;

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            var done = new TaskCompletionSource<Response>();
            OnMain(() => Begin(request, seconds, cancel, done));
            return done.Task;
        }

        public void Dispose()
        {
        }

        private void Begin(
            Request request, double seconds, CancellationToken cancel,
            TaskCompletionSource<Response> done)
        {
            var web = new UnityWebRequest(request.Url, request.Method)
            {
                downloadHandler = new DownloadHandlerBuffer(),
                redirectLimit = 0, // a redirect would carry the key along
                timeout = (int)Math.Ceiling(seconds), // whole seconds: the client measures the rest
            };
            if (request.Body != null) web.uploadHandler = new UploadHandlerRaw(request.Body);
            foreach (var header in request.Headers)
            {
                // a browser sets its own user agent
                if (header.Key != "user-agent") web.SetRequestHeader(header.Key, header.Value);
            }
            var over = false;
            var stop = cancel.Register(() => OnMain(() =>
            {
                if (!over) web.Abort();
            }));
            web.SendWebRequest().completed += _ =>
            {
                over = true;
                stop.Dispose();
                Settle(web, request, cancel, done);
                web.Dispose();
            };
        }

        private static void Settle(
            UnityWebRequest web, Request request, CancellationToken cancel,
            TaskCompletionSource<Response> done)
        {
            if (cancel.IsCancellationRequested)
            {
                done.TrySetException(new CancelledError("the call was cancelled"));
                return;
            }
            var failed = web.result == UnityWebRequest.Result.ConnectionError
                || web.result == UnityWebRequest.Result.DataProcessingError;
            // without redirects, Unity reports a 3xx as a broken connection
            if (failed && web.responseCode < 300)
            {
                done.TrySetException(new TransportError($"{request.Url}: {web.error}"));
                return;
            }
            var headers = new Dictionary<string, string>();
            var headers_ = web.GetResponseHeaders();
            if (headers_ != null)
            {
                foreach (var header in headers_) headers[header.Key.ToLowerInvariant()] = header.Value;
            }
            var body = web.downloadHandler.data ?? new byte[0];
            done.TrySetResult(new Response((int)web.responseCode, headers, body));
        }

        private void OnMain(Action action)
        {
            if (main == null || SynchronizationContext.Current == main) action();
            else main.Post(_ => action(), null);
        }
    }
}
#endif
