using System;
using System.Collections;
using System.Collections.Generic;

// As much of Unity's surface as the package uses, with the documented signatures: enough to
// compile what stands behind UNITY_2020_2_OR_NEWER, and to see what it does.
namespace UnityEngine
{
    public class MonoBehaviour
    {
        public static readonly List<IEnumerator> Started = new List<IEnumerator>();

        public Coroutine StartCoroutine(IEnumerator routine)
        {
            Started.Add(routine);
            return null;
        }
    }

    public sealed class Coroutine
    {
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute
    {
    }

    public static class Debug
    {
        public static readonly List<object> Logged = new List<object>();

        public static void Log(object message)
        {
            Logged.Add(message);
        }
    }

    public class AsyncOperation
    {
        public event Action<AsyncOperation> completed;

        public void Complete()
        {
            completed?.Invoke(this);
        }
    }
}

namespace UnityEngine.Networking
{
    public class DownloadHandler
    {
        public byte[] data { get; set; }
    }

    public sealed class DownloadHandlerBuffer : DownloadHandler
    {
    }

    public class UploadHandler
    {
        public byte[] data { get; protected set; }
    }

    public sealed class UploadHandlerRaw : UploadHandler
    {
        public UploadHandlerRaw(byte[] data)
        {
            this.data = data;
        }
    }

    public sealed class UnityWebRequestAsyncOperation : AsyncOperation
    {
    }

    public sealed class UnityWebRequest : IDisposable
    {
        public enum Result
        {
            InProgress,
            Success,
            ConnectionError,
            ProtocolError,
            DataProcessingError,
        }

        /// <summary>What was sent; the test answers it.</summary>
        public static readonly List<UnityWebRequest> Sent = new List<UnityWebRequest>();

        public UnityWebRequest(string url, string method)
        {
            this.url = url;
            this.method = method;
        }

        public readonly Dictionary<string, string> RequestHeaders = new Dictionary<string, string>();
        public Dictionary<string, string> ResponseHeaders;
        public UnityWebRequestAsyncOperation Operation = new UnityWebRequestAsyncOperation();
        public bool Aborted;
        public bool Disposed;
        public string url { get; }
        public string method { get; }
        public DownloadHandler downloadHandler { get; set; }
        public UploadHandler uploadHandler { get; set; }
        public int redirectLimit { get; set; }
        public int timeout { get; set; }
        public Result result { get; set; }
        public long responseCode { get; set; }
        public string error { get; set; }

        public void SetRequestHeader(string name, string value)
        {
            RequestHeaders[name] = value;
        }

        public Dictionary<string, string> GetResponseHeaders()
        {
            return ResponseHeaders;
        }

        public UnityWebRequestAsyncOperation SendWebRequest()
        {
            Sent.Add(this);
            return Operation;
        }

        public void Abort()
        {
            Aborted = true;
            Answer(Result.ConnectionError, 0, null, "Request aborted");
        }

        public void Answer(Result how, long code, string body, string why = null)
        {
            result = how;
            responseCode = code;
            error = why;
            downloadHandler.data = body == null ? null : System.Text.Encoding.UTF8.GetBytes(body);
            Operation.Complete();
        }

        public void Dispose()
        {
            Disposed = true;
        }
    }
}
