using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using UnityEngine;
using UnityEngine.Networking;
using Hotseat;

/// <summary>What stands behind Unity's own defines, against a stand-in for Unity.</summary>
internal static class StubTests
{
    private static int passed, failed;

    public static int Main()
    {
        AnswersArrive();
        BrokenConnectionsAreTried();
        RedirectsAreToldAndNotFollowed();
        CancellingAborts();
        TheSampleHides();
        Console.WriteLine($"{passed} passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    private static ModelServiceClient Client(double deadline = 5)
    {
        UnityWebRequest.Sent.Clear();
        return new ModelServiceClient(new ClientOptions
        {
            BaseUrl = "http://x", ApiKey = "k", Deadline = deadline, Random = () => 0,
            Transport = new UnityWebTransport(),
        });
    }

    private static UnityWebRequest Newest => UnityWebRequest.Sent.Last();

    private static void AnswersArrive()
    {
        var ticket = Client().Predict("gg");
        Check("as it must go", Newest.method == "POST" && Newest.url == "http://x/model-service");
        Check("its body", Encoding.UTF8.GetString(Newest.uploadHandler.data) == "{\"text\":\"gg\"}");
        Check("its key", Newest.RequestHeaders["x-api-key"] == "k");
        Check("no redirects", Newest.redirectLimit == 0 && Newest.timeout == 5);
        Check("a browser names itself", !Newest.RequestHeaders.ContainsKey("user-agent"));
        Check("not yet", !ticket.Ready);
        Newest.Answer(UnityWebRequest.Result.Success, 200, "{\"label\":\"ok\"}");
        Check("the answer", Settled(ticket).Result().Label == "ok");
        Check("disposed", Newest.Disposed);
    }

    private static void BrokenConnectionsAreTried()
    {
        var ticket = Client().Predict("gg");
        Newest.Answer(UnityWebRequest.Result.ConnectionError, 0, null, "Cannot connect");
        while (UnityWebRequest.Sent.Count < 2) Check("goes on", !ticket.Ready);
        Newest.ResponseHeaders = new Dictionary<string, string> { ["Retry-After"] = "9" };
        Newest.Answer(UnityWebRequest.Result.ProtocolError, 503, "{}");
        var error = (UnavailableError)Settled(ticket).Error;
        Check("headers in lower case", error.RetryAfter == 9);
    }

    private static void RedirectsAreToldAndNotFollowed()
    {
        var ticket = Client().Predict("gg");
        Newest.ResponseHeaders = new Dictionary<string, string> { ["Location"] = "https://y/" };
        Newest.Answer(UnityWebRequest.Result.ConnectionError, 308, null, "Redirect limit exceeded");
        Check("told", Settled(ticket).Error.Message.Contains("redirects to https://y/"));
    }

    private static void CancellingAborts()
    {
        var ticket = Client().Predict("gg");
        ticket.Cancel();
        var client = Client(0.05);
        var late = client.Predict("gg");
        Check("late", Settled(late).Error is DeadlineError);
        Check("aborted", Newest.Aborted && Newest.Disposed);
    }

    private static void TheSampleHides()
    {
        UnityWebRequest.Sent.Clear();
        var sample = new ChatFilter();
        sample.GetType().GetField("baseUrl", System.Reflection.BindingFlags.NonPublic
            | System.Reflection.BindingFlags.Instance).SetValue(sample, "http://127.0.0.1:9");
        foreach (var word in new[] { "Awake", "OnDestroy" })
        {
            if (word == "OnDestroy")
            {
                sample.Say("gg");
                foreach (var routine in MonoBehaviour.Started) Played(routine);
            }
            sample.GetType().GetMethod(word, System.Reflection.BindingFlags.NonPublic
                | System.Reflection.BindingFlags.Instance).Invoke(sample, null);
        }
        Check("shown though nobody answers", Debug.Logged.Count == 1 && Equals(Debug.Logged[0], "gg"));
    }

    /// <summary>As Unity plays a coroutine, a frame after the other.</summary>
    private static void Played(IEnumerator routine)
    {
        while (routine.MoveNext())
        {
            var inner = (IEnumerator)routine.Current;
            while (inner.MoveNext()) System.Threading.Thread.Sleep(4);
        }
    }

    private static Ticket<T> Settled<T>(Ticket<T> ticket)
    {
        var end = DateTime.UtcNow.AddSeconds(5);
        while (!ticket.Ready && DateTime.UtcNow < end) System.Threading.Thread.Sleep(1);
        return ticket;
    }

    private static void Check(string name, bool holds)
    {
        if (holds) passed++;
        else
        {
            failed++;
            Console.WriteLine($"FAILED {name}");
        }
    }
}
