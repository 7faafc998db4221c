using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat
{
    /// <summary>
    /// The steps of a portable file (docs/reference/portable.md). Values are flat lists,
    /// double[] or string[], of one row. Numbers of FP32 are rounded as the graph does.
    /// </summary>
    internal sealed class OfflineSteps
    {
        private readonly List<Step> steps = new List<Step>();
        private readonly Dictionary<string, object> constants = new Dictionary<string, object>();
        private readonly Dictionary<string, object> outputs;

        /// <summary>Throws ConfigError for a step that this SDK does not know.</summary>
        public OfflineSteps(Dictionary<string, object> file)
        {
            foreach (var pair in (Dictionary<string, object>)file["constants"])
            {
                constants[pair.Key] = Values(pair.Value, true);
            }
            foreach (Dictionary<string, object> node in (List<object>)file["nodes"]) steps.Add(new Step(node));
            outputs = (Dictionary<string, object>)file["outputs"];
        }

        /// <summary>The outputs by role; throws NotSupportedException where the graph fails.</summary>
        public Dictionary<string, double[]> Run(Dictionary<string, object> inputs)
        {
            var values = new Dictionary<string, object>(constants);
            foreach (var pair in inputs) values[pair.Key] = pair.Value;
            foreach (var step in steps) values[step.Out] = step.Run(step.In.Select(name => values[name]).ToArray());
            return outputs.ToDictionary(pair => pair.Key, pair => (double[])values[(string)pair.Value]);
        }

        /// <summary>The elements of a list in JSON; null is NaN.</summary>
        public static object Values(object list, bool single)
        {
            var items = (List<object>)list;
            if (items.Any(item => item is string)) return items.Cast<string>().ToArray();
            return items.Select(item => Number(item, single)).ToArray();
        }

        private static double Number(object item, bool single)
        {
            var number = item == null ? double.NaN : Convert.ToDouble(item);
            return single ? (float)number : number;
        }

        private sealed class Step
        {
            public readonly string[] In;
            public readonly string Out;
            private readonly Func<object[], object> run;
            private readonly bool single;
            private readonly Dictionary<string, object> node;

            public Step(Dictionary<string, object> node)
            {
                this.node = node;
                In = ((List<object>)node["in"]).Cast<string>().ToArray();
                Out = (string)node["out"];
                single = node.ContainsKey("single");
                run = Chosen((string)node["op"]);
            }

            public object Run(object[] given)
            {
                var found = run(given);
                if (single && found is double[] numbers)
                {
                    for (var at = 0; at < numbers.Length; at++) numbers[at] = (float)numbers[at];
                }
                return found;
            }

            private Func<object[], object> Chosen(string op)
            {
                switch (op)
                {
                    case "add": return Two((a, b) => a + b);
                    case "sub": return Two((a, b) => a - b);
                    case "mul": return Two((a, b) => a * b);
                    case "div": return Two((a, b) => a / b);
                    case "greater": return Two((a, b) => a > b ? 1 : 0);
                    case "less": return Two((a, b) => a < b ? 1 : 0);
                    case "equal": return Two((a, b) => a == b ? 1 : 0);
                    case "copy": return Each(x => x);
                    case "neg": return Each(x => -x);
                    case "abs": return Each(Math.Abs);
                    case "exp": return Each(Math.Exp);
                    case "log": return Each(Math.Log);
                    case "sqrt": return Each(Math.Sqrt);
                    case "tanh": return Each(Math.Tanh);
                    case "trunc": return Each(Math.Truncate);
                    case "relu": return Each(x => x < 0 ? 0 : x);
                    case "sigmoid": return Each(x => 1 / (1 + Math.Exp(-x)));
                    case "not": return Each(x => x == 0 ? 1 : 0);
                    case "isnan": return Each(x => double.IsNaN(x) ? 1 : 0);
                    case "clip":
                        var low = node["low"] == null ? double.NegativeInfinity : Number(node["low"], false);
                        var high = node["high"] == null ? double.PositiveInfinity : Number(node["high"], false);
                        return Each(x => x < low ? low : x > high ? high : x);
                    case "where": return Where;
                    case "gather":
                        var index = Whole("index");
                        return given => given[0] is string[] texts
                            ? (object)index.Select(at => texts[at]).ToArray()
                            : index.Select(at => ((double[])given[0])[at]).ToArray();
                    case "concat":
                        return given => given[0] is string[]
                            ? (object)given.SelectMany(one => (string[])one).ToArray()
                            : given.SelectMany(one => (double[])one).ToArray();
                    case "pair":
                        return given => new[] { 1 - ((double[])given[0])[0], ((double[])given[0])[0] };
                    case "matmul": return Product;
                    case "softmax": return Groups(Softmax);
                    case "sum": return Groups(group => new[] { group.Sum() });
                    case "mean": return Groups(group => new[] { group.Sum() / group.Length });
                    case "max": return Groups(group => new[] { group.Max() });
                    case "argmax": return Groups(group => new double[] { Array.IndexOf(group, group.Max()) });
                    case "norm": return Groups(Norm);
                    case "lookup": return Lookup();
                    case "onehot": return OneHot();
                    case "trees": return Trees();
                    default:
                        throw new ConfigError(
                            $"the file has the step '{op}', which this SDK does not know: update it");
                }
            }

            private int[] Whole(string name)
            {
                return ((List<object>)node[name]).Select(Convert.ToInt32).ToArray();
            }

            private static Func<object[], object> Each(Func<double, double> of)
            {
                return given => ((double[])given[0]).Select(of).ToArray();
            }

            private static Func<object[], object> Two(Func<double, double, double> of)
            {
                return given =>
                {
                    double[] left = (double[])given[0], right = (double[])given[1];
                    var found = new double[Math.Max(left.Length, right.Length)];
                    for (var at = 0; at < found.Length; at++)
                    {
                        found[at] = of(left[at % left.Length], right[at % right.Length]);
                    }
                    return found;
                };
            }

            private static object Where(object[] given)
            {
                var all = given.Cast<double[]>().ToArray();
                var found = new double[all.Max(one => one.Length)];
                for (var at = 0; at < found.Length; at++)
                {
                    var chosen = all[all[0][at % all[0].Length] != 0 ? 1 : 2];
                    found[at] = chosen[at % chosen.Length];
                }
                return found;
            }

            /// <summary>Rows of the first operand by the second, a matrix [rows, size].</summary>
            private object Product(object[] given)
            {
                double[] left = (double[])given[0], right = (double[])given[1];
                var size = Convert.ToInt32(node["size"]);
                var inner = right.Length / size;
                var found = new double[left.Length / inner * size];
                for (var at = 0; at < left.Length; at++)
                {
                    if (left[at] == 0) continue;
                    int to = at / inner * size, from = at % inner * size;
                    for (var column = 0; column < size; column++) found[to + column] += left[at] * right[from + column];
                }
                return found;
            }

            private Func<object[], object> Groups(Func<double[], double[]> of)
            {
                var size = Convert.ToInt32(node["size"]);
                return given =>
                {
                    var all = (double[])given[0];
                    var found = new List<double>();
                    for (var at = 0; at < all.Length; at += size) found.AddRange(of(all.Skip(at).Take(size).ToArray()));
                    return found.ToArray();
                };
            }

            private static double[] Softmax(double[] group)
            {
                var most = group.Max();
                var powers = group.Select(x => Math.Exp(x - most)).ToArray();
                var sum = powers.Sum();
                return powers.Select(x => x / sum).ToArray();
            }

            private double[] Norm(double[] group)
            {
                var norm = (string)node["norm"];
                var length = norm == "l2" ? Math.Sqrt(group.Sum(x => x * x))
                    : norm == "l1" ? group.Sum(x => Math.Abs(x)) : group.Max();
                return length == 0 ? group.ToArray() : group.Select(x => x / length).ToArray();
            }

            private Func<object[], object> Lookup()
            {
                object keys = Values(node["keys"], false), values = Values(node["values"], false);
                var places = Places(keys);
                var @default = node["default"];
                if (values is string[] texts)
                {
                    return given => Keys(given[0])
                        .Select(key => places.TryGetValue(key, out var at) ? texts[at] : (string)@default).ToArray();
                }
                var numbers = (double[])values;
                var usual = Number(@default, false);
                return given => Keys(given[0])
                    .Select(key => places.TryGetValue(key, out var at) ? numbers[at] : usual).ToArray();
            }

            private Func<object[], object> OneHot()
            {
                var places = Places(Values(node["keys"], false));
                return given =>
                {
                    var keys = Keys(given[0]).ToArray();
                    var found = new double[keys.Length * places.Count];
                    for (var at = 0; at < keys.Length; at++)
                    {
                        if (places.TryGetValue(keys[at], out var place)) found[at * places.Count + place] = 1;
                        else if (node.ContainsKey("closed")) throw new NotSupportedException("an unknown value");
                    }
                    return found;
                };
            }

            private static Dictionary<object, int> Places(object keys)
            {
                var found = new Dictionary<object, int>();
                foreach (var key in Keys(keys)) found[key] = found.Count;
                return found;
            }

            private static IEnumerable<object> Keys(object values)
            {
                return ((Array)values).Cast<object>();
            }

            private Func<object[], object> Trees()
            {
                int[] roots = Whole("roots"), mode = Whole("mode"), feature = Whole("feature");
                int[] yes = Whole("yes"), no = Whole("no"), missing = Whole("missing"), target = Whole("target");
                double[] value = (double[])Values(node["value"], true), weight = Weights();
                var start = (double[])Values(node["base"], true);
                var share = Number(node["share"], false);
                return given =>
                {
                    var row = (double[])given[0];
                    var sums = new double[start.Length];
                    foreach (var root in roots)
                    {
                        var at = root;
                        while (mode[at] >= 0)
                        {
                            var x = row[feature[at]];
                            at = Goes(mode[at], x, value[at]) || missing[at] != 0 && double.IsNaN(x) ? yes[at] : no[at];
                        }
                        for (var leaf = feature[at]; leaf < feature[at] + yes[at]; leaf++) sums[target[leaf]] += weight[leaf];
                    }
                    return sums.Select((sum, at) => sum * share + start[at]).ToArray();
                };
            }

            private double[] Weights()
            {
                return ((List<object>)node["weight"]).Select(item => Number(item, true)).ToArray();
            }

            private static bool Goes(int mode, double x, double value)
            {
                switch (mode)
                {
                    case 0: return x <= value;
                    case 1: return x < value;
                    case 2: return x >= value;
                    case 3: return x > value;
                    case 4: return x == value;
                    default: return x != value;
                }
            }
        }
    }
}
