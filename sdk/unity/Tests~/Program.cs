using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Hotseat.Tests
{
    /// <summary>
    /// The SDK's own tests: Tests.exe SUITE [ARGUMENT]. Prints what fails, then the counts;
    /// exits 1 where something failed.
    /// </summary>
    internal static class Program
    {
        private static int passed, failed;

        public static int Main(string[] words)
        {
            var argument = words.Length > 1 ? words[1] : null;
            switch (words.FirstOrDefault())
            {
                case "vectors": Vectors.Run(argument); break;
                case "rules":
                    Each(typeof(Rules));
                    Each(typeof(TicketRules));
                    Each(typeof(JsonRules));
                    break;
                case "networks": Each(typeof(Networks)); break;
                case "streams": Streams.Run(argument); break;
                case "say": Say.Run(argument, words[2]); break;
                case "offline": Offline.Run(argument); break;
                case "opens": Offline.Opens(words.Skip(1)); break;
                case "tls": Networks.Tls(argument.Split(' ')); break;
                case "faults": Faults.Run(argument); break;
                case "live": Live.Run(argument); break;
                default: Console.WriteLine("vectors FOLDER | rules | networks | streams FILE | say FILE URL | offline FILE | opens FILES | tls URLS | faults JSON | live URL"); return 2;
            }
            Console.WriteLine($"{passed} passed, {failed} failed");
            return failed == 0 && passed > 0 ? 0 : 1;
        }

        public static void Check(string name, bool holds, object told = null)
        {
            if (holds) passed++;
            else
            {
                failed++;
                Console.WriteLine($"FAILED {name}: {told}");
            }
        }

        public static void Same(string name, object found, object wanted)
        {
            Check(name, Equal(found, wanted), $"{Shown(found)} is not {Shown(wanted)}");
        }

        /// <summary>
        /// Half of what took so many milliseconds took less than `most`: of a machine that
        /// does much else, the slowest say little.
        /// </summary>
        public static void Quick(string name, List<double> took, double most)
        {
            took.Sort();
            var usual = took[took.Count / 2];
            Console.WriteLine(
                $"  {name}: half {usual:0.###} ms, 95 % {took[took.Count * 95 / 100]:0.###} ms, "
                + $"all {took[took.Count - 1]:0.###} ms");
            Check(name + " is quick", usual < most, usual);
        }

        /// <summary>What an action fails with, by class.</summary>
        public static void Fails(string name, string wanted, Action action)
        {
            try
            {
                action();
                Check(name, false, "no error");
            }
            catch (HotseatError error)
            {
                Same(name, error.GetType().Name, wanted);
            }
        }

        /// <summary>By value, as JSON: a number is a number.</summary>
        public static bool Equal(object one, object other)
        {
            return Shown(one) == Shown(other);
        }

        private static string Shown(object value)
        {
            if (value is Exception error) return error.ToString();
            try
            {
                // through the reader once, so that 3 and 3.0, List and array are alike
                return Json.Write(Plain(Json.Read(Json.Write(value))));
            }
            catch (ConfigError)
            {
                return value.ToString();
            }
        }

        private static object Plain(object value)
        {
            if (value is long whole) return (double)whole;
            if (value is List<object> items) return items.Select(Plain).ToList();
            if (value is Dictionary<string, object> entries)
            {
                return entries.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .ToDictionary(pair => pair.Key, pair => Plain(pair.Value));
            }
            return value;
        }

        private static void Each(Type suite)
        {
            var tests = suite.GetMethods(BindingFlags.Public | BindingFlags.Static);
            foreach (var test in tests.Where(test => test.GetParameters().Length == 0))
            {
                try
                {
                    test.Invoke(null, null);
                }
                catch (TargetInvocationException error)
                {
                    Check(test.Name, false, error.InnerException);
                }
            }
        }
    }
}
