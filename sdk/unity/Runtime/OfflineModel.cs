using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

namespace Hotseat
{
    /// <summary>
    /// A version in the game's own files, which answers when the service is away: a file of
    /// <c>hotseat model export NAME@N --to portable</c>. Linear models, trees and small
    /// dense networks.
    /// </summary>
    public sealed class OfflineModel
    {
        private const long Format = 1;
        private readonly Dictionary<string, object> signature;
        private readonly OfflineSteps steps;
        private readonly string[] labels;

        public string Model { get; }
        public int Version { get; }
        public string Variant { get; }
        public string Kind { get; }

        /// <summary>
        /// Reads a file and checks its golden rows, and its digest if one is given. Throws
        /// ConfigError.
        /// </summary>
        internal OfflineModel(string json, string sha256)
        {
            if (sha256 != null && !string.Equals(sha256, Digest(json), StringComparison.OrdinalIgnoreCase))
            {
                throw new ConfigError("the offline model's content does not match its SHA-256: export it again");
            }
            try
            {
                var file = (Dictionary<string, object>)Json.Read(json);
                if ((long)file["format"] > Format)
                {
                    throw new ConfigError("the offline model has a newer format: update this SDK");
                }
                signature = (Dictionary<string, object>)file["signature"];
                Model = (string)file["model"];
                Version = (int)(long)file["version"];
                Variant = (string)file["variant"];
                Kind = (string)file["kind"];
                steps = new OfflineSteps(file);
                labels = ((List<object>)signature["labels"]).Cast<string>().ToArray();
                Check((Dictionary<string, object>)file["check"]);
            }
            catch (Exception error) when (error is FormatException || error is InvalidCastException
                || error is KeyNotFoundException || error is NullReferenceException
                || error is ArgumentException || error is IndexOutOfRangeException || error is OverflowException)
            {
                throw new ConfigError(
                    $"the offline model is no file of hotseat model export --to portable: {error.Message}");
            }
        }

        /// <summary>An answer as the service's JSON; null if only the service has one.</summary>
        internal Dictionary<string, object> Answer(
            object given, string pointer, IDictionary<string, object> options, Func<double> random)
        {
            var isStrict = options.TryGetValue("strict", out var strict) && strict is bool word && word;
            var inputs = new OfflineInputs(signature, pointer, isStrict);
            inputs.CheckOptions(options.Keys);
            var heat = Kind == "policy" ? Temperature(options) : 0;
            if (heat > 0 && options.ContainsKey("seed")) return null; // the service repeats its own draws
            Dictionary<string, double[]> found;
            try
            {
                found = steps.Run(inputs.Read(given));
            }
            catch (NotSupportedException)
            {
                return null; // the graph fails too
            }
            if (found.Values.Any(list => list.Any(x => double.IsNaN(x) || double.IsInfinity(x)))) return null;
            var answer = Kind == "policy" ? Policy(found, given, pointer, heat, random) : Plain(found);
            if (inputs.Warnings.Count > 0) answer["warnings"] = inputs.Warnings;
            answer["model"] = Model;
            answer["version"] = (long)Version;
            answer["variant"] = Variant;
            return answer;
        }

        private Dictionary<string, object> Plain(Dictionary<string, double[]> outputs)
        {
            if (Kind == "regression")
            {
                var value = outputs["value"];
                return Fields("value", value.Length == 1 ? (object)value[0] : value.Cast<object>().ToList());
            }
            var scores = outputs["scores"];
            var answer = Fields("scores", Named(scores));
            if (Kind == "multilabel")
            {
                var least = Number("threshold", 0.5);
                answer["labels"] = labels.Where((_, at) => scores[at] >= least).Cast<object>().ToList();
                return answer;
            }
            var best = Array.IndexOf(scores, scores.Max());
            if (OfflineInputs.Of(signature, "label_threshold") != null && scores.Length == 2)
            {
                best = scores[1] >= Number("label_threshold", 0.5) ? 1 : 0;
            }
            answer["label"] = labels[best];
            answer["probability"] = scores[best];
            return answer;
        }

        private Dictionary<string, object> Policy(
            Dictionary<string, double[]> outputs, object given, string pointer, double heat, Func<double> random)
        {
            var chances = outputs["policy"];
            if (outputs.TryGetValue("legal", out var mask)) chances = chances.Select((p, at) => mask[at] > 0 ? p : 0).ToArray();
            var names = labels.Length > 0 ? labels : chances.Select((_, at) => OfflineInputs.Number(at)).ToArray();
            var allowed = given is Dictionary<string, object> row ? OfflineInputs.Of(row, "legal") : null;
            var isLegal = allowed == null ? chances.Select(p => p > 0).ToArray() : Listed(allowed, names, pointer + "/legal");
            var legal = chances.Select((p, at) => isLegal[at] ? p : 0).ToArray();
            if (!(legal.Sum() > 0)) legal = isLegal.Select(may => may ? 1.0 : 0).ToArray();
            var total = legal.Sum();
            if (total == 0) throw OfflineInputs.Bad("no action is legal here", pointer);
            legal = legal.Select(p => p / total).ToArray();
            var place = heat > 0 ? Drawn(legal, heat, random()) : Array.IndexOf(legal, legal.Max());
            var answer = Fields("action", names[place]);
            answer["probability"] = legal[place];
            answer["actions"] = names.Select((name, at) => new { name, p = legal[at] }).Where(one => one.p != 0)
                .ToDictionary(one => one.name, one => (object)one.p);
            if (outputs.TryGetValue("value", out var value)) answer["value"] = value[0];
            return answer;
        }

        private static bool[] Listed(object given, string[] names, string at)
        {
            if (!(given is List<object> actions)) throw OfflineInputs.Expected("a list of actions", at, given);
            var mask = new bool[names.Length];
            for (var n = 0; n < actions.Count; n++)
            {
                var name = actions[n] is long number ? OfflineInputs.Number(number) : actions[n] as string;
                var place = Array.IndexOf(names, name);
                if (place < 0)
                {
                    var got = name == null ? OfflineInputs.TypeOf(actions[n]) : OfflineInputs.Quoted(name);
                    throw OfflineInputs.Bad($"expected one of the actions at {at}/{n}, got {got}", $"{at}/{n}");
                }
                mask[place] = true;
            }
            return mask;
        }

        private static int Drawn(double[] legal, double heat, double draw)
        {
            var logits = legal.Select(p => Math.Log(p) / heat).ToArray();
            var most = logits.Max();
            var weights = logits.Select(one => Math.Exp(one - most)).ToArray();
            var left = draw * weights.Sum();
            for (var at = 0; at < weights.Length; at++)
            {
                if (weights[at] > 0 && left < weights[at]) return at;
                left -= weights[at];
            }
            return Array.IndexOf(legal, legal.Max());
        }

        private double Temperature(IDictionary<string, object> options)
        {
            options.TryGetValue("temperature", out var heat);
            if (options.TryGetValue("level", out var level) && level != null)
            {
                var levels = OfflineInputs.Of(signature, "levels") as Dictionary<string, object>
                    ?? new Dictionary<string, object>();
                var name = level as string ?? throw OfflineInputs.Expected("a string", "/options/level", level);
                if (!levels.TryGetValue(name, out var chosen))
                {
                    var known = levels.Count > 0
                        ? $"the levels are {OfflineInputs.Listed(levels.Keys)}" : "the model has none";
                    throw OfflineInputs.Bad($"no level {OfflineInputs.Quoted(name)}; {known}", "/options/level");
                }
                heat = heat ?? OfflineInputs.Of((Dictionary<string, object>)chosen, "temperature");
            }
            var number = heat == null || OfflineInputs.IsNumber(heat) ? Convert.ToDouble(heat) : -1;
            if (number >= 0 && number <= 100) return number;
            throw OfflineInputs.Bad(
                $"expected a number from 0 to 100 at /options/temperature, got {OfflineInputs.Number(heat)}",
                "/options/temperature");
        }

        /// <summary>The golden rows of the version: the same answers here, or ConfigError.</summary>
        private void Check(Dictionary<string, object> check)
        {
            var tolerance = Convert.ToDouble(check["tolerance"]);
            foreach (Dictionary<string, object> row in (List<object>)check["rows"])
            {
                var options = OfflineInputs.Of(row, "options") as Dictionary<string, object>
                    ?? new Dictionary<string, object>();
                Dictionary<string, object> got;
                try
                {
                    got = Answer(row["input"], "/input", options, () => 0.5);
                }
                catch (StatusError error)
                {
                    throw new ConfigError($"{Model}@{Version} refuses a golden row: {error.Message}");
                }
                var off = got == null ? 0 : Apart(got, row["expected"]);
                if (!(off <= tolerance))
                {
                    throw new ConfigError(
                        $"{Model}@{Version}: the answer to a golden row is off by {off:g3} (at most {tolerance:g3})");
                }
            }
        }

        private static double Apart(object got, object want)
        {
            if (want is Dictionary<string, object> fields)
            {
                return fields.Max(pair => Apart(OfflineInputs.Of((Dictionary<string, object>)got, pair.Key), pair.Value));
            }
            if (want is List<object> items)
            {
                var own = got as List<object>;
                if (own == null || own.Count != items.Count) return double.PositiveInfinity;
                return items.Count == 0 ? 0 : items.Zip(own, (w, g) => Apart(g, w)).Max();
            }
            if (OfflineInputs.IsNumber(want) && OfflineInputs.IsNumber(got))
            {
                return Math.Abs(Convert.ToDouble(got) - Convert.ToDouble(want));
            }
            return want is string || Equals(got, want) ? 0 : double.PositiveInfinity; // a label may tie
        }

        private Dictionary<string, object> Named(double[] values)
        {
            return labels.Zip(values, (name, value) => new { name, value })
                .ToDictionary(one => one.name, one => (object)one.value);
        }

        private static Dictionary<string, object> Fields(string name, object value)
        {
            return new Dictionary<string, object> { [name] = value };
        }

        private double Number(string name, double usual)
        {
            var value = OfflineInputs.Of(signature, name);
            return value == null ? usual : Convert.ToDouble(value);
        }

        private static string Digest(string text)
        {
            using (var sha = SHA256.Create())
            {
                return string.Concat(sha.ComputeHash(Encoding.UTF8.GetBytes(text)).Select(part => part.ToString("x2")));
            }
        }
    }

    /// <summary>The offline models of a client, by name.</summary>
    internal sealed class OfflineModels
    {
        private readonly Func<double> random;
        private readonly Dictionary<string, OfflineModel> models = new Dictionary<string, OfflineModel>();

        public OfflineModels(Func<double> random)
        {
            this.random = random;
        }

        public OfflineModel Use(string json, string sha256)
        {
            var model = new OfflineModel(json, sha256);
            lock (models) models[model.Model] = model;
            return model;
        }

        /// <summary>
        /// The predictions of the device if the service is away, else null. Throws StatusError
        /// for an input that the service would refuse.
        /// </summary>
        public IReadOnlyList<Prediction> Instead(
            HotseatError error, IReadOnlyList<object> inputs, bool many, CallOptions options, double latency)
        {
            if (!error.IsAway || options.Model == null) return null;
            OfflineModel model;
            lock (models) models.TryGetValue(options.Model, out model);
            var wanted = Convert.ToString(options.Version, System.Globalization.CultureInfo.InvariantCulture);
            if (model == null || wanted != "" && wanted != "live" && wanted != OfflineInputs.Number(model.Version)) return null;
            var chosen = (Dictionary<string, object>)Json.Read(Json.Write(options.Chosen()));
            var found = new List<Prediction>();
            for (var at = 0; at < inputs.Count; at++)
            {
                var given = Json.Read(Json.Write(inputs[at]));
                var answer = model.Answer(given, many ? $"/inputs/{at}" : "/input", chosen, random);
                if (answer == null) return null;
                var prediction = Hotseat.Answer.Prediction(answer, latency);
                prediction.Source = "offline";
                found.Add(prediction);
            }
            return found;
        }
    }
}
