using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat.Tests
{
    /// <summary>A running service with the models mood, churn and four.</summary>
    internal static class Live
    {
        public static void Run(string url)
        {
            // its first answers load the models; four takes ten rows at most
            var options = new ClientOptions { BaseUrl = url, Deadline = 10, Batch = 10 };
            using (var client = new ModelServiceClient(options))
            {
                Tasks(client).GetAwaiter().GetResult();
                Tickets(client);
                Frames(client);
            }
            using (var nobody = new ModelServiceClient("http://127.0.0.1:9"))
            {
                var given = new CallOptions { Deadline = 0.3, Default = "ok" };
                var answer = nobody.PredictAsync("good", given).Result;
                Program.Check("away", answer.IsDefault && answer.Label == "ok");
            }
        }

        private static async Task Tasks(ModelServiceClient client)
        {
            Program.Same("ready", await client.IsReadyAsync(), true);
            var text = await client.PredictAsync("good");
            Program.Same("text", text.Label, "positive");
            Program.Same("version", text.Version, 1);
            Program.Check("latency", text.Latency > 0);
            var features = new Dictionary<string, object> { ["hours"] = 3.5 };
            var churn = new CallOptions { Model = "churn" };
            Program.Same("features", (await client.PredictAsync(features, churn)).Value, 0.25);
            var chosen = await client.ChooseAsync(
                new[] { 0, 1, 2 }, new CallOptions { Model = "four", Legal = new[] { "left", "right" } });
            Program.Same("board", chosen.Action, "right");
            Program.Same("legal", chosen.Actions.Count, 2);
            var many = await client.PredictManyAsync(
                new[] { "good", "密\t\u000b😀" }, new CallOptions { Model = "mood" });
            Program.Same("many", many.Select(one => one.Label).ToList(), new[] { "positive", "negative" });
            var why = await client.ExplainAsync("good day", new CallOptions { Model = "mood" });
            Program.Check("explained", why.Parts.Count > 0);
            Program.Same("catalogue", (await client.ModelsAsync()).Count, 3);
            Program.Same("card", (await client.CardAsync("four")).Raw["card"], "# four");
            features["hours"] = -1;
            var instead = await client.PredictAsync(
                features, new CallOptions { Model = "churn", Default = 0 });
            Program.Check("a default for bad input", instead.IsDefault);
            Program.Check("and its reason", instead.Reason.StartsWith("BadInputError"));
            try
            {
                await client.PredictAsync(features, new CallOptions { Model = "churn" });
                Program.Check("bad input", false);
            }
            catch (BadInputError error)
            {
                Program.Same("its place", error.Pointer, "/input/hours");
            }
            try
            {
                await client.PredictAsync("x", new CallOptions { Model = "no/body" });
                Program.Check("no model", false);
            }
            catch (NotFoundError error)
            {
                Program.Same("no model", error.Code, "model_not_found");
            }
        }

        private static void Tickets(ModelServiceClient client)
        {
            var ticket = client.Predict("bad");
            while (!ticket.Ready) Thread.Sleep(1);
            Program.Same("a ticket", ticket.Result().Label, "negative");
        }

        /// <summary>Twenty questions a frame for thirty frames; asking and looking are quick.</summary>
        private static void Frames(ModelServiceClient client)
        {
            var mood = new CallOptions { Model = "mood" };
            var tickets = new List<Ticket<Prediction>>();
            var asking = new List<double>();
            var looks = new List<double>();
            for (var frame = 0; frame < 30; frame++)
            {
                for (var at = 0; at < 20; at++)
                {
                    var watch = Stopwatch.StartNew();
                    tickets.Add(client.Submit(at % 2 == 0 ? "good" : "bad", mood));
                    asking.Add(watch.Elapsed.TotalMilliseconds);
                }
                Thread.Sleep(16);
                var looking = Stopwatch.StartNew();
                client.Tick();
                looks.Add(looking.Elapsed.TotalMilliseconds);
            }
            for (var at = 0; at < tickets.Count; at++)
            {
                while (!tickets[at].Ready) Thread.Sleep(1);
                var wanted = at % 2 == 0 ? "positive" : "negative";
                Program.Same("its own answer", tickets[at].Result("none").Label, wanted);
            }
            Program.Quick("submit", asking, 1);
            Program.Quick("a look", looks, 16);
        }
    }
}
