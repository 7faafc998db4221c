using System.Collections.Generic;

namespace Hotseat
{
    /// <summary>
    /// The answer to one input. The fields depend on the kind of the model: a
    /// classification has Label, Probability and Scores, a policy Action and Actions, a
    /// generation Item.
    /// </summary>
    public sealed class Prediction
    {
        public string Label { get; internal set; }
        public double? Probability { get; internal set; }
        public IReadOnlyDictionary<string, double> Scores { get; internal set; } = None;
        public object Value { get; internal set; }

        /// <summary>The action that a policy chose.</summary>
        public string Action { get; internal set; }

        /// <summary>Every legal action and its probability.</summary>
        public IReadOnlyDictionary<string, double> Actions { get; internal set; } = None;

        /// <summary>The generated item as rows.</summary>
        public IReadOnlyList<string> Item { get; internal set; }

        /// <summary>The labels that apply, of a model with several labels an input.</summary>
        public IReadOnlyList<string> Labels { get; internal set; }

        /// <summary>The vector of a text or an image.</summary>
        public IReadOnlyList<double> Embedding { get; internal set; }

        /// <summary>The outputs of a tensor model by name.</summary>
        public IReadOnlyDictionary<string, object> Outputs { get; internal set; }

        /// <summary>The seed that repeats the answer.</summary>
        public long? Seed { get; internal set; }

        /// <summary>Parts of the input with their weights, from `explain`.</summary>
        public IReadOnlyList<IReadOnlyDictionary<string, object>> Parts { get; internal set; } =
            new IReadOnlyDictionary<string, object>[0];

        public string Model { get; internal set; }
        public int? Version { get; internal set; }
        public string Variant { get; internal set; }
        public string RequestId { get; internal set; }

        /// <summary>Seconds from call to answer, including retries.</summary>
        public double Latency { get; internal set; }

        /// <summary>Whether this request caused a cold start.</summary>
        public bool Cold { get; internal set; }

        /// <summary>Whether no model answered: the prediction holds the caller's default.</summary>
        public bool IsDefault { get; internal set; }

        /// <summary>Why the default was used: the error's class and message.</summary>
        public string Reason { get; internal set; }

        /// <summary>Where the answer comes from: "service", "offline" or "default".</summary>
        public string Source { get; internal set; } = "service";

        /// <summary>The whole answer, including fields unknown to this SDK.</summary>
        public IReadOnlyDictionary<string, object> Raw { get; internal set; } =
            new Dictionary<string, object>();

        private static readonly IReadOnlyDictionary<string, double> None =
            new Dictionary<string, double>();

        internal Prediction AsDefault(double latency, HotseatError error)
        {
            var copy = (Prediction)MemberwiseClone();
            copy.Latency = latency;
            copy.IsDefault = true;
            copy.Source = "default";
            copy.Reason = error == null ? null : $"{error.GetType().Name}: {error.Message}";
            return copy;
        }
    }

    /// <summary>A model in the service's catalogue.</summary>
    public sealed class Model
    {
        public string Name { get; internal set; }
        public string Kind { get; internal set; }
        public int Version { get; internal set; }
        public IReadOnlyList<int> Versions { get; internal set; }
        public IReadOnlyDictionary<string, int> Aliases { get; internal set; }

        /// <summary>The whole entry; from Card, with signature and card.</summary>
        public IReadOnlyDictionary<string, object> Raw { get; internal set; }
    }
}
