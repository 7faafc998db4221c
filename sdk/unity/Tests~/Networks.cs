using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat.Tests
{
    /// <summary>Networks as they are: dead addresses, forgotten and closed connections.</summary>
    internal static class Networks
    {
        private const string Body = "{\"label\": \"ok\"}";
        private static readonly string Whole = Head(Body.Length) + Body;

        public static void A_dead_address_costs_a_quarter_of_a_second()
        {
            using (var server = new Local((line, number, request) => line.Say(Whole)))
            using (var dead = new Full(server.Port))
            using (var client = Client("http://dual.test:" + server.Port, null,
                IPAddress.IPv6Loopback, IPAddress.Loopback))
            {
                var watch = Stopwatch.StartNew();
                Program.Same("answered", Ask(client, 10), "ok");
                Program.Check("the first address was dead", watch.Elapsed.TotalSeconds > 0.2, watch.Elapsed);
                Program.Check("in time", watch.Elapsed.TotalSeconds < 5, watch.Elapsed);
            }
        }

        public static void Families_take_turns()
        {
            var found = new[] { "::1", "::2", "10.0.0.1", "10.0.0.2", "::3" }.Select(IPAddress.Parse).ToArray();
            Program.Same("turns", Connector.InTurns(found).Select(one => one.ToString()).ToList(),
                new List<object> { "::1", "10.0.0.1", "::2", "10.0.0.2", "::3" });
        }

        public static void A_request_names_its_host_and_path()
        {
            foreach (var row in new[]
            {
                new[] { "http://[::1]:9/a%2Fb", "/a%2Fb", "[::1]:9" }, new[] { "https://x.test/p?q=1", "/p?q=1", "x.test" },
                new[] { "http://10.0.0.1:8080", "/", "10.0.0.1:8080" },
            })
            {
                var request = new Request("GET", row[0], new Dictionary<string, string> { ["a"] = "b" }, null);
                Program.Same(row[0], Encoding.ASCII.GetString(Connection.Written(request, new Uri(row[0]))),
                    $"GET {row[1]} HTTP/1.1\r\nhost: {row[2]}\r\na: b\r\n\r\n");
            }
        }

        public static void A_dns_that_hangs_ends_at_the_deadline()
        {
            var never = new TaskCompletionSource<IPAddress[]>();
            var transport = new SocketTransport(null, _ => never.Task);
            using (var client = Client("http://hang.test", transport))
            {
                var watch = Stopwatch.StartNew();
                Program.Fails("late", "DeadlineError", () => Ask(client, 0.2));
                Program.Check("in time", watch.Elapsed.TotalSeconds < 5, watch.Elapsed);
            }
        }

        public static void A_connection_that_closed_while_idle_is_replaced_at_once()
        {
            using (var server = new Local((line, number, request) => request == 1 && line.Say(Whole)))
            using (var client = Client(server.Url))
            {
                var waits = 0;
                var all = Enumerable.Range(0, 3).Select(_ => Ask(client, 10, () => waits++)).ToList();
                Program.Same("answered", all, new List<object> { "ok", "ok", "ok" });
                Program.Same("without a retry", waits, 3);
                Program.Same("connections", server.Connections, 3);
            }
        }

        public static void A_connection_forgotten_by_a_router_gets_a_rival()
        {
            var now = 0.0;
            using (var server = new Local((line, number, request) =>
                request == 1 ? line.Say(Whole) : line.Hang()))
            using (var client = Client(server.Url, new SocketTransport(() => now)))
            {
                Program.Same("first", Ask(client, 10), "ok");
                now += 6;
                Program.Same("after a pause", Ask(client, 10), "ok");
                Program.Same("connections", server.Connections, 2);
            }
        }

        public static void A_slow_answer_on_an_idle_connection_still_counts()
        {
            var now = 0.0;
            using (var server = new Local((line, number, request) =>
            {
                if (number > 1) return line.Hang();
                if (request > 1) Thread.Sleep(1500);
                return line.Say(Whole);
            }))
            using (var client = Client(server.Url, new SocketTransport(() => now)))
            {
                Program.Same("first", Ask(client, 10), "ok");
                now += 6;
                Program.Same("late", Ask(client, 20), "ok");
                Program.Same("a rival was there", server.Connections, 2);
            }
        }

        public static void A_connection_idle_for_55_seconds_is_not_used_again()
        {
            var now = 0.0;
            using (var server = new Local((line, number, request) => line.Say(Whole)))
            using (var client = Client(server.Url, new SocketTransport(() => now)))
            {
                foreach (var pause in new[] { 54, 56, 0 })
                {
                    Program.Same("answered", Ask(client, 10), "ok");
                    now += pause;
                }
                Program.Same("connections", server.Connections, 2);
            }
        }

        public static void Interim_answers_are_skipped()
        {
            const string early = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
            using (var server = new Local((line, number, request) => line.Say(early + Whole)))
            using (var client = Client(server.Url)) Program.Same("answered", Ask(client, 10), "ok");
        }

        public static void Chunks_are_joined_and_the_connection_stays()
        {
            var chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                + string.Concat(Body.Select(letter => $"1;x=y\r\n{letter}\r\n")) + "0\r\nmore: 1\r\n\r\n";
            using (var server = new Local((line, number, request) => line.Say(chunks)))
            using (var client = Client(server.Url))
            {
                Program.Same("first", Ask(client, 10), "ok");
                Program.Same("second", Ask(client, 10), "ok");
                Program.Same("connections", server.Connections, 1);
            }
        }

        public static void Broken_frames_are_errors()
        {
            foreach (var wrong in new[]
            {
                "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n" + Body,
                "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
                "HTTP/1.1 200 OK\r\nno header\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}xxx",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-3\r\n{}",
                "HTTP/1.1 200 OK\r\nx: " + new string('x', 1 << 17),
            })
            {
                using (var server = new Local((line, number, request) => line.Say(wrong) && false))
                using (var client = Client(server.Url))
                {
                    Program.Fails(wrong.Split('\n')[1], "TransportError", () => Ask(client, 10));
                }
            }
        }

        /// <summary>Servers with TLS: a trusted one, then one for another name, then an unknown one.</summary>
        public static void Tls(IEnumerable<string> urls)
        {
            var found = urls.Select(url =>
            {
                using (var client = Client(url, null, IPAddress.Loopback))
                {
                    try
                    {
                        return Ask(client, 10);
                    }
                    catch (HotseatError error)
                    {
                        return error.GetType().Name;
                    }
                }
            }).ToList();
            Program.Same("TLS", found, new List<object> { "1", "TransportError", "TransportError" });
        }

        private static string Head(int length)
        {
            return $"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n";
        }

        private static ModelServiceClient Client(
            string url, SocketTransport transport = null, params IPAddress[] addresses)
        {
            var direct = transport ?? (addresses.Length == 0 ? new SocketTransport()
                : new SocketTransport(null, _ => Task.FromResult(addresses)));
            return new ModelServiceClient(new ClientOptions
            {
                BaseUrl = url,
                Transport = direct,
                Random = () => 0,
            });
        }

        private static string Ask(ModelServiceClient client, double seconds, Action asked = null)
        {
            asked?.Invoke();
            return client.PredictAsync("x", new CallOptions { Deadline = seconds })
                .GetAwaiter().GetResult().Label;
        }

        /// <summary>Answers request `request` of connection `number` as it is told.</summary>
        internal sealed class Local : IDisposable
        {
            private readonly TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
            private readonly Func<Line, int, int, bool> talk;
            private volatile bool closed;

            public Local(Func<Line, int, int, bool> talk)
            {
                this.talk = talk;
                listener.Start(50);
                new Thread(Accept) { IsBackground = true }.Start();
            }

            public int Connections { get; private set; }
            public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;
            public string Url => "http://127.0.0.1:" + Port;

            public void Dispose()
            {
                closed = true; // .NET's Stop waits for an Accept under way
            }

            private void Accept()
            {
                try
                {
                    while (!closed)
                    {
                        if (!listener.Pending())
                        {
                            Thread.Sleep(1);
                            continue;
                        }
                        var connection = listener.AcceptTcpClient();
                        var number = ++Connections;
                        new Thread(() => Converse(connection, number)) { IsBackground = true }.Start();
                    }
                }
                finally
                {
                    listener.Stop();
                }
            }

            private void Converse(TcpClient connection, int number)
            {
                try
                {
                    using (connection)
                    {
                        var line = new Line(connection.GetStream());
                        for (var request = 1; line.Read() && talk(line, number, request); request++) { }
                    }
                }
                catch (IOException)
                {
                    // the client left
                }
            }
        }

        internal sealed class Line
        {
            private readonly Stream stream;

            public Line(Stream stream)
            {
                this.stream = stream;
            }

            public bool Say(string text)
            {
                var bytes = Encoding.UTF8.GetBytes(text);
                stream.Write(bytes, 0, bytes.Length);
                return true;
            }

            public bool Hang()
            {
                Thread.Sleep(30000);
                return false;
            }

            public bool Read()
            {
                var text = "";
                var buffer = new byte[65536];
                while (true)
                {
                    var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                    if (end >= 0)
                    {
                        var at = text.IndexOf("content-length: ", StringComparison.Ordinal) + 16;
                        var length = at < 16 ? 0 : int.Parse(text.Substring(at).Split('\r')[0]);
                        if (text.Length >= end + 4 + length) return true;
                    }
                    var count = stream.Read(buffer, 0, buffer.Length);
                    if (count == 0) return false;
                    text += Encoding.GetEncoding("ISO-8859-1").GetString(buffer, 0, count);
                }
            }
        }

        /// <summary>An IPv6 address whose queue is full: what connects gets no answer.</summary>
        private sealed class Full : IDisposable
        {
            private readonly List<Socket> sockets = new List<Socket>();

            public Full(int port)
            {
                var listener = Opened();
                listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, port));
                listener.Listen(0);
                for (var at = 0; at < 4; at++)
                {
                    Opened().BeginConnect(IPAddress.IPv6Loopback, port, _ => { }, null);
                }
                Thread.Sleep(50); // until the queue is full
            }

            public void Dispose()
            {
                foreach (var one in sockets) one.Dispose();
            }

            private Socket Opened()
            {
                var one = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
                sockets.Add(one);
                return one;
            }
        }
    }
}
