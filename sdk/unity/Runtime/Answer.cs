using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Hotseat
{
    /// <summary>
    /// Parser of responses. Strict: they may come from a server between client and service.
    /// A response of another server (a captive portal's page, half a catalogue) is a
    /// TransportError.
    /// </summary>
    internal static class Answer
    {
        private static readonly int[] Passing = { 429, 502, 503, 504 };
        private static readonly string[] RequestIds =
            { "x-request-id", "apigw-requestid", "x-amzn-requestid" };
        /// <summary>The fields of which an answer has at least one.</summary>
        private static readonly string[] Answers =
        {
            "label", "labels", "value", "embedding", "action", "item", "outputs",
            "matches", "steps"
        };
        private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false, true);

        /// <summary>The answer's JSON object; throws StatusError, TransportError.</summary>
        public static Dictionary<string, object> Read(Response response)
        {
            var body = Parsed(response.Body) as Dictionary<string, object>;
            if (response.Status < 200 || response.Status >= 300) throw Refusal(response, body);
            if (body != null) return body;
            var strange = Strange("is no JSON object");
            strange.RequestId = RequestIdOf(response);
            throw strange;
        }

        /// <summary>The id that the service or its gateway gave the request, or "".</summary>
        private static string RequestIdOf(Response response)
        {
            return RequestIds.Select(name => Header(response, name))
                .FirstOrDefault(id => id != null) ?? "";
        }

        /// <summary>The prediction of an answer; throws TransportError.</summary>
        public static Prediction Prediction(Dictionary<string, object> answer, double latency)
        {
            if (Answers.All(name => Of(answer, name) == null))
            {
                throw Strange("holds no prediction");
            }
            try
            {
                return new Prediction
                {
                    Label = Text(Of(answer, "label")),
                    Probability = Of(answer, "probability") == null
                        ? (double?)null : Number(answer["probability"]),
                    Scores = Shares(Of(answer, "scores")),
                    Value = Of(answer, "value"),
                    Action = Text(Of(answer, "action")),
                    Actions = Shares(Of(answer, "actions")),
                    Item = Of(answer, "item") == null
                        ? null : ((List<object>)answer["item"]).Select(Text).ToArray(),
                    Labels = Of(answer, "labels") == null
                        ? null : ((List<object>)answer["labels"]).Select(Text).ToArray(),
                    Embedding = Of(answer, "embedding") == null
                        ? null : ((List<object>)answer["embedding"]).Select(Number).ToArray(),
                    Outputs = (Dictionary<string, object>)Of(answer, "outputs")
                        ?? new Dictionary<string, object>(),
                    Seed = (long?)Of(answer, "seed"),
                    Parts = ((List<object>)Of(answer, "parts") ?? new List<object>())
                        .Cast<Dictionary<string, object>>().ToArray(),
                    Model = Text(Of(answer, "model")),
                    Version = (int?)(long?)Of(answer, "version"),
                    Variant = Text(Of(answer, "variant")),
                    RequestId = Text(Of(answer, "request_id")),
                    Latency = latency,
                    Cold = Of(answer, "cold") is bool cold && cold,
                    Raw = answer,
                };
            }
            catch (InvalidCastException)
            {
                throw Strange("holds an invalid prediction");
            }
        }

        /// <summary>The `count` predictions of an answer; throws TransportError.</summary>
        public static IReadOnlyList<Prediction> Predictions(
            Dictionary<string, object> answer, int count, double latency)
        {
            var items = Items(answer, "predictions");
            if (items.Length != count)
            {
                throw Strange($"holds {items.Length} predictions for {count} inputs");
            }
            return items.Select(item =>
            {
                var whole = new Dictionary<string, object>(answer);
                whole.Remove("predictions");
                foreach (var pair in item) whole[pair.Key] = pair.Value;
                return Prediction(whole, latency);
            }).ToArray();
        }

        /// <summary>The models of a catalogue; throws TransportError.</summary>
        public static IReadOnlyList<Model> Models(Dictionary<string, object> answer)
        {
            return Items(answer, "models").Select(Model).ToArray();
        }

        /// <summary>One model; throws TransportError.</summary>
        public static Model Model(Dictionary<string, object> item)
        {
            try
            {
                var versions = (List<object>)Of(item, "versions") ?? new List<object>();
                var aliases = (Dictionary<string, object>)Of(item, "aliases")
                    ?? new Dictionary<string, object>();
                return new Model
                {
                    Name = Text(item["name"]),
                    Kind = Text(item["kind"]),
                    Version = (int)(long)item["version"],
                    Versions = versions.Select(number => (int)(long)number).ToArray(),
                    Aliases = aliases.ToDictionary(pair => pair.Key, pair => (int)(long)pair.Value),
                    Raw = item,
                };
            }
            catch (Exception error) when (error is KeyNotFoundException
                || error is InvalidCastException || error is NullReferenceException)
            {
                throw Strange("does not describe a model");
            }
        }

        /// <summary>
        /// A prediction with a default. A text becomes label and action, rows of text the item,
        /// and every default the value; a Prediction is used as it is.
        /// </summary>
        public static Prediction StandIn(object value, double latency, HotseatError error)
        {
            var prediction = value as Prediction;
            if (prediction == null)
            {
                var text = value as string;
                var rows = text == null && !(value is IDictionary) ? value as IEnumerable : null;
                var item = rows?.Cast<object>().Select(row => row as string).ToArray();
                prediction = new Prediction { Label = text, Action = text, Item = item, Value = value };
            }
            return prediction.AsDefault(latency, error);
        }

        private static object Parsed(byte[] body)
        {
            try
            {
                return Json.Read(Utf8.GetString(body));
            }
            catch (Exception error) when (error is FormatException || error is ArgumentException)
            {
                return null; // not JSON, not UTF-8
            }
        }

        private static StatusError Refusal(Response response, Dictionary<string, object> body)
        {
            var problem = body ?? new Dictionary<string, object>();
            var detail = TextOf(problem, "detail") ?? TextOf(problem, "message"); // a gateway's own field
            if (detail == null && response.Status >= 300 && response.Status < 400)
            {
                detail = $"it redirects to {Header(response, "location")}: give that as BaseUrl";
            }
            var error = StatusError.Of(response.Status, detail ?? "the service gave no reason");
            error.Status = response.Status;
            error.Code = TextOf(problem, "code") ?? "";
            error.Retryable = Of(problem, "retryable") is bool word
                ? word : Passing.Contains(response.Status);
            error.RequestId = TextOf(problem, "request_id") ?? RequestIdOf(response);
            // the service and its gateway explain themselves in JSON
            error.IsForeign = body == null && response.Status < 500;
            error.Pointer = Of(problem, "pointer") as string;
            error.RetryAfter = Seconds(Header(response, "retry-after"));
            return error;
        }

        private static Dictionary<string, object>[] Items(
            Dictionary<string, object> answer, string name)
        {
            var items = Of(answer, name) as List<object>;
            if (items == null || !items.All(item => item is Dictionary<string, object>))
            {
                throw Strange($"has no list of {name}");
            }
            return items.Cast<Dictionary<string, object>>().ToArray();
        }

        private static IReadOnlyDictionary<string, double> Shares(object value)
        {
            var shares = (Dictionary<string, object>)value ?? new Dictionary<string, object>();
            return shares.ToDictionary(pair => pair.Key, pair => Number(pair.Value));
        }

        private static double Number(object value)
        {
            return value is long whole ? whole : (double)(value ?? throw new InvalidCastException());
        }

        private static string Text(object value)
        {
            return (string)value;
        }

        private static string TextOf(Dictionary<string, object> problem, string name)
        {
            var detail = Convert.ToString(Of(problem, name), CultureInfo.InvariantCulture);
            return string.IsNullOrEmpty(detail) ? null : detail;
        }

        private static object Of(Dictionary<string, object> item, string name)
        {
            return item.TryGetValue(name, out var value) ? value : null;
        }

        private static string Header(Response response, string name)
        {
            return response.Headers.TryGetValue(name, out var value) ? value : null;
        }

        /// <summary>A Retry-After in seconds; ignores dates, as a device's clock may be off.</summary>
        private static double? Seconds(string text)
        {
            var isCount = int.TryParse(
                text, NumberStyles.None, CultureInfo.InvariantCulture, out var count);
            return isCount ? count : (double?)null;
        }

        private static TransportError Strange(string what)
        {
            return new TransportError($"the answer {what}: is this a Hotseat service?");
        }
    }
}
