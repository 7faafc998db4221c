using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;

namespace Hotseat
{
    /// <summary>Options of a text; all but Model are optional.</summary>
    public sealed class SayOptions
    {
        private const double Usual = 20;
        private const double Share = 0.9; // of the time, after which the model ends its sentence
        private object standIn;

        public string Model { get; set; }

        /// <summary>A number or an alias.</summary>
        public object Version { get; set; }

        public int? MaxTokens { get; set; }

        /// <summary>0 takes the most probable.</summary>
        public double? Temperature { get; set; }

        public double? TopP { get; set; }
        public long? Seed { get; set; }

        /// <summary>Texts at which the model stops.</summary>
        public IEnumerable<string> Stop { get; set; }

        /// <summary>A JSON schema as dictionaries: Value of the answer keeps to it.</summary>
        public object Schema { get; set; }

        /// <summary>A grammar (Lark) in place of a schema.</summary>
        public string Grammar { get; set; }

        public string PlayerId { get; set; }

        /// <summary>Seconds to the end of the text; default: 20.</summary>
        public double? Deadline { get; set; }

        /// <summary>The most retries of a start that fails; default: the client's.</summary>
        public int? Retries { get; set; }

        /// <summary>
        /// The line to use if no text comes: a text, or with a Schema its value. A text that
        /// breaks off then ends with what came.
        /// </summary>
        public object Default
        {
            get => standIn;
            set
            {
                standIn = value;
                HasDefault = true;
            }
        }

        /// <summary>For SayAsync: ends the text with CancelledError.</summary>
        public CancellationToken Cancel { get; set; }

        internal bool HasDefault { get; private set; }

        internal bool HasFormat => Schema != null || Grammar != null;

        private double Seconds => Deadline ?? Usual;

        internal CallOptions Call => new CallOptions
        {
            Model = Model, Version = Version, PlayerId = PlayerId, Deadline = Seconds,
            Retries = Retries, Cancel = Cancel,
        };

        /// <summary>The fields of a request; throws ConfigError.</summary>
        internal Dictionary<string, object> Body(object input)
        {
            if (!(Seconds > 0 && Seconds <= 86400))
            {
                throw new ConfigError("a deadline is more than 0 seconds and at most a day");
            }
            if (Schema != null && Grammar != null) throw new ConfigError("set Schema or Grammar, not both");
            var chosen = new Dictionary<string, object>
            {
                ["deadline_ms"] = Math.Max((long)Math.Round(Seconds * Share * 1000), 1), ["stream"] = true,
            };
            if (MaxTokens.HasValue) chosen["max_tokens"] = MaxTokens.Value;
            if (Temperature.HasValue) chosen["temperature"] = Temperature.Value;
            if (TopP.HasValue) chosen["top_p"] = TopP.Value;
            if (Seed.HasValue) chosen["seed"] = Seed.Value;
            if (Stop != null) chosen["stop"] = new List<string>(Stop);
            if (Schema != null) chosen["schema"] = Schema;
            if (Grammar != null) chosen["grammar"] = Grammar;
            return new Dictionary<string, object> { ["input"] = Input(input), ["options"] = chosen };
        }

        private static Dictionary<string, object> Input(object input)
        {
            var name = input is string ? "prompt" : input is IDictionary ? "context"
                : input is IEnumerable ? "messages" : null;
            if (name == null) throw new ConfigError("expected a prompt, a list of messages or a dictionary of slots");
            return new Dictionary<string, object> { [name] = input };
        }
    }
}
