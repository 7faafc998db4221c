using System.Collections;
using Hotseat;
using UnityEngine;

/// <summary>A chat that hides what a model finds toxic, and never holds up a frame for it.</summary>
public sealed class ChatFilter : MonoBehaviour
{
    [SerializeField] private string baseUrl = "http://localhost:8080";
    private ModelServiceClient client;

    public void Say(string line)
    {
        StartCoroutine(Shown(line));
    }

    private void Awake()
    {
        client = new ModelServiceClient(baseUrl);
    }

    private void OnDestroy()
    {
        client.Dispose();
    }

    private IEnumerator Shown(string line)
    {
        var ticket = client.Submit(line); // with what else is said in this frame
        yield return ticket;
        var found = ticket.Result("ok"); // shown where the service is away
        Debug.Log(found.Label == "toxic" ? "(hidden)" : line);
    }
}
