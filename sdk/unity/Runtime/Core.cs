using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>The state of one client: the service's address, its keys and the rules of a call.</summary>
    internal sealed class Core
    {
        private const string Home = "http://localhost:8080"; // the address of `hotseat serve`
        private const double Day = 86400;
        private static readonly Stopwatch Watch = Stopwatch.StartNew();
        private static readonly Random Chance = new Random();
        private readonly ClientOptions options;
        private readonly string key;

        public Core(ClientOptions options)
        {
            this.options = options;
            Url = Address.Base(Set(options.BaseUrl) ?? Environment("HOTSEAT_URL") ?? Home);
            if (!(options.Deadline > 0 && options.Deadline <= Day))
            {
                throw new ConfigError(
                    $"a deadline is more than 0 seconds and at most a day, not {options.Deadline}");
            }
            if (!(options.Window >= 0 && options.Window <= 1) || options.Batch < 1)
            {
                throw new ConfigError(
                    $"a window is from 0 to 1 second and a batch 1 or more, not {options.Window} "
                    + $"and {options.Batch}");
            }
            key = Sendable(Set(options.ApiKey) ?? Environment("HOTSEAT_API_KEY") ?? "");
            Clock = options.Clock ?? (() => Watch.Elapsed.TotalSeconds);
            Random = options.Random ?? Draw;
            Sleep = options.Sleep
                ?? ((seconds, cancel) => Task.Delay(TimeSpan.FromSeconds(seconds), cancel));
            Transport = options.Transport ?? Usual();
            Breakers = new CircuitBreakers(Clock);
            Log = options.Log ?? (Environment("HOTSEAT_LOG") == "debug" ? Written : (Action<string>)null);
        }

        public string Url { get; }
        public Func<double> Clock { get; }
        public Func<double> Random { get; }
        public Func<double, System.Threading.CancellationToken, Task> Sleep { get; }
        public ITransport Transport { get; }
        public CircuitBreakers Breakers { get; }
        public Action<string> Log { get; }

        /// <summary>A call to a model; throws ConfigError.</summary>
        public Call Asking(
            string verb, Dictionary<string, object> body, CallOptions options, double start,
            Action<byte[]> onPiece = null)
        {
            var path = Address.Path(verb, options.Model, options.Version);
            var chosen = options.Chosen();
            if (chosen.Count > 0) body["options"] = chosen;
            if (options.PlayerId != null) body["player_id"] = options.PlayerId;
            return Calling("POST", path, body, options.Deadline, start, options.Model, options.Retries,
                onPiece);
        }

        public Call Calling(
            string method, string path, Dictionary<string, object> body, double? deadline,
            double start, string model = null, int? retries = null,
            Action<byte[]> onPiece = null)
        {
            var allowed = deadline ?? options.Deadline;
            if (!(allowed <= Day)) // NaN too
            {
                throw new ConfigError($"a deadline is at most {Day} seconds, not {allowed}");
            }
            var share = Math.Min(allowed / options.Deadline, 1);
            return new Call(
                this, Request(method, path, body, onPiece), path, start, allowed, options.Hook,
                Breakers.Of(model), share, retries ?? options.Retries);
        }

        /// <summary>
        /// The request with its authentication header. Each try calls Token again and so
        /// replaces an expired token. Throws ConfigError, TokenError.
        /// </summary>
        public Request Signed(Request request)
        {
            if (options.Token == null) return key == "" ? request : request.With("x-api-key", key);
            string token;
            try
            {
                token = options.Token();
            }
            catch (Exception error)
            {
                // without the message, which may contain a secret
                throw new TokenError($"no token: {error.GetType().Name} in Token");
            }
            if (string.IsNullOrEmpty(token)) throw new TokenError("no token: Token returned none");
            return request.With("authorization", "Bearer " + Sendable(token));
        }

        /// <summary>Whether each try gets a new token, so that one more try follows a 401.</summary>
        public bool RenewsKeys => options.Token != null;

        private Request Request(
            string method, string path, Dictionary<string, object> body, Action<byte[]> onPiece)
        {
            var headers = new Dictionary<string, string>
            {
                ["accept"] = onPiece == null ? "application/json" : "text/event-stream",
                ["user-agent"] = "hotseat-dotnet",
            };
            byte[] data = null;
            if (body != null)
            {
                headers["content-type"] = "application/json";
                // the same for every try of a call, so that the service counts it once
                headers["idempotency-key"] = Guid.NewGuid().ToString("N");
                data = Encoding.UTF8.GetBytes(Json.Write(body));
            }
            return new Request(method, Url + path, headers, data) { OnPiece = onPiece };
        }

        private static ITransport Usual()
        {
#if UNITY_WEBGL && !UNITY_EDITOR
            return new UnityWebTransport();
#else
            return new HttpTransport();
#endif
        }

        private static void Written(string line)
        {
#if UNITY_2020_2_OR_NEWER
            UnityEngine.Debug.Log(line);
#else
            Console.Error.WriteLine(line);
#endif
        }

        private static double Draw()
        {
            lock (Chance) return Chance.NextDouble();
        }

        private static string Environment(string name)
        {
            return Set(System.Environment.GetEnvironmentVariable(name));
        }

        private static string Set(string text)
        {
            return string.IsNullOrEmpty(text) ? null : text;
        }

        private static string Sendable(string key)
        {
            foreach (var letter in key)
            {
                if (letter < ' ' || letter > '~')
                {
                    throw new ConfigError(
                        "the API key has a character that is not valid in a header, such as a "
                        + "line break at its end");
                }
            }
            return key;
        }
    }
}
