using System;
using System.Collections;
using System.Linq;
using System.Threading;

namespace Hotseat.Tests
{
    /// <summary>What tickets do, and that each has its own answer.</summary>
    internal static class TicketRules
    {
        private const string Good = "{\"status\":200,\"body\":{\"label\":\"a\"}}";

        public static void Four_requests_go_at_a_time()
        {
            var stuck = new Stuck();
            var options = new ClientOptions { Transport = stuck, Batch = 1, Window = 0 };
            var client = new ModelServiceClient(options);
            var tickets = Enumerable.Range(0, 9).Select(_ => client.Submit("x")).ToList();
            client.Tick();
            client.Tick();
            Program.Same("under way", stuck.Sent, 4);
            tickets[0].Cancel();
            client.Tick();
            Program.Same("one more", stuck.Sent, 5);
            client.Dispose();
            Program.Check("all settled", tickets.TrueForAll(ticket => ticket.IsSettled));
            Program.Same("all were told to stop", stuck.Stopped, 5);
        }

        public static void A_frames_inputs_are_one_request()
        {
            var labels = string.Join(",", Enumerable.Range(0, 20).Select(at => $"{{\"label\":\"{at}\"}}"));
            var server = Server.Of($"{{\"status\":200,\"body\":{{\"predictions\":[{labels}]}}}}");
            var client = server.Client();
            var options = new CallOptions { Model = "chat" };
            var tickets = Enumerable.Range(0, 20).Select(at => client.Submit($"line {at}", options)).ToList();
            Program.Check("not yet", !tickets[0].Ready);
            Program.Fails("says so", "NotReadyError", () => tickets[0].Result());
            Program.Check("a default meanwhile", tickets[0].Result("ok").IsDefault);
            server.Settle(client, tickets[19]);
            Program.Same("one request", server.Requests.Count, 1);
            Program.Same("each its own", tickets.Select(ticket => ticket.Result().Label).ToList(),
                Enumerable.Range(0, 20).Select(at => at.ToString()).ToList());
        }

        public static void A_batch_holds_no_more_than_it_may()
        {
            var answer = "{\"status\":200,\"body\":{\"predictions\":[{\"label\":\"a\"},{\"label\":\"b\"}]}}";
            var server = Server.Of(answer, answer);
            var client = server.Client(new ClientOptions { Batch = 2 });
            var tickets = Enumerable.Range(0, 4).Select(at => client.Submit("x")).ToList();
            tickets.ForEach(ticket => server.Settle(client, ticket));
            Program.Same("two requests", server.Requests.Count, 2);
            Program.Same("in order", string.Concat(tickets.Select(one => one.Result().Label)), "abab");
        }

        public static void Different_questions_do_not_share_a_request()
        {
            var answer = "{\"status\":200,\"body\":{\"predictions\":[{\"label\":\"a\"}]}}";
            var server = Server.Of(answer, answer, answer);
            var client = server.Client();
            var tickets = new[]
            {
                client.Submit("x", new CallOptions { Model = "a" }),
                client.Submit("x", new CallOptions { Model = "b" }),
                client.Submit("x", new CallOptions { Model = "b", Seed = 1 }),
            };
            foreach (var ticket in tickets) server.Settle(client, ticket);
            Program.Same("three requests", server.Requests.Count, 3);
        }

        public static void One_bad_input_does_not_spoil_the_others()
        {
            var bad = "{\"status\":422,\"body\":{\"code\":\"c\",\"pointer\":\"/inputs/1\"}}";
            var good = "{\"status\":200,\"body\":{\"predictions\":[{\"label\":\"a\"}]}}";
            var server = Server.Of(bad, good, bad, good);
            var client = server.Client();
            var tickets = new[] { "a", "", "b" }.Select(text => client.Submit(text)).ToList();
            tickets.ForEach(ticket => server.Settle(client, ticket));
            Program.Same("first", tickets[0].Result().Label, "a");
            Program.Fails("bad", "BadInputError", () => tickets[1].Result());
            Program.Same("last", tickets[2].Result().Label, "a");
        }

        public static void Cancelled_and_closed_tickets_settle_at_once()
        {
            var server = Server.Of();
            var client = server.Client();
            var cancelled = client.Submit("x");
            Program.Check("was open", cancelled.Cancel() && !cancelled.Cancel());
            Program.Fails("cancelled", "CancelledError", () => cancelled.Result());
            server.Now += 1;
            client.Tick();
            Program.Same("nobody is asked", server.Requests.Count, 0);
            var open = client.Submit("y");
            client.Dispose();
            Program.Fails("closed", "CancelledError", () => open.Result());
            Program.Fails("for good", "CancelledError", () => client.Submit("z").Result());
            Program.Fails("for good", "CancelledError", () => client.Predict("z").Result());
            Program.Fails("for good", "CancelledError",
                () => client.PredictAsync("z").GetAwaiter().GetResult());
        }

        public static void A_transport_that_never_ends_is_left_at_the_deadline()
        {
            var stuck = new Stuck();
            using (var client = new ModelServiceClient(new ClientOptions { Transport = stuck }))
            {
                var options = new CallOptions { Deadline = 0.1 };
                Program.Fails("a task", "DeadlineError",
                    () => client.PredictAsync("x", options).GetAwaiter().GetResult());
                var ticket = client.Predict("x", options);
                var end = DateTime.UtcNow.AddSeconds(5);
                while (!ticket.Ready && DateTime.UtcNow < end) Thread.Sleep(1);
                Program.Fails("a ticket", "DeadlineError", () => ticket.Result());
                Program.Same("both were told to stop", stuck.Stopped, 2);
                using (var source = new CancellationTokenSource(50))
                {
                    var cancelled = new CallOptions { Cancel = source.Token, Default = "ok" };
                    Program.Fails("cancelled", "CancelledError",
                        () => client.PredictAsync("x", cancelled).GetAwaiter().GetResult());
                }
            }
        }

        public static void A_request_stopped_at_its_deadline_is_late_not_cancelled()
        {
            var options = new CallOptions { Deadline = 0.05 };
            using (var client = new ModelServiceClient(new ClientOptions { Transport = new Obedient() }))
            {
                Program.Fails("a task", "DeadlineError",
                    () => client.PredictAsync("x", options).GetAwaiter().GetResult());
                var ticket = client.Predict("x", options);
                var end = DateTime.UtcNow.AddSeconds(5);
                while (!ticket.Ready && DateTime.UtcNow < end) Thread.Sleep(1);
                Program.Fails("a ticket", "DeadlineError", () => ticket.Result());
                options.Default = "ok";
                Program.Check("a default", client.PredictAsync("x", options).Result.IsDefault);
            }
        }

        public static void A_coroutine_goes_on_when_the_answer_is_there()
        {
            var server = Server.Of(Good);
            var found = "";
            var frames = Coroutine(server.Client(), label => found = label);
            while (frames.MoveNext())
            {
                var inner = frames.Current as IEnumerator; // as Unity does
                while (inner != null && inner.MoveNext()) Thread.Sleep(1);
            }
            Program.Same("label", found, "a");
        }

        private static IEnumerator Coroutine(ModelServiceClient client, Action<string> told)
        {
            var ticket = client.Predict("x");
            yield return ticket;
            told(ticket.Result().Label);
        }

        public static void A_tickets_time_counts_from_when_it_was_submitted()
        {
            var server = Server.Of();
            var client = server.Client();
            var ticket = client.Submit("x", new CallOptions { Deadline = 0.5 });
            server.Now += 0.6;
            client.Tick();
            Program.Fails("too late", "DeadlineError", () => ticket.Result());
            Program.Same("nobody was asked", server.Requests.Count, 0);
        }

        public static void Threads_share_a_client()
        {
            using (var client = new ModelServiceClient(new ClientOptions { Transport = new Echo() }))
            {
                var wrong = 0;
                var threads = Enumerable.Range(0, 8).Select(thread => new Thread(() =>
                {
                    for (var at = 0; at < 200; at++)
                    {
                        var text = $"{thread}-{at}";
                        var ticket = client.Submit(text);
                        while (!ticket.Ready) Thread.Yield();
                        if (ticket.Result("none").Label != text) Interlocked.Increment(ref wrong);
                    }
                })).ToList();
                threads.ForEach(thread => thread.Start());
                threads.ForEach(thread => thread.Join());
                Program.Same("each has its own answer", wrong, 0);
            }
        }
    }
}
