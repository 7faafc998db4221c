using System;
using System.Collections.Generic;
using System.Linq;

namespace Hotseat
{
    /// <summary>
    /// Collects the tickets of a frame and gets their answers, many in one request. All
    /// methods except Submit need the client's lock.
    /// </summary>
    internal sealed class Batcher
    {
        private const int Senders = 4; // requests under way at a time
        private readonly object gate = new object();
        private readonly double window;
        private readonly int batch;
        private readonly Func<double> clock;
        private readonly Func<object[], CallOptions, double, Work> ask;
        private readonly OfflineModels offline;
        private readonly Queue<Group> waiting = new Queue<Group>();

        // the open group of inputs, by their common options
        private readonly Dictionary<string, Group> filling = new Dictionary<string, Group>();
        private readonly List<Group> underWay = new List<Group>();
        private double? first; // time of the oldest waiting input
        private bool closed;

        public Batcher(
            double window, int batch, Func<double> clock,
            Func<object[], CallOptions, double, Work> ask, OfflineModels offline)
        {
            this.offline = offline;
            this.window = window;
            this.batch = batch;
            this.clock = clock;
            this.ask = ask;
        }

        /// <summary>Queue an input and return at once. Throws CancelledError when closed.</summary>
        public void Submit(object input, string question, CallOptions options, Ticket<Prediction> ticket)
        {
            lock (gate)
            {
                if (closed) throw new CancelledError("the client was closed");
                if (!filling.TryGetValue(question, out var group) || group.Tickets.Count >= batch)
                {
                    group = filling[question] = new Group(options, clock());
                    waiting.Enqueue(group);
                }
                group.Inputs.Add(input);
                group.Tickets.Add(ticket);
                first = first ?? clock();
            }
        }

        /// <summary>When the next window or pause ends; null without one.</summary>
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

        /// <summary>Continue as far as possible without waiting.</summary>
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
                closed = true;
                open = waiting.Concat(underWay).ToList();
                waiting.Clear();
                filling.Clear();
                underWay.Clear();
                first = null;
            }
            foreach (var group in open)
            {
                group.Work?.Cancel(why);
                group.Fail(new CancelledError(why));
            }
        }

        /// <summary>The inputs of the next request when its window is over; else null.</summary>
        private Group Taken()
        {
            lock (gate)
            {
                if (first == null || clock() - first.Value < window) return null;
                filling.Clear(); // later inputs belong to the next window
                while (waiting.Count > 0)
                {
                    var open = waiting.Dequeue().Open();
                    if (waiting.Count == 0) first = null;
                    if (open.Tickets.Count > 0) return open;
                }
                return null;
            }
        }

        private void Send(Group group)
        {
            try
            {
                group.Work = ask(group.Inputs.ToArray(), group.Options, group.Start);
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
                    var predictions = Answer.Predictions(work.Answer, group.Tickets.Count, latency);
                    for (var at = 0; at < predictions.Count; at++) group.Tickets[at].Settle(predictions[at], null);
                    return true;
                }
                catch (TransportError strange)
                {
                    error = strange;
                }
            }
            try
            {
                var found = offline.Instead(error, group.Inputs, true, group.Options, clock() - group.Start);
                for (var at = 0; at < found?.Count; at++) group.Tickets[at].Settle(found[at], null);
                if (found != null) return true;
            }
            catch (StatusError refused)
            {
                error = refused;
            }
            if (group.Tickets.Count > 1 && (error as StatusError)?.Pointer != null) Part(group);
            else group.Fail(error);
            return true;
        }

        /// <summary>One input is invalid: send each alone, so that the others succeed.</summary>
        private void Part(Group group)
        {
            lock (gate)
            {
                for (var at = 0; at < group.Tickets.Count; at++)
                {
                    var alone = new Group(group.Options, group.Start);
                    alone.Inputs.Add(group.Inputs[at]);
                    alone.Tickets.Add(group.Tickets[at]);
                    waiting.Enqueue(alone);
                }
                first = clock() - window;
            }
        }

        /// <summary>
        /// The inputs of one request, with their tickets. Their time counts from the first
        /// Submit.
        /// </summary>
        private sealed class Group
        {
            public readonly CallOptions Options;
            public readonly double Start;
            public readonly List<object> Inputs = new List<object>();
            public readonly List<Ticket<Prediction>> Tickets = new List<Ticket<Prediction>>();
            public Work Work;

            public Group(CallOptions options, double start)
            {
                Options = options;
                Start = start;
            }

            /// <summary>The inputs without the cancelled ones.</summary>
            public Group Open()
            {
                var open = new Group(Options, Start);
                for (var at = 0; at < Tickets.Count; at++)
                {
                    if (Tickets[at].IsSettled) continue;
                    open.Inputs.Add(Inputs[at]);
                    open.Tickets.Add(Tickets[at]);
                }
                return open;
            }

            public void Fail(HotseatError error)
            {
                foreach (var ticket in Tickets) ticket.Settle(null, error);
            }
        }
    }
}
