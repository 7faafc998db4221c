using System;
using System.Collections.Generic;
using System.Text;

namespace Hotseat
{
    /// <summary>
    /// The rules of a text without a network: what came, how it ended. What came is kept
    /// whatever follows. Safe for several threads: pieces come from the transport's.
    /// </summary>
    internal sealed class TextProgress
    {
        private readonly object gate = new object();
        private readonly EventReader reader = new EventReader();
        private readonly StringBuilder fresh = new StringBuilder();
        private readonly SayOptions options;
        private readonly CannedLines lines;
        private readonly Func<double> clock;
        private readonly double start;
        private string text = "";
        private double? first;
        private TextAnswer answer;
        private HotseatError error;

        public TextProgress(SayOptions options, CannedLines lines, Func<double> clock)
        {
            this.options = options;
            this.lines = lines;
            this.clock = clock;
            start = clock();
        }

        public bool IsOver
        {
            get { lock (gate) return answer != null || error != null; }
        }

        /// <summary>Whether the service's own end has come.</summary>
        public bool IsWhole
        {
            get { lock (gate) return answer != null && answer.Reason == null; }
        }

        public string Text
        {
            get { lock (gate) return text; }
        }

        public HotseatError Error
        {
            get { lock (gate) return answer != null ? null : error ?? new NotReadyError("the text has not ended"); }
        }

        /// <summary>The answer; throws the error.</summary>
        public TextAnswer Result()
        {
            var why = Error;
            return why == null ? answer : throw why;
        }

        /// <summary>The text since the last call.</summary>
        public string Take()
        {
            lock (gate)
            {
                var piece = fresh.ToString();
                fresh.Clear();
                return piece;
            }
        }

        /// <summary>Take bytes of the stream; return the text that they add.</summary>
        public string Add(byte[] piece)
        {
            lock (gate)
            {
                var before = fresh.Length;
                foreach (var one in reader.Read(piece))
                {
                    if (IsOver) break;
                    try
                    {
                        Read(one);
                    }
                    catch (HotseatError wrong)
                    {
                        Fail(wrong);
                    }
                }
                return fresh.ToString(before, fresh.Length - before);
            }
        }

        /// <summary>
        /// End it with an error (null: the stream just ended), if it has not ended. Return the
        /// text that this adds.
        /// </summary>
        public string End(HotseatError why)
        {
            lock (gate)
            {
                var before = fresh.Length;
                if (!IsOver) Fail(why ?? new TransportError("the text ended without its last event"));
                return fresh.ToString(before, fresh.Length - before);
            }
        }

        private void Read(ServerEvent one)
        {
            if (one.Name != "token" && one.Name != "done" && one.Name != "error") return; // of a later service
            var fields = Fields(one);
            if (one.Name == "token")
            {
                Show(TextAnswer.Field(fields, "text") as string ?? throw TextAnswer.Strange("a token without a text"));
            }
            else if (one.Name == "done")
            {
                var whole = TextAnswer.Of(fields);
                if (whole.Text.StartsWith(text, StringComparison.Ordinal)) Show(whole.Text.Substring(text.Length));
                lines.Keep(options, TextAnswer.Field(fields, "canned"));
                Settle(whole);
            }
            else
            {
                var status = TextAnswer.Field(fields, "status") is long code && code >= 400 ? (int)code : 500;
                Answer.Read(new Response(status, new Dictionary<string, string>(), Encoding.UTF8.GetBytes(one.Data)));
            }
        }

        private void Fail(HotseatError why)
        {
            var line = why.IsAway && !options.HasFormat ? lines.Line(options) : null;
            if (line == null && !options.HasDefault || why is ConfigError || why is CancelledError)
            {
                error = why;
            }
            else if (text != "" && !options.HasFormat)
            {
                Settle(new TextAnswer { Text = text, FinishReason = "broken_off", Reason = TextAnswer.ReasonOf(why) });
            }
            else
            {
                var canned = TextAnswer.StandIn(line ?? options.Default, why);
                if (text == "") Show(canned.Text);
                Settle(canned);
            }
        }

        private void Show(string piece)
        {
            if (piece == "") return;
            if (first == null) first = clock() - start;
            text += piece;
            fresh.Append(piece);
        }

        private void Settle(TextAnswer whole)
        {
            whole.Latency = clock() - start;
            whole.FirstLatency = first;
            text = whole.Text;
            answer = whole;
        }

        private static Dictionary<string, object> Fields(ServerEvent one)
        {
            try
            {
                if (Json.Read(one.Data) is Dictionary<string, object> fields) return fields;
            }
            catch (HotseatError) { } // as for any other text that is no object
            catch (FormatException) { }
            throw TextAnswer.Strange($"an event {one.Name} that is no JSON object");
        }
    }
}
