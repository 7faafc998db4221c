using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>
    /// Opens connections by happy eyeballs (RFC 8305): the families of a name's addresses take
    /// turns, a next attempt starts after 250 ms or a failure, the first that accepts wins.
    /// </summary>
    internal static class Connector
    {
        private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(250);

        /// <summary>Return the stream to a host; throws SocketException, IOException.</summary>
        public static async Task<Stream> Open(
            Uri origin, Func<string, Task<IPAddress[]>> look, CancellationToken cancel)
        {
            var found = await (Literal(origin.DnsSafeHost) ?? look(origin.DnsSafeHost)).ConfigureAwait(false);
            var socket = await First(InTurns(found), origin.Port, cancel).ConfigureAwait(false);
            var stream = new NetworkStream(socket, true);
            if (origin.Scheme != "https") return stream;
            var secure = new SslStream(stream, false);
            using (Ending(secure, cancel))
            {
                try
                {
                    await secure.AuthenticateAsClientAsync(
                        origin.IdnHost, null,
                        (SslProtocols)ServicePointManager.SecurityProtocol, false)
                        .ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    secure.Dispose();
                    throw new IOException(error.GetBaseException().Message, error);
                }
            }
            return secure;
        }

        private static Task<IPAddress[]> Literal(string host)
        {
            return IPAddress.TryParse(host, out var one) ? Task.FromResult(new[] { one }) : null;
        }

        /// <summary>
        /// Dispose something once it is to stop, on another thread: .NET waits in Dispose for
        /// operations under way, and they may wait for the end of this registration.
        /// </summary>
        public static CancellationTokenRegistration Ending(IDisposable open, CancellationToken stop)
        {
            return stop.Register(() => Task.Run(() => open.Dispose()));
        }

        /// <summary>Alternate the families, beginning with that of the first address.</summary>
        public static IPAddress[] InTurns(IPAddress[] found)
        {
            var families = found.GroupBy(one => one.AddressFamily).Select(one => one.ToList()).ToList();
            var longest = families.Count == 0 ? 0 : families.Max(one => one.Count);
            return Enumerable.Range(0, longest)
                .SelectMany(at => families.Where(one => at < one.Count).Select(one => one[at]))
                .ToArray();
        }

        private static async Task<Socket> First(
            IPAddress[] addresses, int port, CancellationToken cancel)
        {
            if (addresses.Length == 0) throw new IOException("the name has no address");
            var tries = new List<Task<Socket>>();
            using (var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel))
            {
                Task<Socket> last = null;
                for (var next = 0; next < addresses.Length || tries.Count > 0;)
                {
                    var any = new List<Task>(tries);
                    if (next < addresses.Length)
                    {
                        var opened = Connect(addresses[next++], port, stop.Token);
                        tries.Add(opened);
                        any.Add(opened);
                        if (next < addresses.Length) any.Add(Task.Delay(Delay, stop.Token));
                    }
                    await Task.WhenAny(any).ConfigureAwait(false);
                    foreach (var done in tries.Where(one => one.IsCompleted).ToList())
                    {
                        tries.Remove(done);
                        if (done.Status != TaskStatus.RanToCompletion)
                        {
                            last = done;
                            continue;
                        }
                        foreach (var other in tries) Forget(other);
                        stop.Cancel();
                        return done.Result;
                    }
                    cancel.ThrowIfCancellationRequested();
                }
                return await last.ConfigureAwait(false); // throws why
            }
        }

        private static async Task<Socket> Connect(
            IPAddress address, int port, CancellationToken cancel)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            {
                NoDelay = true,
            };
            try
            {
                using (Ending(socket, cancel))
                {
                    await Task.Factory.FromAsync(
                        (done, state) => socket.BeginConnect(address, port, done, state),
                        socket.EndConnect, null).ConfigureAwait(false);
                }
                cancel.ThrowIfCancellationRequested();
                return socket;
            }
            catch (Exception)
            {
                socket.Dispose();
                throw;
            }
        }

        private static void Forget(Task<Socket> late)
        {
            late.ContinueWith(
                ended =>
                {
                    if (ended.Status == TaskStatus.RanToCompletion) ended.Result.Dispose();
                    var unused = ended.Exception;
                },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}
