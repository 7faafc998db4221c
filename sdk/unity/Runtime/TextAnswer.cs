using System.Collections.Generic;

namespace Hotseat
{
    /// <summary>A text that a model wrote.</summary>
    public sealed class TextAnswer
    {
        public string Text { get; internal set; } = "";

        /// <summary>
        /// stop, length (MaxTokens), deadline (ended in time), filtered, canned (a prepared line
        /// in its place) or broken_off (the text so far, with Reason); others may follow.
        /// </summary>
        public string FinishReason { get; internal set; } = "";

        /// <summary>The parsed text, if the call had a Schema.</summary>
        public object Value { get; internal set; }

        public string Model { get; internal set; }
        public long? Version { get; internal set; }
        public long? PromptTokens { get; internal set; }
        public long? CompletionTokens { get; internal set; }
        public string RequestId { get; internal set; }

        /// <summary>Seconds from call to end, including retries.</summary>
        public double Latency { get; internal set; }

        /// <summary>Seconds from call to the first piece; null without one.</summary>
        public double? FirstLatency { get; internal set; }

        /// <summary>Whether no model answered: the text is the caller's default.</summary>
        public bool IsDefault { get; internal set; }

        /// <summary>"service" or "default".</summary>
        public string Source { get; internal set; } = "service";

        /// <summary>Why the default was used or the text broke off.</summary>
        public string Reason { get; internal set; }

        /// <summary>The whole answer, including fields unknown to this SDK.</summary>
        public IReadOnlyDictionary<string, object> Raw { get; internal set; } =
            new Dictionary<string, object>();

        /// <summary>The answer of an event `done`; throws TransportError.</summary>
        internal static TextAnswer Of(Dictionary<string, object> fields)
        {
            if (!(Field(fields, "text") is string text) || !(Field(fields, "finish_reason") is string reason))
            {
                throw Strange("an end without text and finish_reason");
            }
            var usage = Field(fields, "usage") as Dictionary<string, object> ?? new Dictionary<string, object>();
            return new TextAnswer
            {
                Text = text,
                FinishReason = reason,
                Value = Field(fields, "value"),
                Model = Field(fields, "model") as string,
                Version = Field(fields, "version") as long?,
                PromptTokens = Field(usage, "prompt_tokens") as long?,
                CompletionTokens = Field(usage, "completion_tokens") as long?,
                RequestId = Field(fields, "request_id") as string,
                Raw = fields,
            };
        }

        internal static TextAnswer StandIn(object value, HotseatError error)
        {
            return new TextAnswer
            {
                Text = value as string ?? Json.Write(value),
                Value = value is string ? null : value,
                FinishReason = "canned",
                IsDefault = true,
                Source = "default",
                Reason = ReasonOf(error),
            };
        }

        internal static string ReasonOf(HotseatError error)
        {
            return $"{error.GetType().Name}: {error.Message}";
        }

        internal static TransportError Strange(string what)
        {
            return new TransportError($"the stream has {what}: is this a Hotseat service?");
        }

        internal static object Field(Dictionary<string, object> fields, string name)
        {
            return fields.TryGetValue(name, out var value) ? value : null;
        }
    }
}
