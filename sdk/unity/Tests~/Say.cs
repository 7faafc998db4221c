using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;

namespace Hotseat.Tests
{
    /// <summary>
    /// Texts: the vectors against a stand-in that cuts their events anywhere, by frames and by
    /// tasks; texts that are cancelled; mistakes of the program.
    /// </summary>
    internal static class Say
    {
        public static void Run(string file, string url)
        {
            var rows = ((List<object>)Json.Read(File.ReadAllText(file))).Cast<Dictionary<string, object>>().ToList();
            foreach (var mode in new[] { "whole", "bytes", "slow" })
            {
                for (var at = 0; at < rows.Count; at++)
                {
                    foreach (var byFrames in new[] { true, false })
                    {
                        Played(rows[at], $"{url}/{mode}/{at}", $"{rows[at]["name"]} ({mode}, {byFrames})", byFrames);
                    }
                }
            }
            Cancelled(url + "/endless");
            Mistakes();
        }

        private static void Played(Dictionary<string, object> row, string url, string name, bool byFrames)
        {
            using (var client = Client(url))
            {
                var call = (Dictionary<string, object>)row["call"];
                var options = OptionsOf(call);
                var shown = "";
                TextAnswer answer = null;
                HotseatError error = null;
                if (row.ContainsKey("first")) client.SayAsync("First.", options).GetAwaiter().GetResult();
                try
                {
                    if (byFrames)
                    {
                        var text = client.Say(call["input"], options);
                        while (true)
                        {
                            var isOver = text.Ready;
                            shown += text.Take();
                            if (isOver) break;
                            Thread.Sleep(1);
                        }
                        error = text.Error;
                        if (error != null) Program.Same(name + ": kept", text.Text, row["shown"]);
                        answer = text.Result();
                    }
                    else
                    {
                        answer = client.SayAsync(call["input"], options, piece => shown += piece)
                            .GetAwaiter().GetResult();
                    }
                }
                catch (HotseatError why)
                {
                    error = why;
                }
                Program.Same(name + ": shown", shown, row["shown"]);
                if (row.TryGetValue("error", out var wanted))
                {
                    Program.Same(name, error?.GetType().Name, wanted);
                    return;
                }
                Program.Check(name + ": no error", error == null, error);
                if (answer == null) return;
                Program.Same(name, new Dictionary<string, object>
                {
                    ["text"] = answer.Text, ["finish_reason"] = answer.FinishReason, ["value"] = answer.Value,
                    ["is_default"] = answer.IsDefault, ["source"] = answer.Source, ["model"] = answer.Model,
                    ["version"] = answer.Version, ["completion_tokens"] = answer.CompletionTokens,
                    ["reason"] = answer.Reason?.Split(':')[0],
                }, row["answer"]);
            }
        }

        private static SayOptions OptionsOf(Dictionary<string, object> call)
        {
            Func<string, object> Of = name => call.ContainsKey(name) ? call[name] : null;
            var options = new SayOptions
            {
                Model = "npc", Version = Of("version"), MaxTokens = (int?)(long?)Of("max_tokens"),
                Temperature = (double?)Of("temperature"), TopP = (double?)Of("top_p"), Seed = (long?)Of("seed"),
                Stop = ((List<object>)Of("stop"))?.Cast<string>(), Schema = Of("schema"),
                Grammar = (string)Of("grammar"), PlayerId = (string)Of("player_id"),
            };
            if (call.ContainsKey("default")) options.Default = call["default"];
            return options;
        }

        private static void Cancelled(string url)
        {
            using (var client = Client(url))
            {
                var given = new SayOptions { Model = "npc", Default = "Hm." };
                var text = client.Say("Sing.", given);
                while (text.Take() == "") Thread.Sleep(1);
                Program.Check("was open", text.Cancel());
                Program.Check("is not open", !text.Cancel());
                Program.Check("cancelled", text.Ready && text.Error is CancelledError, text.Error);
                Program.Check("what came stays", text.Text.StartsWith("la ", StringComparison.Ordinal), text.Text);
                using (var stop = new CancellationTokenSource())
                {
                    given.Cancel = stop.Token;
                    Program.Fails("cancelled task", "CancelledError", () => client.SayAsync(
                        "Sing.", given, piece => stop.Cancel()).GetAwaiter().GetResult());
                }
                var open = client.Say("Sing.", new SayOptions { Model = "npc" });
                Program.Same("a default before", open.Result("...").Text, "...");
                Program.Fails("not ready", "NotReadyError", () => open.Result());
                client.Dispose();
                Program.Check("closed", open.Ready && open.Error is CancelledError, open.Error);
            }
        }

        private static void Mistakes()
        {
            using (var client = Client("http://127.0.0.1:9"))
            {
                Action<string, object, SayOptions> Refused = (name, input, options) => Program.Fails(
                    name, "ConfigError", () => client.Say(input, options));
                Refused("a number", 3, new SayOptions { Model = "npc", Default = "Hm." });
                Refused("no time", "Hi", new SayOptions { Model = "npc", Deadline = 0 });
                Refused("two forms", "Hi", new SayOptions { Model = "npc", Schema = "{}", Grammar = "g" });
                Program.Fails("no model", "ConfigError", () => client.Say("Hi", new SayOptions()).Result());
            }
        }

        private static ModelServiceClient Client(string url)
        {
            return new ModelServiceClient(new ClientOptions { BaseUrl = url, Deadline = 20 });
        }
    }
}
