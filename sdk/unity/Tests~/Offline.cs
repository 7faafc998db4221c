using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Hotseat.Tests
{
    /// <summary>sdk/spec/portable.json: versions in the game's files, while the service is away.</summary>
    internal static class Offline
    {
        private const double Near = 1e-5;

        public static void Run(string file)
        {
            var vectors = ((List<object>)Json.Read(File.ReadAllText(file))).Cast<Dictionary<string, object>>().ToList();
            foreach (var vector in vectors)
            {
                foreach (Dictionary<string, object> call in (List<object>)vector["calls"]) Replay(vector, call);
            }
            var linear = vectors.First(vector => (string)vector["name"] == "linear");
            Files(Json.Write(linear["file"]));
            Calls(Json.Write(linear["file"]), Row(linear));
            var policy = vectors.First(vector => (string)vector["name"] == "policy");
            Time();
            Draws(Json.Write(policy["file"]), Row(policy));
        }

        /// <summary>Files of trained models pass their golden rows.</summary>
        public static void Opens(IEnumerable<string> files)
        {
            foreach (var file in files)
            {
                try
                {
                    Program.Check(file, Away().UseOffline(File.ReadAllText(file)).Version == 1);
                }
                catch (HotseatError error)
                {
                    Program.Check(file, false, error);
                }
            }
        }

        private static void Replay(Dictionary<string, object> vector, Dictionary<string, object> call)
        {
            var name = $"{vector["name"]} {Json.Write(call["input"])}";
            object found;
            try
            {
                found = Asked(Json.Write(vector["file"]), call["input"], new CallOptions { Model = (string)vector["name"] });
            }
            catch (HotseatError error)
            {
                found = error;
            }
            if (call.TryGetValue("raises", out var raises))
            {
                var wanted = (Dictionary<string, object>)raises;
                Program.Same(name, found.GetType().Name, wanted["class"]);
                if (!wanted.ContainsKey("detail")) return;
                Program.Same(name + " detail", (found as StatusError)?.Detail, wanted["detail"]);
                Program.Same(name + " pointer", (found as StatusError)?.Pointer, wanted["pointer"]);
                return;
            }
            var answer = found as Prediction;
            Program.Check(name, answer != null && answer.Source == "offline" && answer.Version == 3, found);
            if (answer == null) return;
            foreach (var pair in (Dictionary<string, object>)call["returns"])
            {
                var own = answer.Raw.TryGetValue(pair.Key, out var value) ? value : null;
                Program.Check($"{name} {pair.Key}", IsNear(own, pair.Value), $"{Json.Write(own)} is not {Json.Write(pair.Value)}");
            }
            var warned = answer.Raw.TryGetValue("warnings", out var all) ? (List<object>)all : new List<object>();
            Program.Same(name + " warnings",
                warned.Cast<Dictionary<string, object>>().Select(one => new[] { one["code"], one["pointer"] }).ToArray(),
                call.TryGetValue("warnings", out var codes) ? codes : new object[0]);
        }

        private static void Files(string file)
        {
            var client = Away();
            Program.Fails("another digest", "ConfigError", () => client.UseOffline(file, new string('0', 64)));
            Program.Fails("another weight", "ConfigError", () => client.UseOffline(file.Replace("-2.4414673", "2.4414673")));
            Program.Fails("a newer format", "ConfigError", () => client.UseOffline(file.Replace("\"format\":1", "\"format\":2")));
            Program.Fails("an unknown step", "ConfigError", () => client.UseOffline(file.Replace("\"matmul\"", "\"conv\"")));
            foreach (var text in new[] { "", "{}", "[]", "null", "{\"format\":1}", file.Substring(0, file.Length / 2) })
            {
                Program.Fails("no file", "ConfigError", () => client.UseOffline(text));
            }
        }

        private static void Calls(string file, object row)
        {
            var options = Options();
            Program.Same("a number", Asked(file, row, new CallOptions { Model = "linear", Version = 3 }).Source, "offline");
            var unknown = new CallOptions { Model = "linear", Options = new Dictionary<string, object> { ["hot"] = 1 } };
            Program.Check("an unknown option", Json.Write(Asked(file, row, unknown).Raw["warnings"]).Contains("/options/hot"));
            unknown.Options["strict"] = true;
            Program.Fails("strict", "BadInputError", () => Asked(file, row, unknown));
            options.Version = 2;
            Program.Fails("another version", "TransportError", () => Asked(file, row, options));
            Program.Fails("another model", "TransportError", () => Asked(file, row, new CallOptions { Model = "other" }));
            var server = new Server(new List<object> { Refusal(422) }, null);
            using (var client = server.Client())
            {
                client.UseOffline(file);
                var ticket = client.Predict(row, Options());
                server.Settle(client, ticket);
                Program.Same("a refusal stays", ticket.Error.GetType().Name, "BadInputError");
            }
            using (var client = Away())
            {
                client.UseOffline(file);
                var task = client.PredictManyAsync(new[] { row, row }, Options());
                Program.Same("many", string.Join(",", task.GetAwaiter().GetResult().Select(one => one.Source)), "offline,offline");
                var wrong = new CallOptions { Model = "linear", Default = "stays" };
                var answer = client.PredictAsync(7, wrong).GetAwaiter().GetResult();
                Program.Same("a default for what is refused", answer.Source, "default");
            }
            server = new Server(new List<object> { Fault() }, null);
            using (var client = server.Client())
            {
                client.UseOffline(file);
                var tickets = new[] { client.Submit(row, Options()), client.Submit(row, Options()) };
                foreach (var ticket in tickets) server.Settle(client, ticket);
                Program.Same("submitted", string.Join(",", tickets.Select(one => one.Result().Source)), "offline,offline");
            }
        }

        /// <summary>10 000 weights, 100 inputs: the answer is computed within a frame.</summary>
        private static void Time()
        {
            var ones = Enumerable.Repeat(1.0, 100).ToArray();
            var input = new Dictionary<string, object>
            {
                ["name"] = "x", ["form"] = "tensor", ["datatype"] = "FP32", ["shape"] = new[] { -1, 100 },
            };
            var file = new Dictionary<string, object>
            {
                ["format"] = 1, ["model"] = "m", ["version"] = 1, ["variant"] = "v", ["kind"] = "regression",
                ["signature"] = new { inputs = new[] { input }, outputs = new[] { new { name = "value" } }, labels = new string[0] },
                ["constants"] = new { w = Enumerable.Repeat(1.0, 10000).ToArray() },
                ["nodes"] = new[]
                {
                    new Dictionary<string, object>
                    {
                        ["op"] = "matmul", ["in"] = new[] { "x", "w" }, ["out"] = "y", ["size"] = 100,
                    },
                },
                ["outputs"] = new { value = "y" },
                ["check"] = new { tolerance = 0, rows = new object[0] },
            };
            var model = new OfflineModel(Json.Write(file), null);
            var given = ones.Cast<object>().ToList();
            var took = new List<double>();
            for (var round = 0; round < 20; round++)
            {
                var watch = System.Diagnostics.Stopwatch.StartNew();
                var found = model.Answer(given, "/input", new Dictionary<string, object>(), () => 0.5);
                took.Add(watch.Elapsed.TotalMilliseconds);
                Program.Same("a sum", ((List<object>)found["value"])[99], 100);
            }
            Program.Quick("10 000 weights", took, 100);
        }

        private static CallOptions Options()
        {
            return new CallOptions { Model = "linear", Retries = 0 };
        }

        /// <summary>A temperature draws among the legal actions; a seed is the service's.</summary>
        private static void Draws(string file, object board)
        {
            var seen = new HashSet<string>();
            foreach (var draw in new[] { 0.0, 0.3, 0.6, 0.999999 })
            {
                var server = new Server(new List<object> { Fault() }, new[] { draw, draw });
                using (var client = server.Client())
                {
                    client.UseOffline(file);
                    var options = new CallOptions { Model = "policy", Level = "easy", Legal = new object[] { 0, 5, 7 }, Retries = 0 };
                    var ticket = client.Choose(board, options);
                    server.Settle(client, ticket);
                    seen.Add(ticket.Result().Action);
                }
            }
            Program.Check("draws", seen.Count > 1 && seen.IsSubsetOf(new[] { "0", "5", "7" }), string.Join(",", seen));
            var seeded = new CallOptions { Model = "policy", Level = "easy", Seed = 1 };
            Program.Fails("a seed", "TransportError", () => Asked(file, board, seeded));
            Program.Fails("no such level", "BadInputError", () => Asked(file, board, new CallOptions { Model = "policy", Level = "x" }));
        }

        private static Prediction Asked(string file, object input, CallOptions options)
        {
            var server = new Server(new List<object> { Fault() }, null);
            options.Retries = 0;
            using (var client = server.Client())
            {
                client.UseOffline(file);
                var ticket = client.Predict(input, options);
                server.Settle(client, ticket);
                return ticket.Result();
            }
        }

        private static ModelServiceClient Away()
        {
            return new Server(Enumerable.Repeat((object)Fault(), 40).ToList(), null).Client();
        }

        private static Dictionary<string, object> Fault()
        {
            return new Dictionary<string, object> { ["fault"] = "refused" };
        }

        private static Dictionary<string, object> Refusal(long status)
        {
            return new Dictionary<string, object>
            {
                ["status"] = status,
                ["body"] = new Dictionary<string, object> { ["detail"] = "no", ["code"] = "invalid_input" },
            };
        }

        private static object Row(Dictionary<string, object> vector)
        {
            return ((Dictionary<string, object>)((List<object>)vector["calls"])[0])["input"];
        }

        private static bool IsNear(object found, object wanted)
        {
            if (wanted is Dictionary<string, object> fields)
            {
                return found is Dictionary<string, object> own && own.Count == fields.Count
                    && fields.All(pair => own.ContainsKey(pair.Key) && IsNear(own[pair.Key], pair.Value));
            }
            if (wanted is List<object> items)
            {
                return found is List<object> own && own.Count == items.Count
                    && items.Zip(own, (w, f) => IsNear(f, w)).All(same => same);
            }
            if (wanted is string || found == null) return Equals(found, wanted);
            return Math.Abs(Convert.ToDouble(found) - Convert.ToDouble(wanted)) <= Near;
        }
    }
}
