using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;

namespace Hotseat.Tests
{
    /// <summary>Server-sent events: their parser, and streams that go on, break and are cancelled.</summary>
    internal static class Streams
    {
        private const string Head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            + "transfer-encoding: chunked\r\n\r\n";

        public static void Run(string file)
        {
            foreach (Dictionary<string, object> row in (List<object>)Json.Read(File.ReadAllText(file)))
            {
                var reader = new EventReader();
                var found = ((List<object>)row["pieces"])
                    .SelectMany(piece => reader.Read(((string)piece).Select(letter => (byte)letter).ToArray()))
                    .Select(one => new Dictionary<string, object> { ["name"] = one.Name, ["data"] = one.Data });
                Program.Same((string)row["name"], found.ToList(), row["events"]);
            }
            Events_come_before_the_end();
            A_stream_that_breaks_is_not_begun_again();
            A_stream_is_cancelled();
            A_refusal_is_an_error_and_a_broken_start_is_retried();
        }

        private static void Events_come_before_the_end()
        {
            var more = new ManualResetEventSlim();
            using (var server = new Networks.Local((line, number, request) =>
            {
                line.Say(Head + Chunk("event: token\ndata: gg\n\n"));
                more.Wait(20000);
                return line.Say(Chunk("data: wp\n\n") + "0\r\n\r\n");
            }))
            using (var client = Client(server.Url))
            {
                var stream = Begun(client);
                var first = Awaited(stream);
                Program.Same("first", first.Name + first.Data, "tokengg");
                Program.Check("goes on", !stream.Ready && stream.Next() == null);
                more.Set();
                Program.Same("second", Awaited(stream).Data, "wp");
                Program.Check("end", Awaited(stream) == null && stream.Ready && stream.Error == null, stream.Error);
            }
        }

        private static void A_stream_that_breaks_is_not_begun_again()
        {
            using (var server = new Networks.Local((line, number, request) =>
                line.Say(Head + Chunk("data: gg\n\n")) && false))
            using (var client = Client(server.Url))
            {
                var stream = Begun(client);
                Program.Same("first", Awaited(stream).Data, "gg");
                Program.Check("broke off", Awaited(stream) == null && stream.Error is TransportError, stream.Error);
                Program.Same("asked once", server.Connections, 1);
            }
        }

        private static void A_stream_is_cancelled()
        {
            var ended = new ManualResetEventSlim();
            using (var server = new Networks.Local((line, number, request) =>
            {
                line.Say(Head + Chunk("data: gg\n\n"));
                if (!line.Read()) ended.Set(); // the client hung up
                return false;
            }))
            using (var client = Client(server.Url))
            {
                var stream = Begun(client);
                Program.Same("first", Awaited(stream).Data, "gg");
                Program.Check("was open", stream.Cancel());
                client.Tick();
                Program.Check("the service stops", ended.Wait(10000));
                Program.Same("says so", stream.Error.GetType().Name, "CancelledError");
            }
        }

        private static void A_refusal_is_an_error_and_a_broken_start_is_retried()
        {
            using (var server = new Networks.Local((line, number, request) =>
            {
                if (number == 1) return false;
                return line.Say("HTTP/1.1 422 X\r\ncontent-length: 12\r\n\r\n{\"code\":\"x\"}") && false;
            }))
            using (var client = Client(server.Url))
            {
                var stream = Begun(client);
                Program.Check("refused", Awaited(stream) == null && stream.Error is BadInputError, stream.Error);
                Program.Same("asked twice", server.Connections, 2);
                Program.Same("no model", client.Stream("generate", new Dictionary<string, object>(), null)
                    .Error.GetType().Name, "ConfigError");
            }
        }

        private static ModelServiceClient Client(string url)
        {
            return new ModelServiceClient(new ClientOptions { BaseUrl = url, Deadline = 20, Random = () => 0 });
        }

        private static EventStream Begun(ModelServiceClient client)
        {
            var body = new Dictionary<string, object> { ["prompt"] = "say" };
            return client.Stream("generate", body, new CallOptions { Model = "npc" });
        }

        private static ServerEvent Awaited(EventStream stream)
        {
            var end = DateTime.UtcNow.AddSeconds(20);
            while (DateTime.UtcNow < end)
            {
                var isOver = stream.Ready; // before the look: an event may come between
                var found = stream.Next();
                if (found != null || isOver) return found;
                Thread.Sleep(1);
            }
            return null;
        }

        private static string Chunk(string text)
        {
            return $"{text.Length:x}\r\n{text}\r\n";
        }
    }
}
