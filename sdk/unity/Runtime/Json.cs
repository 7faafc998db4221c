using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Hotseat
{
    /// <summary>
    /// Reads and writes JSON, which netstandard2.0 lacks. Objects are
    /// <c>Dictionary&lt;string, object&gt;</c>, arrays <c>List&lt;object&gt;</c>, numbers
    /// <c>long</c> where they are whole and fit, else <c>double</c>.
    /// </summary>
    internal static class Json
    {
        private const int Deepest = 128;
        private static readonly CultureInfo Plain = CultureInfo.InvariantCulture;

        /// <summary>The JSON text of a value; throws ConfigError if it has none.</summary>
        public static string Write(object value)
        {
            var text = new StringBuilder();
            Write(text, value, 0);
            return text.ToString();
        }

        /// <summary>The value of a text; throws FormatException.</summary>
        public static object Read(string text)
        {
            return new JsonReader(text, Deepest).Whole();
        }

        private static void Write(StringBuilder text, object value, int depth)
        {
            if (depth > Deepest) throw Wrong("it is nested too deep");
            if (value == null) text.Append("null");
            else if (value is bool flag) text.Append(flag ? "true" : "false");
            else if (value is string words) Quote(text, words);
            else if (value is double wide) text.Append(Number(wide));
            else if (value is float narrow) text.Append(Number(narrow));
            else if (IsExact(value)) text.Append(((IFormattable)value).ToString(null, Plain));
            else if (value is Written written) text.Append(written.Text);
            else if (value is DateTime || value is DateTimeOffset)
            {
                Quote(text, ((IFormattable)value).ToString("o", Plain));
            }
            else if (value is Guid || value is char) Quote(text, value.ToString());
            else if (value is Enum) Write(text, Convert.ToInt64(value, Plain), depth);
            else if (value is IDictionary entries) Entries(text, entries, depth);
            else if (value is Array grid && grid.Rank > 1) Grid(text, grid, new int[0], depth);
            else if (value is IEnumerable items) Items(text, items, depth);
            else if (!Members(text, value, depth))
            {
                throw Wrong(
                    $"a value of type {value.GetType().Name} (use text, numbers, lists, "
                    + "dictionaries or objects with public fields)");
            }
        }

        /// <summary>A plain object by its public fields and properties, such as new { level = 3 }.</summary>
        private static bool Members(StringBuilder text, object value, int depth)
        {
            var type = value.GetType();
            if (value is Delegate || value is Type || value is System.IO.Stream) return false;
            var members = new Dictionary<string, object>();
            foreach (var field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
            {
                members[field.Name] = field.GetValue(value);
            }
            foreach (var one in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            {
                if (!one.CanRead || one.GetIndexParameters().Length > 0) continue;
                members[one.Name] = one.GetValue(value, null);
            }
            if (members.Count == 0) return false;
            Entries(text, members, depth);
            return true;
        }

        /// <summary>A value already written as JSON.</summary>
        public sealed class Written
        {
            public readonly string Text;

            public Written(string text)
            {
                Text = text;
            }
        }

        private static bool IsExact(object value)
        {
            return value is int || value is long || value is byte || value is short
                || value is sbyte || value is ushort || value is uint || value is ulong
                || value is decimal;
        }

        private static void Entries(StringBuilder text, IDictionary entries, int depth)
        {
            var first = true;
            text.Append('{');
            foreach (DictionaryEntry entry in entries)
            {
                if (!first) text.Append(',');
                first = false;
                Quote(text, Convert.ToString(entry.Key, Plain));
                text.Append(':');
                Write(text, entry.Value, depth + 1);
            }
            text.Append('}');
        }

        private static void Items(StringBuilder text, IEnumerable items, int depth)
        {
            var first = true;
            text.Append('[');
            foreach (var item in items)
            {
                if (!first) text.Append(',');
                first = false;
                Write(text, item, depth + 1);
            }
            text.Append(']');
        }

        /// <summary>An int[,], such as a board: its rows become arrays.</summary>
        private static void Grid(StringBuilder text, Array grid, int[] at, int depth)
        {
            if (at.Length == grid.Rank)
            {
                Write(text, grid.GetValue(at), depth);
                return;
            }
            text.Append('[');
            var next = new int[at.Length + 1];
            at.CopyTo(next, 0);
            for (var i = 0; i < grid.GetLength(at.Length); i++)
            {
                if (i > 0) text.Append(',');
                next[at.Length] = i;
                Grid(text, grid, next, depth + 1);
            }
            text.Append(']');
        }

        private static string Number(double number)
        {
            Check(number);
            // the shortest text that parses to the same number: "R" alone does not guarantee it
            var text = number.ToString("R", Plain);
            return double.Parse(text, Plain).Equals(number) ? text : number.ToString("G17", Plain);
        }

        private static string Number(float number)
        {
            Check(number); // and not as a double: 0.1f is 0.1
            var text = number.ToString("R", Plain);
            return float.Parse(text, Plain).Equals(number) ? text : number.ToString("G9", Plain);
        }

        private static void Check(double number)
        {
            if (double.IsNaN(number) || double.IsInfinity(number)) throw Wrong("NaN or infinity");
        }

        private static void Quote(StringBuilder text, string words)
        {
            text.Append('"');
            for (var at = 0; at < words.Length; at++)
            {
                var letter = words[at];
                if (letter == '"' || letter == '\\') text.Append('\\').Append(letter);
                else if (letter < ' ') text.Append("\\u").Append(((int)letter).ToString("x4", Plain));
                else if (!char.IsSurrogate(letter)) text.Append(letter);
                else if (at + 1 < words.Length && char.IsSurrogatePair(letter, words[at + 1]))
                {
                    text.Append(letter).Append(words[++at]);
                }
                else
                {
                    throw new BadInputError(
                        "the text has half of a surrogate pair, which is no character: cut "
                        + "texts between characters")
                    { Code = "text_not_unicode" };
                }
            }
            text.Append('"');
        }

        private static ConfigError Wrong(string why)
        {
            return new ConfigError($"the input is not JSON: {why}");
        }
    }
}
