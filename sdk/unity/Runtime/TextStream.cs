using System;
using System.Collections;

namespace Hotseat
{
    /// <summary>
    /// A text as it is written. No member waits; reading continues open calls, as with
    /// tickets. In a coroutine, <c>yield return text;</c> continues at its end.
    /// </summary>
    public sealed class TextStream : IEnumerator
    {
        private readonly TextProgress progress;

        internal TextStream(TextProgress progress)
        {
            this.progress = progress;
        }

        internal Ticket<bool> End { get; set; }

        /// <summary>Whether the text has ended or failed.</summary>
        public bool Ready
        {
            get
            {
                Look();
                return progress.IsOver;
            }
        }

        /// <summary>The text so far; it stays when the stream breaks off.</summary>
        public string Text => progress.Text;

        /// <summary>Why there is no answer, or null.</summary>
        public HotseatError Error => progress.Error;

        /// <summary>The text that came since the last call, "" if none did.</summary>
        public string Take()
        {
            Look();
            return progress.Take();
        }

        /// <summary>The answer; throws the call's error, or NotReadyError.</summary>
        public TextAnswer Result()
        {
            Look();
            return progress.Result();
        }

        /// <summary>The answer, or one with the default.</summary>
        public TextAnswer Result(object @default)
        {
            Look();
            var why = progress.Error;
            return why == null ? progress.Result() : TextAnswer.StandIn(@default, why);
        }

        /// <summary>End the text; the service stops, too. Returns whether it was open.</summary>
        public bool Cancel()
        {
            var wasOpen = !progress.IsOver;
            progress.End(new CancelledError("the text was cancelled"));
            End.Cancel();
            return wasOpen;
        }

        /// <summary>Continue the call and take what has come.</summary>
        private void Look()
        {
            if (End.Ready) progress.End(End.Error);
            else if (progress.IsOver && !progress.IsWhole) End.Cancel();
        }

        object IEnumerator.Current => null;

        bool IEnumerator.MoveNext()
        {
            return !Ready;
        }

        void IEnumerator.Reset()
        {
            throw new NotSupportedException("a text cannot be reset");
        }
    }
}
