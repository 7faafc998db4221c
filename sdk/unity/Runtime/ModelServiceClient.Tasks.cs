using System;
using System.Collections;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>
    /// The methods that return a Task. For servers and menus; in a browser (WebGL), which has
    /// no threads, use tickets.
    /// </summary>
    public sealed partial class ModelServiceClient
    {
        /// <summary>Predict one input: a text, named features (a dictionary), a board.</summary>
        public Task<Prediction> PredictAsync(object input, CallOptions options = null)
        {
            return Answered(InferenceRequest.Predict(input, options));
        }

        /// <summary>Predict many inputs in one request; answers keep their order.</summary>
        public Task<IReadOnlyList<Prediction>> PredictManyAsync(IEnumerable inputs, CallOptions options = null)
        {
            return Answered(InferenceRequest.PredictMany(inputs, options));
        }

        /// <summary>Explain a prediction: return it with Parts and their weights.</summary>
        public Task<Prediction> ExplainAsync(object input, CallOptions options)
        {
            return Answered(InferenceRequest.Explain(input, options));
        }

        /// <summary>Choose a policy's action: Action, and the probability of each legal one.</summary>
        public Task<Prediction> ChooseAsync(object board, CallOptions options)
        {
            return Answered(InferenceRequest.Choose(board, options));
        }

        /// <summary>Generate an Item; the same seed and wishes repeat it.</summary>
        public Task<Prediction> GenerateAsync(IDictionary wishes, CallOptions options)
        {
            return Answered(InferenceRequest.Generate(wishes, options));
        }

        /// <summary>
        /// Let a model write a text; see Say. `onPiece` gets each piece as it comes, in the
        /// transport's thread.
        /// </summary>
        public async Task<TextAnswer> SayAsync(object input, SayOptions options, Action<string> onPiece = null)
        {
            var body = options.Body(input);
            var progress = new TextProgress(options, lines, core.Clock);
            var show = onPiece ?? (_ => { });
            var broken = CancellationTokenSource.CreateLinkedTokenSource(options.Cancel);
            var call = options.Call;
            call.Cancel = broken.Token;
            HotseatError why = null;
            try
            {
                await Answered(InferenceRequest.Stream("generate", body, call, bytes =>
                {
                    var piece = progress.Add(bytes);
                    if (piece != "") show(piece);
                    if (progress.IsOver && !progress.IsWhole) broken.Cancel();
                })).ConfigureAwait(false);
            }
            catch (HotseatError error)
            {
                why = error;
            }
            var rest = progress.End(why);
            if (rest != "") show(rest);
            return progress.Result();
        }

        /// <summary>The service's catalogue; `within` is a deadline in seconds.</summary>
        public Task<IReadOnlyList<Model>> ModelsAsync(double? within = null)
        {
            return Answered(InferenceRequest.Models(within));
        }

        /// <summary>One model with its signature and card.</summary>
        public Task<Model> CardAsync(string model, double? within = null)
        {
            return Answered(InferenceRequest.Card(model, within));
        }

        /// <summary>Whether the service answers and has a model loaded.</summary>
        public Task<bool> IsReadyAsync(double? within = null)
        {
            return Answered(InferenceRequest.IsReady(within));
        }

        private async Task<T> Answered<T>(InferenceRequest<T> request)
        {
            var start = core.Clock();
            try
            {
                using (var either = CancellationTokenSource.CreateLinkedTokenSource(
                    request.Options.Cancel, ending.Token))
                {
                    var answer = await Run(request.Call(core), either.Token).ConfigureAwait(false);
                    return request.Read(answer, core.Clock() - start);
                }
            }
            catch (CancelledError) when (request.Options.Cancel.IsCancellationRequested)
            {
                throw; // a cancelled call has no default
            }
            catch (HotseatError error)
            {
                return request.Instead(error, core.Clock() - start, offline);
            }
        }

        /// <summary>Run a call to its end; throws HotseatError.</summary>
        private async Task<Dictionary<string, object>> Run(Call call, CancellationToken cancel)
        {
            if (closed) throw new CancelledError("the client was closed");
            var step = call.Begin();
            while (step.Answer == null)
            {
                if (step.Error != null) throw step.Error;
                if (step.Pause)
                {
                    await Slept(step.Seconds, cancel).ConfigureAwait(false);
                    step = cancel.IsCancellationRequested
                        ? call.GiveUp("the call was cancelled") : call.Resume();
                    continue;
                }
                var sending = await Sent(step, cancel).ConfigureAwait(false);
                if (cancel.IsCancellationRequested) step = call.GiveUp("the call was cancelled");
                else if (sending == null) step = call.After(null, call.Late());
                else if (sending.Status == TaskStatus.RanToCompletion)
                {
                    step = call.After(sending.Result, null);
                }
                else step = call.After(null, Failure.Of(sending));
            }
            return step.Answer;
        }

        /// <summary>
        /// Send, and return in time even if the transport does not: then null. Stopping the
        /// request may end its task at once, so whether it was late is decided before.
        /// </summary>
        private async Task<Task<Response>> Sent(Step step, CancellationToken cancel)
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var sending = Failure.Sent(core.Transport, step, stop.Token);
            if (!sending.IsCompleted)
            {
                using (var enough = CancellationTokenSource.CreateLinkedTokenSource(cancel))
                {
                    var late = Task.Delay(TimeSpan.FromSeconds(step.Seconds), enough.Token);
                    await Task.WhenAny(sending, late).ConfigureAwait(false);
                    enough.Cancel();
                }
            }
            var isLate = !sending.IsCompleted;
            if (isLate) stop.Cancel();
            Failure.Forget(sending, stop);
            return isLate ? null : sending;
        }

        private async Task Slept(double seconds, CancellationToken cancel)
        {
            try
            {
                await core.Sleep(seconds, cancel).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // the caller checks the token
            }
        }
    }
}
