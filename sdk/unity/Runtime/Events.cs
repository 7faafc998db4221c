using System;
using System.Collections;
using System.Collections.Generic;
using System.Text;

namespace Hotseat
{
    /// <summary>One server-sent event.</summary>
    public sealed class ServerEvent
    {
        internal ServerEvent(string name, string data)
        {
            Name = name;
            Data = data;
        }

        /// <summary>"message" if the service gave none.</summary>
        public string Name { get; }
        public string Data { get; }
    }

    /// <summary>
    /// A stream of events that goes on. No member waits; reading continues open calls, as
    /// with tickets. In a coroutine, <c>yield return stream;</c> continues at its end.
    /// </summary>
    public sealed class EventStream : IEnumerator
    {
        private readonly Queue<ServerEvent> events = new Queue<ServerEvent>();
        private readonly EventReader reader = new EventReader();

        internal Ticket<bool> End { get; set; }

        /// <summary>Whether the stream has ended; events may be left.</summary>
        public bool Ready => End.Ready;

        /// <summary>Why the stream broke off, or null.</summary>
        public HotseatError Error => End.Error;

        /// <summary>The next event, or null: look again in the next frame, unless it is Ready.</summary>
        public ServerEvent Next()
        {
            var over = End.Ready; // continues the call
            lock (events) return events.Count > 0 ? events.Dequeue() : null;
        }

        /// <summary>End the stream; the service stops, too. Returns whether it was open.</summary>
        public bool Cancel()
        {
            return End.Cancel();
        }

        object IEnumerator.Current => null;

        bool IEnumerator.MoveNext()
        {
            return !Ready;
        }

        void IEnumerator.Reset()
        {
            throw new NotSupportedException("a stream cannot be reset");
        }

        internal void Add(byte[] piece)
        {
            lock (events)
            {
                foreach (var one in reader.Read(piece)) events.Enqueue(one);
            }
        }
    }

    /// <summary>
    /// Parses server-sent events, however their bytes are cut (WHATWG HTML, "Parsing an
    /// event stream"). Keeps no ids: a broken stream is not resumed.
    /// </summary>
    internal sealed class EventReader
    {
        private readonly List<byte> line = new List<byte>();
        private readonly List<string> data = new List<string>();
        private string name = "";
        private bool afterReturn, isFirst = true;

        public List<ServerEvent> Read(byte[] piece)
        {
            var found = new List<ServerEvent>();
            foreach (var letter in piece)
            {
                var isEnd = letter == '\r' || (letter == '\n' && !afterReturn);
                if (isEnd) Take(found);
                else if (letter != '\n') line.Add(letter);
                afterReturn = letter == '\r';
            }
            return found;
        }

        private void Take(List<ServerEvent> found)
        {
            var text = Encoding.UTF8.GetString(line.ToArray());
            line.Clear();
            if (isFirst) text = text.TrimStart('\uFEFF');
            isFirst = false;
            if (text == "")
            {
                if (data.Count > 0) found.Add(new ServerEvent(name == "" ? "message" : name, string.Join("\n", data)));
                data.Clear();
                name = "";
                return;
            }
            var colon = text.IndexOf(':');
            var field = colon < 0 ? text : text.Substring(0, colon);
            var value = colon < 0 ? "" : text.Substring(colon + 1);
            if (value.StartsWith(" ", StringComparison.Ordinal)) value = value.Substring(1);
            if (field == "data") data.Add(value);
            else if (field == "event") name = value;
        }
    }
}
