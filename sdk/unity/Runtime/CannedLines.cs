using System.Collections.Generic;

namespace Hotseat
{
    /// <summary>
    /// The canned lines of versions, as their answers have brought them: each stands in for a
    /// text while the service is away. Safe for several threads.
    /// </summary>
    internal sealed class CannedLines
    {
        private const int Most = 1000;
        private readonly object gate = new object();
        private readonly Dictionary<string, string> lines = new Dictionary<string, string>();

        /// <summary>Keep the line of an answer, if it is one.</summary>
        public void Keep(SayOptions call, object line)
        {
            lock (gate)
            {
                if (line is string text && lines.Count < Most) lines[Key(call)] = text;
            }
        }

        /// <summary>What is known, or null.</summary>
        public string Line(SayOptions call)
        {
            lock (gate) return lines.TryGetValue(Key(call), out var line) ? line : null;
        }

        private static string Key(SayOptions call)
        {
            return $"{call.Model} {call.Version}";
        }
    }
}
