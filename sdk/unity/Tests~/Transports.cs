using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat.Tests
{
    /// <summary>Never answers, and hears that it may stop.</summary>
    internal sealed class Stuck : ITransport
    {
        public int Stopped;
        public int Sent;

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            Sent++;
            cancel.Register(() => Interlocked.Increment(ref Stopped));
            return new TaskCompletionSource<Response>().Task;
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Never answers, and ends its task inside the call that stops it.</summary>
    internal sealed class Obedient : ITransport
    {
        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            var done = new TaskCompletionSource<Response>();
            cancel.Register(() => done.TrySetException(new CancelledError("stopped")));
            return done.Task;
        }

        public void Dispose()
        {
        }
    }

    internal sealed class Broken : ITransport
    {
        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            throw new InvalidOperationException("not mine");
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Answers each input with itself, a moment later.</summary>
    internal sealed class Echo : ITransport
    {
        public async Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            await Task.Delay(1);
            var body = (Dictionary<string, object>)Json.Read(
                System.Text.Encoding.UTF8.GetString(request.Body));
            var labels = ((List<object>)body["inputs"])
                .Select(text => new Dictionary<string, object> { ["label"] = text }).ToList();
            var written = Json.Write(new Dictionary<string, object> { ["predictions"] = labels });
            return new Response(
                200, new Dictionary<string, string>(), System.Text.Encoding.UTF8.GetBytes(written));
        }

        public void Dispose()
        {
        }
    }
}
