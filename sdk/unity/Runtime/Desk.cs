using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat
{
    /// <summary>
    /// Collects the tickets of a frame and has them answered, many in one request. Used
    /// under the client's lock, but for Submit.
    /// </summary>
    internal sealed class Desk
    {
        private const int Senders = 4; // requests under way at a time
        private readonly object gate = new object();
        private readonly double window;
        private readonly int batch;
        private readonly Func<double> clock;
        private readonly Func<object[], CallOptions, Work> ask;
        private readonly List<Group> waiting = new List<Group>();
        private readonly List<Group> underWay = new List<Group>();
        private double? first; // when the oldest that waits came

        public Desk(
            double window, int batch, Func<double> clock, Func<object[], CallOptions, Work> ask)
        {
            this.window = window;
            this.batch = batch;
            this.clock = clock;
            this.ask = ask;
        }

        /// <summary>Take an input; returns at once.</summary>
        public void Submit(object input, string question, CallOptions options, Ticket<Prediction> ticket)
        {
            lock (gate)
            {
                var group = waiting.Find(one => one.Question == question);
                if (group == null)
                {
                    group = new Group { Question = question, Options = options };
                    waiting.Add(group);
                }
                group.Inputs.Add(input);
                group.Tickets.Add(ticket);
                first = first ?? clock();
            }
        }

        /// <summary>When a window or a pause is over; null where there is none.</summary>
        public double? WakesAt
        {
            get
            {
                lock (gate)
                {
                    var windowEnds = underWay.Count < Senders ? first + window : null;
                    return underWay.Select(group => group.Work.WakesAt).Append(windowEnds).Min();
                }
            }
        }

        /// <summary>Go on as far as it goes without waiting.</summary>
        public void Poll()
        {
            underWay.RemoveAll(IsOver);
            while (underWay.Count < Senders)
            {
                var group = Taken();
                if (group == null) return;
                Send(group);
            }
        }

        public void Close(string why)
        {
            List<Group> open;
            lock (gate)
            {
                open = waiting.Concat(underWay).ToList();
                waiting.Clear();
                underWay.Clear();
                first = null;
            }
            foreach (var group in open)
            {
                group.Work?.Cancel(why);
                group.Fail(new CancelledError(why));
            }
        }

        /// <summary>What goes in one request, when its window is over; else null.</summary>
        private Group Taken()
        {
            lock (gate)
            {
                if (first == null || clock() - first.Value < window) return null;
                while (waiting.Count > 0)
                {
                    var group = waiting[0];
                    var taken = group.Take(batch);
                    if (group.Tickets.Count == 0) waiting.RemoveAt(0);
                    if (waiting.Count == 0) first = null;
                    if (taken.Tickets.Count > 0) return taken;
                }
                return null;
            }
        }

        private void Send(Group group)
        {
            group.Start = clock();
            try
            {
                group.Work = ask(group.Inputs.ToArray(), group.Options);
            }
            catch (HotseatError error)
            {
                group.Fail(error);
                return;
            }
            if (!IsOver(group)) underWay.Add(group);
        }

        private bool IsOver(Group group)
        {
            var work = group.Work;
            if (!work.Poll())
            {
                if (!group.Tickets.TrueForAll(ticket => ticket.IsSettled)) return false;
                work.Cancel("the tickets were cancelled");
                return true;
            }
            var error = work.Error;
            if (error == null)
            {
                try
                {
                    var latency = clock() - group.Start;
                    var found = Answer.Predictions(work.Answer, group.Tickets.Count, latency);
                    for (var at = 0; at < found.Count; at++) group.Tickets[at].Settle(found[at], null);
                    return true;
                }
                catch (TransportError strange)
                {
                    error = strange;
                }
            }
            if (group.Tickets.Count > 1 && (error as StatusError)?.Pointer != null) Part(group);
            else group.Fail(error);
            return true;
        }

        /// <summary>One input is wrong: the others must not suffer for it.</summary>
        private void Part(Group group)
        {
            lock (gate)
            {
                for (var at = 0; at < group.Tickets.Count; at++)
                {
                    var alone = new Group { Options = group.Options };
                    alone.Inputs.Add(group.Inputs[at]);
                    alone.Tickets.Add(group.Tickets[at]);
                    waiting.Add(alone);
                }
                first = clock() - window;
            }
        }

        /// <summary>Inputs that may go in one request, with their tickets.</summary>
        private sealed class Group
        {
            public string Question; // none other has null
            public CallOptions Options;
            public Work Work;
            public double Start;
            public readonly List<object> Inputs = new List<object>();
            public readonly List<Ticket<Prediction>> Tickets = new List<Ticket<Prediction>>();

            /// <summary>Take out the first `most` that were not cancelled.</summary>
            public Group Take(int most)
            {
                var taken = new Group { Options = Options };
                var at = 0;
                for (; at < Tickets.Count && taken.Tickets.Count < most; at++)
                {
                    if (Tickets[at].IsSettled) continue;
                    taken.Inputs.Add(Inputs[at]);
                    taken.Tickets.Add(Tickets[at]);
                }
                Inputs.RemoveRange(0, at);
                Tickets.RemoveRange(0, at);
                return taken;
            }

            public void Fail(HotseatError error)
            {
                foreach (var ticket in Tickets) ticket.Settle(null, error);
            }
        }
    }
}
