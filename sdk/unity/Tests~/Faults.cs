using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Hotseat.Tests
{
    /// <summary>
    /// Servers that misbehave (JSON: name, url, error): each call ends in time, with a
    /// documented error or its default, and no frame waits for it.
    /// </summary>
    internal static class Faults
    {
        private const double Deadline = 0.4;
        private const double Late = 3; // a busy machine is late; the servers go on for 10 s

        public static void Run(string given)
        {
            var looks = new List<double>();
            foreach (Dictionary<string, object> fault in (List<object>)Json.Read(given))
            {
                var name = (string)fault["name"];
                var wanted = typeof(HotseatError).Assembly.GetType("Hotseat." + fault["error"]);
                using (var client = new ModelServiceClient((string)fault["url"]))
                {
                    var watch = Stopwatch.StartNew();
                    var task = client.PredictAsync("x", new CallOptions { Deadline = Deadline });
                    var ticket = client.Predict("x", new CallOptions { Deadline = Deadline });
                    var standIn = client.Predict(
                        "x", new CallOptions { Deadline = Deadline, Default = "ok" });
                    while (!(ticket.Ready && standIn.Ready && task.IsCompleted))
                    {
                        Thread.Sleep(4);
                        var before = watch.Elapsed;
                        client.Tick();
                        looks.Add((watch.Elapsed - before).TotalMilliseconds);
                    }
                    var seconds = watch.Elapsed.TotalSeconds;
                    Program.Check(name + " ticket", wanted.IsInstanceOfType(ticket.Error), ticket.Error);
                    var error = task.Exception?.GetBaseException();
                    Program.Check(name + " task", wanted.IsInstanceOfType(error), error);
                    Program.Check(name + " default", standIn.Result().IsDefault);
                    Program.Check(name + " in time", seconds < Deadline + Late, $"{seconds} s");
                }
            }
            Program.Quick("a look", looks, 4);
        }
    }
}
