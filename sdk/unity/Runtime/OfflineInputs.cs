using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Hotseat
{
    /// <summary>
    /// An input as JSON to the flat lists of a signature's inputs, with the service's
    /// errors and warnings.
    /// </summary>
    internal sealed class OfflineInputs
    {
        private const int Most = 20;
        private static readonly string[] Options = { "temperature", "seed", "level", "strict" };
        private readonly Dictionary<string, object> signature;
        private readonly List<Dictionary<string, object>> items;
        private readonly string pointer;
        private readonly bool strict;

        public OfflineInputs(Dictionary<string, object> signature, string pointer, bool strict)
        {
            this.signature = signature;
            this.pointer = pointer;
            this.strict = strict;
            items = ((List<object>)signature["inputs"]).Cast<Dictionary<string, object>>().ToList();
        }

        /// <summary>Possible mistakes: code, detail, pointer.</summary>
        public List<object> Warnings { get; } = new List<object>();

        /// <summary>The values by input; throws BadInputError.</summary>
        public Dictionary<string, object> Read(object given)
        {
            if (given is Dictionary<string, object> named) CheckNames(named);
            return items.ToDictionary(
                item => (string)item["name"],
                item => (string)item["form"] == "features" ? Features(item, given) : Tensor(item, given));
        }

        /// <summary>Warns of options that no model has.</summary>
        public void CheckOptions(IEnumerable<string> names)
        {
            foreach (var name in names.Except(Options))
            {
                Warn("unknown_field", $"unknown field {Quoted(name)} is ignored; the fields are {Listed(Options)}",
                    Inside("/options", name));
            }
        }

        public static BadInputError Bad(string detail, string pointer)
        {
            return new BadInputError(detail) { Status = 422, Code = "invalid_input", Pointer = pointer };
        }

        public static BadInputError Expected(string what, string at, object value)
        {
            return Bad($"expected {what} at {at}, got {TypeOf(value)}", at);
        }

        public static string TypeOf(object value)
        {
            if (value == null) return "null";
            if (value is bool flag) return flag ? "true" : "false";
            if (value is string text) return text == "" ? "an empty string" : "a string";
            if (value is List<object> list) return list.Count == 0 ? "an empty list" : $"a list of {list.Count}";
            if (value is Dictionary<string, object> entries) return entries.Count == 0 ? "an empty object" : "an object";
            return "a number";
        }

        public static string Listed(IEnumerable<string> names)
        {
            var all = names.ToList();
            var shown = string.Join(", ", all.Take(5).Select(Quoted));
            return all.Count > 5 ? $"{shown} and {all.Count - 5} more" : shown;
        }

        public static string Quoted(string name)
        {
            return $"'{(name.Length <= 80 ? name : name.Substring(0, 80) + "...")}'";
        }

        private static string Inside(string at, string name)
        {
            return name.Length > 80 ? at : $"{at}/{name.Replace("~", "~0").Replace("/", "~1")}";
        }

        public static bool IsNumber(object value)
        {
            return value is long || value is double;
        }

        public static object Of(Dictionary<string, object> item, string name)
        {
            return item.TryGetValue(name, out var value) ? value : null;
        }

        private static IEnumerable<Dictionary<string, object>> Fields(Dictionary<string, object> item)
        {
            return ((List<object>)Of(item, "fields") ?? new List<object>()).Cast<Dictionary<string, object>>();
        }

        private void CheckNames(Dictionary<string, object> given)
        {
            var known = items.SelectMany(item => (string)item["form"] == "features"
                ? Fields(item).Select(field => (string)field["name"]) : new[] { (string)item["name"] }).ToList();
            var outputs = ((List<object>)signature["outputs"]).Cast<Dictionary<string, object>>();
            if (outputs.Any(one => (string)one["name"] == "policy")) known.Add("legal");
            var unknown = given.Keys.Where(name => !known.Contains(name))
                .OrderBy(name => name, StringComparer.Ordinal).ToList();
            if (unknown.Count == given.Count && items.Any(item => (string)item["form"] == "features"))
            {
                if (unknown.Count == 0) Warn("all_defaults", "no field is given: each has its default", pointer);
                else
                {
                    throw Bad(
                        $"none of the given fields is known: got {Listed(unknown)}; the fields are {Listed(known)}",
                        Inside(pointer, unknown[0]));
                }
            }
            foreach (var name in unknown)
            {
                Warn("unknown_field", $"unknown field {Quoted(name)} is ignored; the fields are {Listed(known)}",
                    Inside(pointer, name));
            }
        }

        public void Warn(string code, string detail, string at)
        {
            if (strict) throw Bad($"{detail} (options.strict)", at);
            if (Warnings.Count >= Most) return;
            Warnings.Add(new Dictionary<string, object> { ["code"] = code, ["detail"] = detail, ["pointer"] = at });
        }

        private bool NonFinite => Of(signature, "non_finite") is bool allowed && allowed;

        private object Features(Dictionary<string, object> item, object given)
        {
            if (!(given is Dictionary<string, object> row)) throw Expected("an object", pointer, given);
            var values = new List<object>();
            foreach (var field in Fields(item))
            {
                var at = Inside(pointer, (string)field["name"]);
                values.Add(Feature(field, Of(row, (string)field["name"]), at));
            }
            var datatype = (string)item["datatype"];
            if (datatype == "BYTES")
            {
                return values.Select((value, at) => value as string
                    ?? throw Expected("a string", Inside(pointer, (string)Fields(item).ElementAt(at)["name"]), value)).ToArray();
            }
            return values.Select((value, at) => Element(
                value, datatype, Inside(pointer, (string)Fields(item).ElementAt(at)["name"]))).ToArray();
        }

        private object Feature(Dictionary<string, object> field, object value, string at)
        {
            var isCategory = (string)Of(field, "type") == "category";
            if (value == null)
            {
                value = Of(field, "default");
                if (value != null) return value is bool flag ? (flag ? 1L : 0L) : value;
                if (isCategory || !NonFinite)
                {
                    throw Bad($"expected a {(isCategory ? "string" : "number")} at {at}, got nothing", at);
                }
                return null;
            }
            if (isCategory) return Category(field, value, at);
            if (value is bool truth) value = truth ? 1L : 0L;
            if (!IsNumber(value)) throw Expected("a number", at, value);
            CheckBounds(field, value, at);
            if (Of(field, "observed") is List<object> observed && !Within(value, observed[0], observed[1]))
            {
                Warn("out_of_range",
                    $"{Number(value)} at {at} is outside what training saw: {Span(observed[0], observed[1])}", at);
            }
            return value;
        }

        private string Category(Dictionary<string, object> field, object value, string at)
        {
            var categories = ((List<object>)Of(field, "categories"))?.Cast<string>().ToList();
            var known = ((List<object>)Of(field, "known"))?.Cast<string>().ToList();
            var words = (categories ?? new List<string>()).Concat(known ?? new List<string>());
            if (value is long code && words.Any(word => long.TryParse(word, out _)))
            {
                value = code.ToString(CultureInfo.InvariantCulture); // a code stored as a number in a table
            }
            if (!(value is string text)) throw Expected("a string", at, value);
            if (categories != null && !categories.Contains(text))
            {
                throw Bad($"expected one of {Listed(categories)} at {at}, got {Quoted(text)}", at);
            }
            if (known != null && !known.Contains(text) && !text.Equals(Of(field, "default")))
            {
                Warn("unknown_category",
                    $"training did not know the category {Quoted(text)} at {at}, which counts as unknown", at);
            }
            return text;
        }

        private object Tensor(Dictionary<string, object> item, object given)
        {
            var name = (string)item["name"];
            var at = pointer;
            if (given is Dictionary<string, object> row)
            {
                at = Inside(pointer, name);
                if (!row.ContainsKey(name) && Of(item, "default") == null)
                {
                    var got = row.Count == 0
                        ? "no field" : Listed(row.Keys.OrderBy(key => key, StringComparer.Ordinal));
                    throw Bad($"expected {Quoted(name)} at {pointer}, got {got}", at);
                }
                given = Of(row, name);
            }
            else if (items.Count > 1) throw Expected("an object", pointer, given);
            var shape = ((List<object>)item["shape"]).Skip(1).Select(Convert.ToInt32).ToArray();
            if (given == null && Of(item, "default") is object usual)
            {
                var count = shape.Aggregate(1, (whole, length) => whole * length);
                return Enumerable.Repeat(Convert.ToDouble(usual), count).ToArray();
            }
            var found = new List<object>();
            Flatten(item, given, shape, 0, at, found);
            return (string)item["datatype"] == "BYTES"
                ? (object)found.Cast<string>().ToArray() : found.Cast<double>().ToArray();
        }

        private void Flatten(
            Dictionary<string, object> item, object value, int[] shape, int depth, string at, List<object> found)
        {
            if (depth < shape.Length)
            {
                if (!(value is List<object> list) || list.Count != shape[depth])
                {
                    throw Expected($"a list of {shape[depth]}", at, value);
                }
                for (var n = 0; n < list.Count; n++) Flatten(item, list[n], shape, depth + 1, $"{at}/{n}", found);
                return;
            }
            if ((string)item["datatype"] == "BYTES")
            {
                found.Add(value as string ?? throw Expected("a string", at, value));
                return;
            }
            var number = Element(value, (string)item["datatype"], at);
            if (value != null && !(value is bool)) CheckBounds(item, value, at);
            found.Add(number);
        }

        /// <summary>A number as its datatype holds it; null is NaN.</summary>
        private double Element(object value, string datatype, string at)
        {
            if (datatype == "BOOL")
            {
                if (value is bool truth) return truth ? 1 : 0;
                var bit = IsNumber(value) ? Convert.ToDouble(value) : -1;
                return bit == 0 || bit == 1 ? bit : throw Expected("true or false", at, value);
            }
            var isFloat = datatype.StartsWith("FP", StringComparison.Ordinal);
            if (value == null && NonFinite && isFloat) return double.NaN;
            if (!IsNumber(value)) throw Expected(isFloat ? "a number" : "a whole number", at, value);
            var number = Convert.ToDouble(value);
            if (!isFloat)
            {
                if (Math.Floor(number) != number) throw Bad($"expected a whole number at {at}, got {Number(value)}", at);
                var bits = int.Parse(new string(datatype.Where(char.IsDigit).ToArray()), CultureInfo.InvariantCulture);
                var isSigned = datatype[0] == 'I';
                double low = isSigned ? -Math.Pow(2, bits - 1) : 0, high = Math.Pow(2, isSigned ? bits - 1 : bits) - 1;
                if (number < low || number > high)
                {
                    throw Bad($"{Number(value)} at {at} does not fit {datatype} ({low:0} to {high:0})", at);
                }
                return number;
            }
            var held = datatype == "FP32" ? (float)number : number;
            if (!NonFinite && double.IsInfinity(held)) throw Bad($"{Number(value)} at {at} does not fit {datatype}", at);
            return held;
        }

        private static void CheckBounds(Dictionary<string, object> item, object value, string at)
        {
            object low = Of(item, "minimum"), high = Of(item, "maximum");
            if (!Within(value, low, high)) throw Bad($"expected a number {Span(low, high)} at {at}, got {Number(value)}", at);
        }

        private static bool Within(object value, object low, object high)
        {
            var number = Convert.ToDouble(value);
            return !(low != null && number < Convert.ToDouble(low) || high != null && number > Convert.ToDouble(high));
        }

        private static string Span(object low, object high)
        {
            if (low == null) return $"of at most {Number(high)}";
            return high == null ? $"of at least {Number(low)}" : $"from {Number(low)} to {Number(high)}";
        }

        public static string Number(object value)
        {
            return Convert.ToString(value, CultureInfo.InvariantCulture);
        }
    }
}
