using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>How a client is made; all of it may be left out.</summary>
    public sealed class ClientOptions
    {
        /// <summary>Else HOTSEAT_URL, else where `hotseat serve` listens.</summary>
        public string BaseUrl { get; set; }

        /// <summary>Seconds a call may take, with connecting and retries.</summary>
        public double Deadline { get; set; } = 2;

        /// <summary>For servers; else HOTSEAT_API_KEY. Goes as x-api-key.</summary>
        public string ApiKey { get; set; }

        /// <summary>
        /// Returns a player's short-lived token; asked for each call and so must not block:
        /// hand out one that is kept. Goes as a bearer token.
        /// </summary>
        public Func<string> Token { get; set; }

        /// <summary>Seconds in which submitted inputs become one request.</summary>
        public double Window { get; set; } = 0.004;

        /// <summary>Inputs in one request at most; not more than a model's own limit.</summary>
        public int Batch { get; set; } = 64;

        public ITransport Transport { get; set; }

        /// <summary>Hears of every call when it is over.</summary>
        public Action<CallOver> Hook { get; set; }

        /// <summary>Seconds; monotonic.</summary>
        public Func<double> Clock { get; set; }

        /// <summary>A draw in [0, 1).</summary>
        public Func<double> Random { get; set; }

        /// <summary>Waits between the tries of the Task flavour.</summary>
        public Func<double, CancellationToken, Task> Sleep { get; set; }
    }

    /// <summary>What a call may be given; all of it may be left out.</summary>
    public sealed class CallOptions
    {
        private object standIn;

        /// <summary>Else the service's own default.</summary>
        public string Model { get; set; }

        /// <summary>A number or an alias.</summary>
        public object Version { get; set; }

        /// <summary>temperature, seed, level.</summary>
        public IDictionary<string, object> Options { get; set; }

        public string PlayerId { get; set; }

        /// <summary>Seconds; else the client's.</summary>
        public double? Deadline { get; set; }

        /// <summary>
        /// Stands in where no answer could be had; only bad input and a wrong configuration
        /// still throw. Of Choose an action, of Generate the item's rows.
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

        /// <summary>Of Choose: the actions that the game allows here.</summary>
        public IEnumerable<object> Legal { get; set; }

        /// <summary>Of Choose: a strength that the model names.</summary>
        public string Level { get; set; }

        /// <summary>Of Choose.</summary>
        public double? Temperature { get; set; }

        /// <summary>Of Choose and Generate: gives the same answer again.</summary>
        public long? Seed { get; set; }

        /// <summary>Of the Task flavour: ends the call with CancelledError.</summary>
        public CancellationToken Cancel { get; set; }

        internal bool HasDefault { get; private set; }

        /// <summary>The body's options: what was named here, over what was listed.</summary>
        internal Dictionary<string, object> Chosen()
        {
            var chosen = Options == null
                ? new Dictionary<string, object>() : new Dictionary<string, object>(Options);
            if (Level != null) chosen["level"] = Level;
            if (Temperature.HasValue) chosen["temperature"] = Temperature.Value;
            if (Seed.HasValue) chosen["seed"] = Seed.Value;
            return chosen;
        }
    }
}
