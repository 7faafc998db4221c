using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat.Tests
{
    /// <summary>Answers as it is told, on a clock that it moves itself.</summary>
    internal sealed class Server : ITransport
    {
        private readonly Queue<double> draws;

        public Server(IEnumerable<object> answers, IEnumerable<double> draws = null)
        {
            Answers = new Queue<Dictionary<string, object>>(
                answers.Cast<Dictionary<string, object>>());
            this.draws = new Queue<double>(draws ?? new double[0]);
        }

        public Queue<Dictionary<string, object>> Answers { get; }
        public List<Request> Requests { get; } = new List<Request>();
        public List<double> Waits { get; } = new List<double>();
        public double Now { get; set; } = 100;

        public static Server Of(params string[] answers)
        {
            return new Server(answers.Select(Json.Read));
        }

        public ModelServiceClient Client(ClientOptions options = null)
        {
            var given = options ?? new ClientOptions();
            given.BaseUrl = "http://localhost:8080";
            given.Transport = this;
            given.Clock = () => Now;
            given.Random = () => draws.Count > 0 ? draws.Dequeue() : 0.5;
            given.Sleep = (seconds, _) =>
            {
                Waits.Add(seconds);
                Now += seconds;
                return Task.CompletedTask;
            };
            return new ModelServiceClient(given);
        }

        /// <summary>Look until a ticket is settled, moving the clock over pauses.</summary>
        public void Settle<T>(ModelServiceClient client, Ticket<T> ticket)
        {
            for (var look = 0; look < 1000 && !ticket.IsSettled; look++)
            {
                var wakes = client.WakesAt;
                if (wakes.HasValue)
                {
                    Waits.Add(wakes.Value - Now);
                    Now = System.Math.Max(Now, wakes.Value);
                }
                client.Tick();
            }
        }

        public Task<Response> Send(Request request, double seconds, CancellationToken cancel)
        {
            var done = new TaskCompletionSource<Response>();
            Requests.Add(request);
            if (Answers.Count == 0)
            {
                done.SetException(new TransportError("there is no further answer"));
                return done.Task;
            }
            var answer = Answers.Dequeue();
            if (answer.TryGetValue("takes", out var takes)) Now += System.Convert.ToDouble(takes);
            if (answer.TryGetValue("fault", out var fault))
            {
                done.SetException((string)fault == "late"
                    ? new DeadlineError($"no answer within {seconds} s")
                    : new TransportError((string)fault));
                return done.Task;
            }
            var text = answer.TryGetValue("text", out var given)
                ? (string)given : Json.Write(answer["body"]);
            var headers = answer.TryGetValue("headers", out var some)
                ? (Dictionary<string, object>)some : new Dictionary<string, object>();
            done.SetResult(new Response(
                (int)(long)answer["status"],
                headers.ToDictionary(pair => pair.Key, pair => (string)pair.Value),
                Encoding.UTF8.GetBytes(text)));
            return done.Task;
        }

        public void Dispose()
        {
        }
    }
}
