using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat.Tests
{
    /// <summary>JSON, by properties over drawn values and by what RFC 8259 refuses.</summary>
    internal static class JsonRules
    {
        public static void What_is_written_comes_back()
        {
            var chance = new Random(7);
            for (var round = 0; round < 2000; round++)
            {
                var value = Drawn(chance, 4);
                Program.Check("round trip", Alike(Json.Read(Json.Write(value)), value), Json.Write(value));
            }
        }

        public static void Numbers_keep_every_bit()
        {
            var chance = new Random(11);
            for (var round = 0; round < 5000; round++)
            {
                var number = BitConverter.Int64BitsToDouble(
                    ((long)chance.Next() << 33) ^ ((long)chance.Next() << 11) ^ chance.Next());
                if (double.IsNaN(number) || double.IsInfinity(number)) continue;
                var again = Convert.ToDouble(Json.Read(Json.Write(number)));
                Program.Check("a double", again.Equals(number) || number == 0, number.ToString("G17"));
            }
            foreach (var number in new[] { long.MinValue, long.MaxValue, 0, -1, 1L << 53 })
            {
                Program.Check("a long", Json.Read(Json.Write(number)).Equals(number), number);
            }
            Program.Check("a float is not widened", Json.Write(0.1f) == "0.1", Json.Write(0.1f));
        }

        public static void Numbers_are_written_without_a_countrys_comma()
        {
            var before = System.Threading.Thread.CurrentThread.CurrentCulture;
            var comma = (System.Globalization.CultureInfo)before.Clone();
            comma.NumberFormat = (System.Globalization.NumberFormatInfo)before.NumberFormat.Clone();
            comma.NumberFormat.NumberDecimalSeparator = ",";
            System.Threading.Thread.CurrentThread.CurrentCulture = comma;
            try
            {
                Program.Check("a double", Json.Write(1.5) == "1.5", Json.Write(1.5));
                Program.Check("read", Json.Read("1.5").Equals(1.5));
                Program.Check("a decimal", Json.Write(1.5m) == "1.5", Json.Write(1.5m));
            }
            finally
            {
                System.Threading.Thread.CurrentThread.CurrentCulture = before;
            }
        }

        public static void A_board_may_be_a_grid()
        {
            Program.Check("int[,]", Json.Write(new[,] { { 1, 2 }, { 3, 4 } }) == "[[1,2],[3,4]]");
            Program.Check("int[][]", Json.Write(new[] { new[] { 1 }, new int[0] }) == "[[1],[]]");
        }

        public static void What_is_no_JSON_is_refused()
        {
            var deep = string.Concat(Enumerable.Repeat("[", 100000));
            foreach (var text in new[]
            {
                "", " ", "[", "{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "\"a", "\"\n\"", "\"\\x\"",
                "\"\\u12\"", "01", "+1", "1.", ".5", "1e", "-", "nul", "nulL", "True", "1 2", "[1}",
                "NaN", "Infinity", "1e999", "{\"a\" 1}", "//", "\0", "[\0]", deep,
                deep.Replace("[", "{\"a\":"),
            })
            {
                try
                {
                    Json.Read(text);
                    Program.Check("no JSON", false, text);
                }
                catch (FormatException)
                {
                    Program.Check("no JSON", true);
                }
            }
        }

        public static void What_JSON_cannot_hold_is_refused()
        {
            object deep = 1;
            for (var level = 0; level < 100000; level++) deep = new[] { deep };
            foreach (var value in new[]
            {
                double.NaN, float.NegativeInfinity, new object(), deep, new Action(() => { }),
            })
            {
                Program.Fails("no JSON", "ConfigError", () => Json.Write(value));
            }
            // what a player typed, which a default replaces
            foreach (var text in new[] { "\ud800", "a\udc00" })
            {
                Program.Fails("half a character", "BadInputError", () => Json.Write(text));
            }
        }

        private enum Cell { Empty, Red }

        private sealed class Player
        {
            public int Level = 3;
            public Cell Cell => Cell.Red;
        }

        public static void What_games_have_in_hand_is_sent()
        {
            Program.Same("an enum", Json.Write(new[] { Cell.Empty, Cell.Red }), "[0,1]");
            Program.Same("an object", Json.Write(new Player()), "{\"Level\":3,\"Cell\":1}");
            Program.Same("an anonymous one", Json.Write(new { level = 3 }), "{\"level\":3}");
            Program.Same("a decimal", Json.Write(1.5m), "1.5");
            var time = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
            Program.Same("a time", Json.Write(time), "\"2026-01-02T03:04:05.0000000Z\"");
        }

        public static void Escapes_are_read()
        {
            Program.Check("escapes", Json.Read("\"\\u5bc6\\ud83d\\ude00\\/\\b\\t\"").Equals("密😀/\b\t"));
        }

        private static object Drawn(Random chance, int depth)
        {
            switch (chance.Next(depth == 0 ? 5 : 7))
            {
                case 0: return null;
                case 1: return chance.Next(2) == 1;
                case 2: return (long)chance.Next(int.MinValue, int.MaxValue) * chance.Next(1, 1000);
                case 3: return (chance.NextDouble() - 0.5) * Math.Pow(10, chance.Next(-300, 300));
                case 4: return Text(chance);
                case 5:
                    return Enumerable.Range(0, chance.Next(5))
                        .Select(_ => Drawn(chance, depth - 1)).ToList();
                default:
                    var found = new Dictionary<string, object>();
                    for (var at = chance.Next(5); at > 0; at--) found[Text(chance)] = Drawn(chance, depth - 1);
                    return found;
            }
        }

        /// <summary>Control characters, quotes, Chinese, emoji.</summary>
        private static string Text(Random chance)
        {
            var ranges = new[] { 0, 128, 0x400, 0x800, 0x4e00, 0x9fff, 0x1f600, 0x1f640 };
            return string.Concat(Enumerable.Range(0, chance.Next(8)).Select(_ =>
            {
                var range = 2 * chance.Next(4);
                return char.ConvertFromUtf32(chance.Next(ranges[range], ranges[range + 1]));
            }));
        }

        private static bool Alike(object one, object other)
        {
            if (one is List<object> items && other is List<object> others)
            {
                return items.Count == others.Count
                    && items.Zip(others, Alike).All(alike => alike);
            }
            if (one is Dictionary<string, object> left && other is Dictionary<string, object> right)
            {
                return left.Count == right.Count
                    && left.All(pair => right.ContainsKey(pair.Key) && Alike(pair.Value, right[pair.Key]));
            }
            // a double that is whole is written as one
            if (one is long && other is double) return Convert.ToDouble(one).Equals(other);
            return Equals(one, other);
        }
    }
}
