using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>
    /// Requests over connections of the SDK's own. Safe for several threads.
    ///
    /// Routers forget connections without a sign after about 60 s: one that idled for over
    /// 55 s is not used again. One that idled for over 5 s and stays silent for a third of
    /// the time (at most 1 s) gets a rival: a new connection sends the request again, with
    /// the same Idempotency-Key, and the first answer counts. One that breaks before it
    /// answers is replaced at once.
    /// </summary>
    internal sealed class SocketTransport : ITransport
    {
        private const double Idle = 55, Doubtful = 5;
        private const int Connections = 64;
        private readonly Func<double> clock;
        private readonly Func<string, Task<IPAddress[]>> look;
        private readonly Dictionary<string, Stack<Connection>> idle =
            new Dictionary<string, Stack<Connection>>();
        private readonly SemaphoreSlim slots = new SemaphoreSlim(Connections);
        private bool closed;

        public SocketTransport(
            Func<double> clock = null, Func<string, Task<IPAddress[]>> look = null)
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            this.clock = clock ?? (() => watch.Elapsed.TotalSeconds);
            this.look = look ?? Dns.GetHostAddressesAsync;
        }

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            return Task.Run(() => Talk(request, seconds, cancel));
        }

        public void Dispose()
        {
            lock (idle)
            {
                closed = true;
                foreach (var one in idle.Values.SelectMany(all => all)) one.Dispose();
                idle.Clear();
            }
        }

        /// <summary>Limit the time, and convert errors to the SDK's.</summary>
        private async Task<Response> Talk(Request request, double seconds, CancellationToken cancel)
        {
            using (var late = CancellationTokenSource.CreateLinkedTokenSource(cancel))
            {
                late.CancelAfter(TimeSpan.FromSeconds(seconds));
                try
                {
                    await slots.WaitAsync(late.Token).ConfigureAwait(false);
                    try
                    {
                        return await Fetch(request, seconds, late.Token).ConfigureAwait(false);
                    }
                    finally
                    {
                        slots.Release();
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
                catch (Exception error) when (!(error is HotseatError))
                {
                    var why = (error.InnerException ?? error).Message;
                    throw new TransportError($"{request.Url} cannot be reached: {why}");
                }
            }
        }

        private async Task<Response> Fetch(Request request, double seconds, CancellationToken stop)
        {
            var url = new Uri(request.Url);
            var used = Taken(url.Authority + url.Scheme);
            // a rival would deliver a stream's events twice
            if (used != null && request.OnPiece != null)
            {
                used.Dispose();
                used = null;
            }
            if (used == null) return await Ask(null, request, url, stop).ConfigureAwait(false);
            var isDoubtful = clock() - used.Since > Doubtful;
            using (var first = CancellationTokenSource.CreateLinkedTokenSource(stop))
            using (var second = CancellationTokenSource.CreateLinkedTokenSource(stop))
            {
                var old = Ask(used, request, url, first.Token);
                var patience = TimeSpan.FromSeconds(Math.Min(seconds / 3, 1));
                if (isDoubtful) await Task.WhenAny(old, Task.Delay(patience, second.Token)).ConfigureAwait(false);
                else await Task.WhenAny(old).ConfigureAwait(false);
                if (old.Status == TaskStatus.RanToCompletion) return old.Result;
                if (old.IsCompleted && used.HasAnswered) return await old.ConfigureAwait(false);
                var rival = Ask(null, request, url, second.Token);
                var winner = await Task.WhenAny(old, rival).ConfigureAwait(false);
                if (winner.Status != TaskStatus.RanToCompletion) winner = winner == old ? rival : old;
                try
                {
                    return await winner.ConfigureAwait(false);
                }
                finally
                {
                    Observe(old);
                    Observe(rival);
                    first.Cancel();
                    second.Cancel();
                }
            }
        }

        /// <summary>Ask over a connection, a new one if null; it ends when `stop` says so.</summary>
        private async Task<Response> Ask(
            Connection connection, Request request, Uri url, CancellationToken stop)
        {
            if (connection == null)
            {
                var opening = Connector.Open(url, look, stop);
                connection = new Connection(await Until(opening, stop).ConfigureAwait(false));
            }
            try
            {
                using (Connector.Ending(connection, stop))
                {
                    await connection.Ask(request, url).ConfigureAwait(false);
                    var isStream = request.OnPiece != null
                        && Response.IsEvents(connection.Status, connection.Headers);
                    var body = isStream
                        ? await Pieces(connection, request.OnPiece).ConfigureAwait(false)
                        : await connection.Body().ConfigureAwait(false);
                    var response = new Response(connection.Status, connection.Headers, body);
                    Keep(connection, url.Authority + url.Scheme);
                    return response;
                }
            }
            catch (Exception)
            {
                connection.Dispose();
                throw;
            }
        }

        /// <summary>Deliver a body piece by piece; return the empty rest.</summary>
        private static async Task<byte[]> Pieces(Connection connection, Action<byte[]> deliver)
        {
            for (var piece = await connection.Piece().ConfigureAwait(false); piece != null;
                piece = await connection.Piece().ConfigureAwait(false))
            {
                deliver(piece);
            }
            return new byte[0];
        }

        private Connection Taken(string origin)
        {
            lock (idle)
            {
                if (!idle.TryGetValue(origin, out var all)) return null;
                while (all.Count > 0)
                {
                    var one = all.Pop();
                    var age = clock() - one.Since;
                    if (age >= 0 && age <= Idle) return one;
                    one.Dispose();
                }
                return null;
            }
        }

        private void Keep(Connection connection, string origin)
        {
            connection.Since = clock();
            lock (idle)
            {
                if (!closed && connection.IsReusable)
                {
                    if (!idle.TryGetValue(origin, out var all)) all = idle[origin] = new Stack<Connection>();
                    all.Push(connection);
                    return;
                }
            }
            connection.Dispose();
        }

        /// <summary>Wait for a stream, but no longer than `stop`: look-ups cannot be stopped.</summary>
        private static async Task<Stream> Until(Task<Stream> opening, CancellationToken stop)
        {
            var stopped = new TaskCompletionSource<Stream>();
            using (stop.Register(() => stopped.TrySetCanceled()))
            {
                var first = await Task.WhenAny(opening, stopped.Task).ConfigureAwait(false);
                if (first != opening) Observe(opening);
                return await first.ConfigureAwait(false);
            }
        }

        /// <summary>See a task's end: its error, which .NET would report, or its stream.</summary>
        private static void Observe<T>(Task<T> task)
        {
            task.ContinueWith(
                ended =>
                {
                    if (ended.Exception == null && !ended.IsCanceled) (ended.Result as Stream)?.Dispose();
                },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}
