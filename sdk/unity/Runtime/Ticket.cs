using System;
using System.Collections;

namespace Hotseat
{
    /// <summary>
    /// A pending answer. No member waits. In a coroutine,
    /// <c>yield return ticket;</c> continues when it is ready.
    /// </summary>
    public sealed class Ticket<T> : IEnumerator
    {
        private readonly object gate = new object();
        private readonly Action look;
        private readonly Func<object, HotseatError, T> standIn;
        private volatile bool settled;
        private T answer;
        private HotseatError error;

        internal Ticket(Action look, Func<object, HotseatError, T> standIn)
        {
            this.look = look;
            this.standIn = standIn;
        }

        /// <summary>Whether the answer or the error has arrived.</summary>
        public bool Ready
        {
            get
            {
                if (!settled) look();
                return settled;
            }
        }

        /// <summary>The reason for the missing answer, or null.</summary>
        public HotseatError Error =>
            settled ? error : new NotReadyError("the answer has not arrived");

        /// <summary>The answer; throws the call's error, or NotReadyError.</summary>
        public T Result()
        {
            return Error == null ? answer : throw Error;
        }

        /// <summary>The answer, or a prediction with the default.</summary>
        public T Result(object @default)
        {
            var why = Error;
            return why == null ? answer : standIn(@default, why);
        }

        /// <summary>Cancel the ticket; return whether it was still open.</summary>
        public bool Cancel()
        {
            return Settle(default(T), new CancelledError("the ticket was cancelled"));
        }

        object IEnumerator.Current => null;

        bool IEnumerator.MoveNext()
        {
            return !Ready;
        }

        void IEnumerator.Reset()
        {
            throw new NotSupportedException("a ticket cannot be reset");
        }

        internal bool IsSettled => settled;

        /// <summary>Set the answer or the error unless one is set; return whether it did.</summary>
        internal bool Settle(T result, HotseatError failed)
        {
            lock (gate)
            {
                if (settled) return false;
                answer = result;
                error = failed;
                settled = true;
                return true;
            }
        }
    }
}
