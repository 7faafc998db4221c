using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;

namespace Hotseat.Tests
{
    /// <summary>sdk/spec/vectors, replayed by both flavours.</summary>
    internal static class Vectors
    {
        public static void Run(string folder)
        {
            var files = Directory.GetFiles(folder, "*.json").OrderBy(name => name).ToList();
            foreach (var wanted in new[] { "good", "bad", "retry" })
            {
                var seen = files.Any(name => Path.GetFileNameWithoutExtension(name) == wanted);
                Program.Check($"{wanted}.json was replayed", seen);
            }
            foreach (var file in files)
            {
                foreach (var vector in (List<object>)Json.Read(File.ReadAllText(file)))
                {
                    Replay((Dictionary<string, object>)vector, "tickets", Ticketed);
                    Replay((Dictionary<string, object>)vector, "tasks", Awaited);
                }
            }
        }

        private static void Replay(
            Dictionary<string, object> vector, string flavour,
            Func<Server, ModelServiceClient, Dictionary<string, object>, object> call)
        {
            var name = $"{vector["name"]} ({flavour})";
            var expect = (Dictionary<string, object>)vector["expect"];
            var draws = vector.ContainsKey("random")
                ? ((List<object>)vector["random"]).Select(Convert.ToDouble) : null;
            var server = new Server((List<object>)vector["server"], draws);
            object found;
            try
            {
                found = call(server, server.Client(), (Dictionary<string, object>)vector["call"]);
            }
            catch (HotseatError error)
            {
                found = error;
            }
            if (expect.ContainsKey("raises")) Raised(name, found, (Dictionary<string, object>)expect["raises"]);
            else Returned(name, found, expect["returns"]);
            if (expect.ContainsKey("waits"))
            {
                Program.Same(name + " waits", Rounded(server.Waits), Rounded((List<object>)expect["waits"]));
            }
            if (expect.ContainsKey("requests")) Asked(name, server.Requests, (List<object>)expect["requests"]);
            Program.Same(name + " takes every answer", server.Answers.Count, 0);
        }

        private static object Ticketed(
            Server server, ModelServiceClient client, Dictionary<string, object> call)
        {
            var options = Options(call);
            switch ((string)call["method"])
            {
                case "predict": return Settled(server, client, client.Predict(call["input"], options));
                case "predict_many":
                    return Settled(server, client, client.PredictMany((IEnumerable)call["inputs"], options));
                case "explain": return Settled(server, client, client.Explain(call["input"], options));
                case "choose": return Settled(server, client, client.Choose(call["board"], options));
                case "generate":
                    return Settled(server, client, client.Generate((IDictionary)call["wishes"], options));
                case "models": return Settled(server, client, client.Models(options.Deadline));
                case "card": return Settled(server, client, client.Card((string)call["model"], options.Deadline));
                case "ready": return Settled(server, client, client.IsReady(options.Deadline));
                default: throw new NotSupportedException((string)call["method"]);
            }
        }

        private static object Settled<T>(Server server, ModelServiceClient client, Ticket<T> ticket)
        {
            server.Settle(client, ticket);
            return ticket.Result();
        }

        private static object Awaited(
            Server server, ModelServiceClient client, Dictionary<string, object> call)
        {
            var options = Options(call);
            switch ((string)call["method"])
            {
                case "predict": return Waited(client.PredictAsync(call["input"], options));
                case "predict_many":
                    return Waited(client.PredictManyAsync((IEnumerable)call["inputs"], options));
                case "explain": return Waited(client.ExplainAsync(call["input"], options));
                case "choose": return Waited(client.ChooseAsync(call["board"], options));
                case "generate": return Waited(client.GenerateAsync((IDictionary)call["wishes"], options));
                case "models": return Waited(client.ModelsAsync(options.Deadline));
                case "card": return Waited(client.CardAsync((string)call["model"], options.Deadline));
                case "ready": return Waited(client.IsReadyAsync(options.Deadline));
                default: throw new NotSupportedException((string)call["method"]);
            }
        }

        private static object Waited<T>(Task<T> task)
        {
            return task.GetAwaiter().GetResult();
        }

        private static CallOptions Options(Dictionary<string, object> call)
        {
            var options = new CallOptions();
            var fixtures = new[] { "method", "input", "inputs", "board", "wishes" };
            foreach (var pair in call.Where(pair => !fixtures.Contains(pair.Key)))
            {
                switch (pair.Key)
                {
                    case "model": options.Model = (string)pair.Value; break;
                    case "version": options.Version = pair.Value; break;
                    case "player_id": options.PlayerId = (string)pair.Value; break;
                    case "options": options.Options = (Dictionary<string, object>)pair.Value; break;
                    case "deadline": options.Deadline = Convert.ToDouble(pair.Value); break;
                    case "default": options.Default = pair.Value; break;
                    case "level": options.Level = (string)pair.Value; break;
                    case "temperature": options.Temperature = Convert.ToDouble(pair.Value); break;
                    case "seed": options.Seed = (long)pair.Value; break;
                    case "legal": options.Legal = (List<object>)pair.Value; break;
                    default: throw new NotSupportedException($"the vector's {pair.Key}");
                }
            }
            return options;
        }

        private static void Raised(string name, object found, Dictionary<string, object> wanted)
        {
            if (!(found is HotseatError)) Program.Check(name, false, "no error");
            else
            {
                foreach (var field in wanted)
                {
                    var holds = field.Key == "class" ? found.GetType().Name : Field(found, field.Key);
                    Program.Same($"{name} {field.Key}", holds, field.Value);
                }
            }
        }

        private static void Returned(string name, object found, object wanted)
        {
            if (found is HotseatError || !(wanted is List<object> || wanted is Dictionary<string, object>))
            {
                Program.Same(name, found, wanted);
            }
            else if (wanted is List<object> many)
            {
                var all = ((IEnumerable)found).Cast<object>().ToList();
                Program.Same(name + " count", all.Count, many.Count);
                for (var at = 0; at < all.Count; at++) Returned($"{name} [{at}]", all[at], many[at]);
            }
            else
            {
                foreach (var field in (Dictionary<string, object>)wanted)
                {
                    Program.Same($"{name} {field.Key}", Field(found, field.Key), field.Value);
                }
            }
        }

        private static void Asked(string name, List<Request> sent, List<object> wanted)
        {
            Program.Same(name + " requests", sent.Count, wanted.Count);
            Program.Check(name + " one idempotency key",
                sent.Select(one => Header(one, "idempotency-key")).Distinct().Count() <= 1);
            foreach (var pair in sent.Zip(wanted.Cast<Dictionary<string, object>>(), Tuple.Create))
            {
                var request = pair.Item1;
                if (pair.Item2.ContainsKey("path"))
                {
                    Program.Same(name + " URL", request.Url, "http://localhost:8080" + pair.Item2["path"]);
                    Program.Same(name + " method", request.Method, pair.Item2["method"]);
                    var body = request.Body == null ? null : Json.Read(Encoding.UTF8.GetString(request.Body));
                    Program.Same(name + " body", body, pair.Item2["body"]);
                }
                if (!pair.Item2.ContainsKey("headers")) continue;
                foreach (var header in (Dictionary<string, object>)pair.Item2["headers"])
                {
                    Program.Same($"{name} {header.Key}", Header(request, header.Key), header.Value);
                }
            }
        }

        private static string Header(Request request, string name)
        {
            return request.Headers.TryGetValue(name, out var value) ? value : null;
        }

        /// <summary>A field by its name on the wire: a property, or else in Raw.</summary>
        private static object Field(object found, string name)
        {
            var own = string.Concat(name.Split('_').Select(word => char.ToUpper(word[0]) + word.Substring(1)));
            var property = found.GetType().GetProperty(own);
            if (property != null) return property.GetValue(found);
            var raw = (IReadOnlyDictionary<string, object>)found.GetType().GetProperty("Raw").GetValue(found);
            return raw.TryGetValue(name, out var value) ? value : $"there is no {name}";
        }

        private static List<double> Rounded(IEnumerable waits)
        {
            return waits.Cast<object>().Select(wait => Math.Round(Convert.ToDouble(wait), 6)).ToList();
        }
    }
}
