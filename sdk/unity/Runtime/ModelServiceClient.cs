using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Hotseat
{
    /// <summary>
    /// A client of a model service that never blocks a frame. Safe for several threads.
    ///
    /// Each method has two forms: Predict returns a ticket at once, for frame
    /// loops and coroutines (<c>yield return ticket;</c>); PredictAsync returns a Task, for
    /// servers and menus. Reading a ticket or calling Tick continues open calls.
    /// </summary>
    public sealed partial class ModelServiceClient : IDisposable
    {
        private const double Soon = 0.0005; // reading many tickets in a row polls once
        private static readonly CallOptions Nothing = new CallOptions();
        private readonly Core core;
        private readonly Batcher batcher;
        private readonly OfflineModels offline;
        private readonly CannedLines lines = new CannedLines();
        private readonly object gate = new object();
        private readonly List<Func<bool>> open = new List<Func<bool>>();
        private readonly List<Work> works = new List<Work>();
        private double looked = double.NegativeInfinity;
        private readonly CancellationTokenSource ending = new CancellationTokenSource();
        private volatile bool closed;

        public ModelServiceClient(ClientOptions options = null)
        {
            var all = options ?? new ClientOptions();
            core = new Core(all);
            offline = new OfflineModels(core.Random);
            batcher = new Batcher(all.Window, all.Batch, core.Clock, AskMany, offline);
        }

        public ModelServiceClient(string baseUrl) : this(new ClientOptions { BaseUrl = baseUrl }) { }

        /// <summary>The base URL of the service.</summary>
        public string BaseUrl => core.Url;

        /// <summary>The number of times the circuit breaker opened because the service failed.</summary>
        public int CircuitOpenedCount => core.Breakers.OpenedCount;

        /// <summary>The old name of CircuitOpenedCount, for one release.</summary>
        [Obsolete("Use CircuitOpenedCount")]
        public int Openings => CircuitOpenedCount;

        /// <summary>Shows the service, never the key.</summary>
        public override string ToString()
        {
            return $"ModelServiceClient({BaseUrl})";
        }

        /// <summary>Predict one input: a text, named features (a dictionary), a board.</summary>
        public Ticket<Prediction> Predict(object input, CallOptions options = null)
        {
            return Ask(InferenceRequest.Predict(input, options));
        }

        /// <summary>Predict many inputs in one request; answers keep their order.</summary>
        public Ticket<IReadOnlyList<Prediction>> PredictMany(IEnumerable inputs, CallOptions options = null)
        {
            return Ask(InferenceRequest.PredictMany(inputs, options));
        }

        /// <summary>Explain a prediction: return it with Parts and their weights.</summary>
        public Ticket<Prediction> Explain(object input, CallOptions options)
        {
            return Ask(InferenceRequest.Explain(input, options));
        }

        /// <summary>Choose a policy's action: Action, and the probability of each legal one.</summary>
        public Ticket<Prediction> Choose(object board, CallOptions options)
        {
            return Ask(InferenceRequest.Choose(board, options));
        }

        /// <summary>Generate an Item; the same seed and wishes repeat it.</summary>
        public Ticket<Prediction> Generate(IDictionary wishes, CallOptions options)
        {
            return Ask(InferenceRequest.Generate(wishes, options));
        }

        /// <summary>
        /// Ask a model for server-sent events: `verb` such as "generate", and the fields of the
        /// request. The deadline counts to the end of the stream. Retries end with the first
        /// event. Say is for texts.
        /// </summary>
        public EventStream Stream(string verb, Dictionary<string, object> body, CallOptions options)
        {
            var stream = new EventStream();
            stream.End = Ask(InferenceRequest.Stream(verb, body, options, stream.Add));
            return stream;
        }

        /// <summary>
        /// Let a model write a text: a dictionary with the slots of the version's template, a
        /// prompt, or a list of messages (dictionaries with role and content). Look at the text
        /// in each frame. Throws ConfigError; the text has later errors.
        /// </summary>
        public TextStream Say(object input, SayOptions options)
        {
            var body = options.Body(input);
            var progress = new TextProgress(options, lines, core.Clock);
            var text = new TextStream(progress);
            text.End = Ask(InferenceRequest.Stream("generate", body, options.Call, piece => progress.Add(piece)));
            return text;
        }

        /// <summary>
        /// Answer with a version of the game's own files while the service is away: the text of
        /// a file of `hotseat model export NAME@N --to portable`, and the SHA-256 that the
        /// command prints. Throws ConfigError, also if the version's golden rows differ here.
        /// </summary>
        public OfflineModel UseOffline(string json, string sha256 = null)
        {
            return offline.Use(json, sha256);
        }

        /// <summary>The service's catalogue; `within` is a deadline in seconds.</summary>
        public Ticket<IReadOnlyList<Model>> Models(double? within = null)
        {
            return Ask(InferenceRequest.Models(within));
        }

        /// <summary>One model with its signature and card.</summary>
        public Ticket<Model> Card(string model, double? within = null)
        {
            return Ask(InferenceRequest.Card(model, within));
        }

        /// <summary>Whether the service answers and has a model loaded.</summary>
        public Ticket<bool> IsReady(double? within = null)
        {
            return Ask(InferenceRequest.IsReady(within));
        }

        /// <summary>
        /// Submit from a game loop: inputs of a few milliseconds share a request.
        /// Pass a default to the ticket's Result, not here.
        /// </summary>
        public Ticket<Prediction> Submit(object input, CallOptions options = null)
        {
            var ticket = new Ticket<Prediction>(Glance, (value, why) => Answer.StandIn(value, 0, why));
            var chosen = options ?? Nothing;
            try
            {
                // converted at once: errors show here, and no frame converts a whole batch
                var text = new Json.Written(Json.Write(input));
                var request = Json.Write(new[]
                {
                    chosen.Model, Convert.ToString(chosen.Version), chosen.Chosen(),
                    chosen.PlayerId, (object)chosen.Deadline, chosen.Retries,
                });
                batcher.Submit(text, request, chosen, ticket);
            }
            catch (HotseatError error)
            {
                ticket.Settle(null, error);
            }
            return ticket;
        }

        /// <summary>
        /// Continue all tickets as far as possible without waiting; reading a ticket does so,
        /// too. Returns at once while another thread does it.
        /// </summary>
        public void Tick()
        {
            if (!Monitor.TryEnter(gate)) return;
            try
            {
                looked = core.Clock();
                batcher.Poll();
                foreach (var isOver in open.ToArray())
                {
                    if (isOver()) open.Remove(isOver);
                }
                works.RemoveAll(work => work.IsOver);
            }
            finally
            {
                Monitor.Exit(gate);
            }
        }

        /// <summary>Cancel open tickets and close connections.</summary>
        public void Dispose()
        {
            const string why = "the client was closed";
            ending.Cancel(); // calls that wait in tasks
            lock (gate)
            {
                closed = true;
                batcher.Close(why);
                foreach (var work in works) work.Cancel(why);
                Tick();
            }
            core.Transport.Dispose();
        }

        /// <summary>The time of the next poll without new data, on the clock.</summary>
        internal double? WakesAt
        {
            get
            {
                lock (gate)
                {
                    return works.Select(work => work.WakesAt).Append(batcher.WakesAt).Min();
                }
            }
        }

        private Ticket<T> Ask<T>(InferenceRequest<T> request)
        {
            var start = core.Clock();
            var ticket = new Ticket<T>(Glance, (value, why) => request.StandIn(value, 0, why));
            try
            {
                if (closed) throw new CancelledError("the client was closed");
                var work = new Work(request.Call(core), core.Transport, core.Clock);
                lock (gate)
                {
                    if (closed) work.Cancel("the client was closed"); // meanwhile
                    works.Add(work);
                    open.Add(() => IsOver(request, ticket, work, start));
                }
                Tick();
            }
            catch (HotseatError error)
            {
                Settle(request, ticket, error, start);
            }
            return ticket;
        }

        private bool IsOver<T>(InferenceRequest<T> request, Ticket<T> ticket, Work work, double start)
        {
            if (ticket.IsSettled)
            {
                work.Cancel("the ticket was cancelled");
                return true;
            }
            if (!work.Poll()) return false;
            try
            {
                if (work.Error != null) throw work.Error;
                ticket.Settle(request.Read(work.Answer, core.Clock() - start), null);
            }
            catch (HotseatError error)
            {
                Settle(request, ticket, error, start);
            }
            return true;
        }

        private void Settle<T>(InferenceRequest<T> request, Ticket<T> ticket, HotseatError error, double start)
        {
            try
            {
                ticket.Settle(request.Instead(error, core.Clock() - start, offline), null);
            }
            catch (HotseatError final)
            {
                ticket.Settle(default(T), final);
            }
        }

        private void Glance()
        {
            var since = core.Clock() - looked;
            if (since < 0 || since >= Soon) Tick();
        }

        private Work AskMany(object[] inputs, CallOptions options, double start)
        {
            var body = new Dictionary<string, object> { ["inputs"] = inputs };
            return new Work(
                core.Asking("predict", body, options, start), core.Transport, core.Clock);
        }
    }
}
