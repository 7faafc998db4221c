using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>Requests by HttpClient: through a proxy, or by a game's own handler.</summary>
    internal sealed class ClientTransport : ITransport
    {
        private const int Connections = 64;
        private const long Largest = 64L << 20;
        private readonly HttpClient http;

        public ClientTransport(HttpMessageHandler handler = null)
        {
            http = new HttpClient(handler ?? new HttpClientHandler
            {
                AllowAutoRedirect = false, // a redirect would carry the key along
                UseCookies = false,
                MaxConnectionsPerServer = Connections,
            })
            {
                Timeout = Timeout.InfiniteTimeSpan, // each call has its own time limit
                MaxResponseContentBufferSize = Largest,
            };
        }

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            // HttpClient may resolve names or wait for a connection before it returns
            return Task.Run(() => Talk(request, seconds, cancel));
        }

        public void Dispose()
        {
            http.Dispose();
        }

        private async Task<Response> Talk(Request request, double seconds, CancellationToken cancel)
        {
            using (var late = CancellationTokenSource.CreateLinkedTokenSource(cancel))
            using (var message = Message(request))
            {
                late.CancelAfter(TimeSpan.FromSeconds(seconds));
                try
                {
                    using (var answer = await http.SendAsync(message, late.Token).ConfigureAwait(false))
                    {
                        return await Read(answer).ConfigureAwait(false);
                    }
                }
                catch (Exception) when (cancel.IsCancellationRequested)
                {
                    throw new CancelledError("the call was cancelled");
                }
                catch (Exception) when (late.IsCancellationRequested)
                {
                    throw new DeadlineError($"no answer within {seconds:0.###} s");
                }
                catch (Exception error) when (IsNetwork(error))
                {
                    var why = (error.InnerException ?? error).Message;
                    throw new TransportError($"{request.Url} cannot be reached: {why}");
                }
            }
        }

        private static HttpRequestMessage Message(Request request)
        {
            var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Url);
            message.Headers.ExpectContinue = false; // it takes a round trip
            if (request.Body != null) message.Content = new ByteArrayContent(request.Body);
            foreach (var header in request.Headers)
            {
                if (header.Key == "content-type")
                {
                    message.Content.Headers.ContentType = new MediaTypeHeaderValue(header.Value);
                }
                else message.Headers.TryAddWithoutValidation(header.Key, header.Value);
            }
            return message;
        }

        private static async Task<Response> Read(HttpResponseMessage answer)
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            var headers = new Dictionary<string, string>();
            foreach (var header in answer.Headers)
            {
                headers[header.Key.ToLowerInvariant()] = string.Join(", ", header.Value);
            }
            // Mono returns a truncated response when the connection breaks
            var length = answer.Content.Headers.ContentLength;
            if (length.HasValue && length.Value != body.Length)
            {
                throw new IOException("the answer broke off");
            }
            return new Response((int)answer.StatusCode, headers, body);
        }

        private static bool IsNetwork(Exception error)
        {
            return error is HttpRequestException || error is WebException || error is IOException
                || error is OperationCanceledException || error is InvalidOperationException
                || error is NotSupportedException || error is FormatException;
        }
    }
}
