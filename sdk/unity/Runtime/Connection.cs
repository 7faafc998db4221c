using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading.Tasks;

namespace Hotseat
{
    /// <summary>
    /// One HTTP/1.1 connection (RFC 9112): a request, then its response, piece by piece.
    /// Disposing it ends what waits, with an IOException or an ObjectDisposedException.
    /// </summary>
    internal sealed class Connection : IDisposable
    {
        private const int LargestHead = 1 << 16;
        private const long Largest = 64L << 20;
        private static readonly Encoding Latin = Encoding.GetEncoding("ISO-8859-1");
        private readonly Stream stream;
        private readonly byte[] buffer = new byte[1 << 14];
        private int start, end; // what of the buffer has not been used
        private long left; // of the body or the chunk; -1: until the connection closes
        private bool isChunked, isOver, mayStay;

        public Connection(Stream stream)
        {
            this.stream = stream;
        }

        /// <summary>Whether any byte of a response has come.</summary>
        public bool HasAnswered { get; private set; }

        /// <summary>Whether it can take a further request.</summary>
        public bool IsReusable => isOver && mayStay && start == end;

        /// <summary>The time of its last use.</summary>
        public double Since { get; set; }

        public int Status { get; private set; }
        public Dictionary<string, string> Headers { get; private set; }

        /// <summary>Send a request and read the head of its response; skips interim ones.</summary>
        public async Task Ask(Request request, Uri url)
        {
            HasAnswered = isOver = false;
            var whole = Written(request, url);
            await stream.WriteAsync(whole, 0, whole.Length).ConfigureAwait(false);
            do
            {
                await Head().ConfigureAwait(false);
            }
            while (Status < 200);
            Frame();
        }

        /// <summary>The next bytes of the body; null at its end.</summary>
        public async Task<byte[]> Piece()
        {
            if (isOver) return null;
            if (isChunked && left == 0) left = await ChunkSize().ConfigureAwait(false);
            if (left == 0)
            {
                if (isChunked) while (await Line().ConfigureAwait(false) != "") { } // trailers
                isOver = true;
                return null;
            }
            if (start == end && !await Fill().ConfigureAwait(false))
            {
                if (left > 0 || isChunked) throw new IOException("the answer broke off");
                isOver = true;
                return null;
            }
            var count = left < 0 ? end - start : (int)Math.Min(left, end - start);
            var piece = new byte[count];
            Array.Copy(buffer, start, piece, 0, count);
            start += count;
            if (left > 0) left -= count;
            if (isChunked && left == 0 && await Line().ConfigureAwait(false) != "")
            {
                throw new IOException("the answer has a wrong chunk");
            }
            return piece;
        }

        /// <summary>The rest of the body; throws IOException for one of over 64 MiB.</summary>
        public async Task<byte[]> Body()
        {
            var body = new MemoryStream();
            for (var piece = await Piece().ConfigureAwait(false); piece != null;
                piece = await Piece().ConfigureAwait(false))
            {
                body.Write(piece, 0, piece.Length);
                if (body.Length > Largest) throw new IOException("the answer is too large");
            }
            return body.ToArray();
        }

        public void Dispose()
        {
            stream.Dispose();
        }

        /// <summary>The bytes of a request.</summary>
        internal static byte[] Written(Request request, Uri url)
        {
            // IdnHost has no brackets
            var host = url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost;
            // the path as it was quoted: Uri would change some of it
            var path = request.Url.IndexOf('/', request.Url.IndexOf("://", StringComparison.Ordinal) + 3);
            var head = new StringBuilder();
            head.Append(request.Method).Append(' ')
                .Append(path < 0 ? "/" : request.Url.Substring(path)).Append(" HTTP/1.1\r\nhost: ")
                .Append(url.IsDefaultPort ? host : host + ":" + url.Port).Append("\r\n");
            foreach (var header in request.Headers)
            {
                head.Append(header.Key).Append(": ").Append(header.Value).Append("\r\n");
            }
            if (request.Body != null) head.Append("content-length: ").Append(request.Body.Length).Append("\r\n");
            var lines = Encoding.ASCII.GetBytes(head.Append("\r\n").ToString());
            if (request.Body == null) return lines;
            var whole = new byte[lines.Length + request.Body.Length]; // one packet where it fits
            lines.CopyTo(whole, 0);
            request.Body.CopyTo(whole, lines.Length);
            return whole;
        }

        private async Task Head()
        {
            Begin(await Line().ConfigureAwait(false));
            for (var line = await Line().ConfigureAwait(false); line != "";
                line = await Line().ConfigureAwait(false))
            {
                Add(line);
            }
        }

        private void Begin(string line)
        {
            var isHttp = line.Length >= 12 && line.StartsWith("HTTP/1.", StringComparison.Ordinal)
                && int.TryParse(line.Substring(9, 3), NumberStyles.None,
                    CultureInfo.InvariantCulture, out var status)
                && (Status = status) >= 100;
            if (!isHttp) throw new IOException("the answer is not HTTP");
            mayStay = line[7] != '0';
            Headers = new Dictionary<string, string>();
        }

        private void Add(string line)
        {
            var colon = line.IndexOf(':');
            if (colon < 1) throw new IOException("the answer has a wrong header");
            var name = line.Substring(0, colon).ToLowerInvariant();
            var value = line.Substring(colon + 1).Trim(' ', '\t');
            Headers[name] = Headers.TryGetValue(name, out var before) ? before + ", " + value : value;
        }

        /// <summary>How the body ends (RFC 9112, section 6.3).</summary>
        private void Frame()
        {
            left = -1;
            isChunked = false;
            if (Of("connection").IndexOf("close", StringComparison.OrdinalIgnoreCase) >= 0) mayStay = false;
            if (Status == 204 || Status == 304)
            {
                left = 0;
            }
            else if (Of("transfer-encoding") != "")
            {
                isChunked = Of("transfer-encoding").EndsWith("chunked", StringComparison.OrdinalIgnoreCase);
                left = isChunked ? 0 : -1;
            }
            else if (Of("content-length") != "")
            {
                if (!long.TryParse(Of("content-length"), NumberStyles.None, CultureInfo.InvariantCulture, out left))
                {
                    throw new IOException("the answer has a wrong length");
                }
                if (left > Largest) throw new IOException("the answer is too large");
            }
            if (left < 0) mayStay = false;
        }

        private string Of(string name)
        {
            return Headers.TryGetValue(name, out var value) ? value : "";
        }

        private async Task<long> ChunkSize()
        {
            return Size(await Line().ConfigureAwait(false));
        }

        private static long Size(string line)
        {
            var size = line.Split(';')[0].Trim();
            if (!long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bytes)
                || bytes < 0 || bytes > Largest)
            {
                throw new IOException("the answer has a wrong chunk");
            }
            return bytes;
        }

        private async Task<string> Line()
        {
            var line = new List<byte>();
            while (true)
            {
                if (start == end && !await Fill().ConfigureAwait(false))
                {
                    throw new IOException("the connection broke off");
                }
                var at = Array.IndexOf(buffer, (byte)'\n', start, end - start);
                var stop = at < 0 ? end : at;
                for (; start < stop; start++) line.Add(buffer[start]);
                if (line.Count > LargestHead) throw new IOException("the answer has no end of line");
                if (at < 0) continue;
                start++;
                return Latin.GetString(line.ToArray()).TrimEnd('\r');
            }
        }

        private async Task<bool> Fill()
        {
            start = 0;
            end = await stream.ReadAsync(buffer, 0, buffer.Length).ConfigureAwait(false);
            HasAnswered |= end > 0;
            return end > 0;
        }
    }
}
