using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>Options of a client; all are optional.</summary>
    public sealed class ClientOptions
    {
        /// <summary>Default: HOTSEAT_URL, else the address of `hotseat serve`.</summary>
        public string BaseUrl { get; set; }

        /// <summary>Time limit of a call in seconds, including connecting and retries.</summary>
        public double Deadline { get; set; } = 2;

        /// <summary>For servers; default: HOTSEAT_API_KEY. Sent as x-api-key.</summary>
        public string ApiKey { get; set; }

        /// <summary>
        /// Returns a player's short-lived token, sent as a bearer token. Each try calls it; it
        /// must not block: return a stored token.
        /// </summary>
        public Func<string> Token { get; set; }

        /// <summary>Seconds of submitted inputs in one request.</summary>
        public double Window { get; set; } = 0.004;

        /// <summary>Maximum number of inputs in one request; not more than a model's own limit.</summary>
        public int Batch { get; set; } = 64;

        public ITransport Transport { get; set; }

        /// <summary>The most retries of a call; default: as many as the deadline allows.</summary>
        public int Retries { get; set; } = int.MaxValue;

        /// <summary>
        /// Gets a line for each try, without keys and inputs. Default: nothing, or with
        /// HOTSEAT_LOG=debug the error output (in Unity, Debug.Log).
        /// </summary>
        public Action<string> Log { get; set; }

        /// <summary>Called after every call.</summary>
        public Action<CallOver> Hook { get; set; }

        /// <summary>Seconds; monotonic.</summary>
        public Func<double> Clock { get; set; }

        /// <summary>A draw in [0, 1).</summary>
        public Func<double> Random { get; set; }

        /// <summary>Waits between the tries of methods that return a Task.</summary>
        public Func<double, CancellationToken, Task> Sleep { get; set; }
    }

    /// <summary>Options of a call; all are optional.</summary>
    public sealed class CallOptions
    {
        private object standIn;

        /// <summary>The service's default model if null.</summary>
        public string Model { get; set; }

        /// <summary>A number or an alias.</summary>
        public object Version { get; set; }

        /// <summary>temperature, seed, level.</summary>
        public IDictionary<string, object> Options { get; set; }

        public string PlayerId { get; set; }

        /// <summary>Seconds; default: the client's.</summary>
        public double? Deadline { get; set; }

        /// <summary>The most retries; default: the client's.</summary>
        public int? Retries { get; set; }

        /// <summary>
        /// Used if no answer comes or the input is refused; a wrong configuration throws anyway. For
        /// Choose an action, for Generate the item's rows.
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

        /// <summary>For Choose: the legal actions.</summary>
        public IEnumerable<object> Legal { get; set; }

        /// <summary>For Choose: one of the model's strengths.</summary>
        public string Level { get; set; }

        /// <summary>For Choose.</summary>
        public double? Temperature { get; set; }

        /// <summary>For Choose and Generate: repeats the answer.</summary>
        public long? Seed { get; set; }

        /// <summary>For methods that return a Task: ends the call with CancelledError.</summary>
        public CancellationToken Cancel { get; set; }

        internal bool HasDefault { get; private set; }

        /// <summary>The body's options: the named ones override the listed ones.</summary>
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
