using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat
{
    /// <summary>A request and the parser of its answer, for tickets and tasks.</summary>
    internal sealed class InferenceRequest<T>
    {
        public Func<Core, Call> Call;
        public Func<Dictionary<string, object>, double, T> Read;

        /// <summary>Makes a prediction with a default.</summary>
        public Func<object, double, HotseatError, T> StandIn;

        public CallOptions Options = new CallOptions();

        /// <summary>The device's answer, or null; throws StatusError. Null: it has none.</summary>
        public Func<OfflineModels, HotseatError, double, T> Offline;

        /// <summary>Return the device's answer or the default; without one, throws the error.</summary>
        public T Instead(HotseatError error, double latency, OfflineModels models)
        {
            try
            {
                var found = Offline == null ? default(T) : Offline(models, error, latency);
                if (Offline != null && (object)found != null) return found;
            }
            catch (StatusError refused)
            {
                error = refused;
            }
            if (!Options.HasDefault || error is ConfigError) throw error;
            return StandIn(Options.Default, latency, error);
        }
    }

    internal static class InferenceRequest
    {
        public static InferenceRequest<Prediction> Predict(object input, CallOptions options)
        {
            // the only input of a named model may have another name than "text"
            var plain = input is string && options?.Model == null;
            return One("predict", plain ? "text" : "input", input, options);
        }

        public static InferenceRequest<Prediction> Explain(object input, CallOptions options)
        {
            return Named(One("explain", "input", input, options));
        }

        public static InferenceRequest<Prediction> Choose(object board, CallOptions options)
        {
            var fields = new Dictionary<string, object> { ["board"] = board };
            if (options?.Legal != null) fields["legal"] = options.Legal;
            var request = Named(One("predict", "input", fields, options));
            request.StandIn = (value, latency, error) => Answer.StandIn(
                value is int || value is long ? value.ToString() : value, latency, error);
            return request;
        }

        public static InferenceRequest<Prediction> Generate(IDictionary wishes, CallOptions options)
        {
            return Named(One("predict", "input", wishes, options));
        }

        public static InferenceRequest<IReadOnlyList<Prediction>> PredictMany(
            IEnumerable inputs, CallOptions options)
        {
            var rows = inputs is string ? null : inputs?.Cast<object>().ToArray();
            var chosen = options ?? new CallOptions();
            return new InferenceRequest<IReadOnlyList<Prediction>>
            {
                Options = chosen,
                Call = core => rows == null
                    ? throw new ConfigError("inputs is a list, not one text: use Predict")
                    : core.Asking("predict", Body("inputs", rows), chosen, core.Clock()),
                Read = (answer, latency) => Answer.Predictions(answer, rows.Length, latency),
                Offline = (models, error, latency) => models.Instead(error, rows, true, chosen, latency),
                StandIn = (value, latency, error) =>
                    rows.Select(_ => Answer.StandIn(value, latency, error)).ToArray(),
            };
        }

        public static InferenceRequest<bool> Stream(
            string verb, Dictionary<string, object> body, CallOptions options, Action<byte[]> onPiece)
        {
            var chosen = options ?? new CallOptions();
            return new InferenceRequest<bool>
            {
                // a stream has no default: what came of it stays
                Options = new CallOptions { Cancel = chosen.Cancel },
                Call = core => chosen.Model == null
                    ? throw new ConfigError("no model: set Model")
                    : core.Asking(verb, new Dictionary<string, object>(body), chosen, core.Clock(), onPiece),
                Read = (answer, latency) => true,
            };
        }

        public static InferenceRequest<IReadOnlyList<Model>> Models(double? within)
        {
            return Get(_ => "/v1/models", within, Answer.Models);
        }

        public static InferenceRequest<Model> Card(string model, double? within)
        {
            return Get(_ => "/v1/models/" + Address.Part(model), within, Answer.Model);
        }

        public static InferenceRequest<bool> IsReady(double? within)
        {
            var request = Get(
                _ => "/v2/health/ready", within,
                answer => answer.TryGetValue("ready", out var word) && word is bool ready && ready);
            request.Options.Default = false; // no answer means not ready
            return request;
        }

        private static InferenceRequest<Prediction> One(
            string verb, string name, object input, CallOptions options)
        {
            var chosen = options ?? new CallOptions();
            return new InferenceRequest<Prediction>
            {
                Options = chosen,
                Call = core => core.Asking(verb, Body(name, input), chosen, core.Clock()),
                Read = Answer.Prediction,
                Offline = (models, error, latency) => verb == "predict"
                    ? models.Instead(error, new[] { input }, false, chosen, latency)?[0] : null,
                StandIn = Answer.StandIn,
            };
        }

        /// <summary>These requests need a model: the service has no default for them.</summary>
        private static InferenceRequest<Prediction> Named(InferenceRequest<Prediction> request)
        {
            var call = request.Call;
            request.Call = core => request.Options.Model == null
                ? throw new ConfigError("no model: set Model") : call(core);
            return request;
        }

        private static InferenceRequest<T> Get<T>(
            Func<Core, string> path, double? within, Func<Dictionary<string, object>, T> read)
        {
            return new InferenceRequest<T>
            {
                Call = core => core.Calling("GET", path(core), null, within, core.Clock()),
                Read = (answer, _) => read(answer),
                StandIn = (value, _, __) => (T)value,
            };
        }

        private static Dictionary<string, object> Body(string name, object value)
        {
            return new Dictionary<string, object> { [name] = value };
        }
    }
}
