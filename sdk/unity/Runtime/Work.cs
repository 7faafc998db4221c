using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>Runs one call, a little in each poll, without waiting.</summary>
    internal sealed class Work
    {
        private readonly Call call;
        private readonly ITransport transport;
        private readonly Func<double> clock;
        private CancellationTokenSource stop;
        private Task<Response> sending;

        public Work(Call call, ITransport transport, Func<double> clock)
        {
            this.call = call;
            this.transport = transport;
            this.clock = clock;
            Do(call.Begin());
        }

        public Dictionary<string, object> Answer { get; private set; }
        public HotseatError Error { get; private set; }
        public bool IsOver => Answer != null || Error != null;

        /// <summary>The end of the pause; null during a try.</summary>
        public double? WakesAt { get; private set; }

        /// <summary>Continue as far as possible without waiting; return whether the call is over.</summary>
        public bool Poll()
        {
            while (!IsOver)
            {
                if (WakesAt.HasValue)
                {
                    if (clock() < WakesAt.Value) return false;
                    WakesAt = null;
                    Do(call.Resume());
                    continue;
                }
                var late = !sending.IsCompleted && clock() >= call.End;
                if (!sending.IsCompleted && !late) return false;
                var met = late ? null : Met(sending);
                var error = late ? call.Late() : met == null ? Failure.Of(sending) : null;
                Release();
                Do(call.After(met, error));
                if (WakesAt.HasValue) return false; // the next poll is the earliest time to retry
            }
            return true;
        }

        public void Cancel(string why)
        {
            if (IsOver) return;
            Release();
            Do(call.GiveUp(why));
        }

        private static Response Met(Task<Response> sending)
        {
            return sending.Status == TaskStatus.RanToCompletion ? sending.Result : null;
        }

        private void Do(Step step)
        {
            if (step.Send != null)
            {
                stop = new CancellationTokenSource();
                sending = Failure.Sent(transport, step, stop.Token);
            }
            else if (step.Pause) WakesAt = clock() + step.Seconds;
            else
            {
                Answer = step.Answer;
                Error = step.Error;
            }
        }

        /// <summary>Stop the request and observe its error; otherwise .NET reports it.</summary>
        private void Release()
        {
            if (sending == null) return;
            if (!sending.IsCompleted) stop.Cancel();
            Failure.Forget(sending, stop);
            sending = null;
        }
    }

    /// <summary>Converts foreign errors to the SDK's.</summary>
    internal static class Failure
    {
        /// <summary>Send; a transport that throws at once is treated as one that fails.</summary>
        public static Task<Response> Sent(ITransport transport, Step step, CancellationToken cancel)
        {
            try
            {
                return transport.Send(step.Send, step.Seconds, cancel);
            }
            catch (Exception error)
            {
                var failed = new TaskCompletionSource<Response>();
                failed.SetException(error);
                return failed.Task;
            }
        }

        /// <summary>The error of a task without a response.</summary>
        public static HotseatError Of(Task<Response> sending)
        {
            if (sending.IsCanceled) return new TransportError("the request was cancelled");
            var error = sending.Exception?.GetBaseException();
            return error as HotseatError
                ?? new TransportError($"the transport failed: {error?.Message ?? "no response"}");
        }

        public static void Forget(Task<Response> sending, CancellationTokenSource stop)
        {
            sending.ContinueWith(
                ended =>
                {
                    var unused = ended.Exception;
                    stop.Dispose();
                },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}
